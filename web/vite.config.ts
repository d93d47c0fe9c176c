import { readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { VitePWA } from 'vite-plugin-pwa';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const backEnd = process.env.HOUSEFUL_API ?? 'http://127.0.0.1:8000';

/** Tells the server which paths are screens, so that anything else can be a 404. */
const screens: Plugin = {
  name: 'screens',
  generateBundle() {
    const router = readFileSync(new URL('./src/app/router.tsx', import.meta.url), 'utf8');
    const paths = [...router.matchAll(/^\s*path: '([^']+)',$/gm)].map(([, path]) => path);
    if (!paths.includes('/')) this.error('no paths are found in src/app/router.tsx');
    this.emitFile({ type: 'asset', fileName: 'screens.json', source: JSON.stringify(paths) });
  },
};

/** Parts of axios that no call of this app reaches: requests go by XMLHttpRequest, bodies are JSON, signals cancel. */
const UNUSED_OF_AXIOS = [
  'adapters/fetch.js',
  'cancel/CancelToken.js',
  'helpers/HttpStatusCode.js',
  'helpers/formDataToJSON.js',
];

const NOTHING = '\0nothing-of-axios';

/** Leaves them out as axios itself leaves out its adapter for Node: with a module that exports null. */
function leanAxios(): Plugin {
  const axios = fileURLToPath(new URL('./node_modules/axios/lib/', import.meta.url));
  const unused = new Set(UNUSED_OF_AXIOS.map((name) => resolve(axios, name)));
  const missing = new Set(unused);
  return {
    name: 'lean-axios',
    apply: 'build',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!importer?.startsWith(axios) || !source.startsWith('.')) return null;
      const file = resolve(dirname(importer), source);
      if (!unused.has(file)) return null;
      missing.delete(file);
      return NOTHING;
    },
    load: (id) => (id === NOTHING ? 'export const getFetch = null; export default null;' : null),
    buildEnd(error) {
      if (!error && missing.size > 0)
        this.error(`axios has no ${[...missing].join(', ')} any more`);
    },
  };
}

const components = {
  environment: 'jsdom',
  include: ['src/**/*.test.tsx'],
  setupFiles: ['src/test/setup.ts'],
};

/** Files that replace modules: what they import is imported anew. The others share it, which takes a third of the work. */
const replacing = readdirSync(new URL('./src', import.meta.url), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((file) => file.endsWith('.test.tsx'))
  .map((file) => `src/${file}`)
  .filter((file) => readFileSync(new URL(file, import.meta.url), 'utf8').includes('vi.mock('));

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    screens,
    leanAxios(),
    // Every page of the app works without a network once one page has been seen; the API is never kept.
    VitePWA({
      // The page decides when a new version takes over: see src/app/version.ts.
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        name: 'Houseful',
        short_name: 'Houseful',
        description: 'Tickets with the seat you choose.',
        start_url: '/',
        display: 'standalone',
        background_color: '#ffffff',
        theme_color: '#ffffff',
        shortcuts: [{ name: 'Gate', url: '/gate' }],
        icons: [{ src: '/icon.svg', sizes: 'any', type: 'image/svg+xml' }],
      },
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,woff2}'],
        // Letters that few titles have come from the network when one does.
        globIgnores: ['**/*-{latin-ext,cyrillic,cyrillic-ext,greek,greek-ext,vietnamese}-*.woff2'],
        navigateFallback: '/index.html',
        // The server's own paths are pages too: its documents of the API, its health.
        navigateFallbackDenylist: [/^\/(api|healthz|readyz|metrics|\.well-known)(\/|$)/],
        runtimeCaching: [
          {
            // What reads codes from a gate's camera: a megabyte that only a gate asks for, kept from then on.
            urlPattern: /\/assets\/.*\.wasm$/,
            handler: 'CacheFirst',
            options: { cacheName: 'code-reader', expiration: { maxEntries: 1 } },
          },
        ],
        cleanupOutdatedCaches: true,
        inlineWorkboxRuntime: true,
        sourcemap: false,
      },
    }),
  ],
  resolve: {
    alias: {
      '@': fileURLToPath(new URL('./src', import.meta.url)),
      // React has had this hook since 18; the shim, which the router's store asks for, brings it along once more.
      'use-sync-external-store/shim/with-selector': 'use-sync-external-store/with-selector',
    },
  },
  server: {
    proxy: { '/api': backEnd, '/.well-known': backEnd, '/healthz': backEnd },
  },
  build: {
    target: 'es2022',
    // The content-security policy allows no data: fonts, and small assets gain nothing from inlining over HTTP.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in some set-ups; every supported browser preloads modules by itself.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What every page needs, in two files: they compress better than many small ones, and a new version of the
            // app leaves the libraries in the browser's cache.
            { name: 'libraries', test: /node_modules/, tags: ['$initial'], priority: 2 },
            { name: 'app', tags: ['$initial'], priority: 1 },
          ],
        },
      },
    },
  },
  test: {
    testTimeout: 120_000,
    projects: [
      {
        // Most tests need no document; those that do say so in their first line.
        extends: true,
        test: { name: 'unit', environment: 'node', include: ['src/**/*.test.ts'] },
      },
      {
        extends: true,
        test: { ...components, name: 'components', exclude: replacing, isolate: false },
      },
      {
        extends: true,
        test: { ...components, name: 'replacing', include: replacing },
      },
    ],
  },
});
