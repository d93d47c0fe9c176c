/**
 * Fails where the first page loads more JavaScript than it may: what index.html names, compressed as the server sends it.
 * What a page does not need belongs behind a dynamic import.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 138_000;

const dist = new URL('../dist/', import.meta.url);
const page = readFileSync(new URL('index.html', dist), 'utf8');
const files = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
if (files.length === 0) throw new Error('dist/index.html names no JavaScript.');

let total = 0;
for (const name of files) {
  const bytes = gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${name}`);
}
console.log(`${String(total).padStart(8)}  first JavaScript, gzip; ${BUDGET_BYTES} at most`);
if (total > BUDGET_BYTES) process.exit(1);
