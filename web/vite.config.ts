import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const backEnd = process.env.HOUSEFUL_API ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [react(), tailwindcss()],
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
