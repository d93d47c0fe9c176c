import { readFileSync } from 'node:fs';
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

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    screens,
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
        icons: [{ src: '/icon.svg', sizes: 'any', type: 'image/svg+xml' }],
      },
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,woff2}'],
        // Letters that few titles have come from the network when one does.
        globIgnores: ['**/*-{latin-ext,cyrillic,cyrillic-ext,greek,greek-ext,vietnamese}-*.woff2'],
        navigateFallback: '/index.html',
        // The server's own paths are pages too: its documents of the API, its health.
        navigateFallbackDenylist: [/^\/(api|healthz|readyz|metrics|\.well-known)(\/|$)/],
        cleanupOutdatedCaches: true,
        inlineWorkboxRuntime: true,
        sourcemap: false,
      },
    }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    proxy: { '/api': backEnd, '/.well-known': backEnd, '/healthz': backEnd },
  },
  build: {
    target: 'es2022',
    // The content-security policy allows no data: fonts, and small assets gain nothing from inlining over HTTP.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in some set-ups; every supported browser preloads modules by itself.
    modulePreload: { polyfill: false },
  },
  test: {
    projects: [
      {
        // Most tests need no document; those that do say so in their first line.
        extends: true,
        test: { name: 'unit', environment: 'node', include: ['src/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'components',
          environment: 'jsdom',
          include: ['src/**/*.test.tsx'],
          setupFiles: ['src/test/setup.ts'],
        },
      },
    ],
  },
});
