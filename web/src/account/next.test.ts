import { expect, it } from 'vitest';
import { safeNext } from './next';

it.each([
  ['/events/e/seats?resume=hold', '/events/e/seats?resume=hold'],
  [undefined, '/'],
  ['https://elsewhere.example', '/'],
  ['//elsewhere.example', '/'],
  ['/\\elsewhere.example', '/'],
])('%j leads to %j', (next, path) => {
  expect(safeNext(next)).toBe(path);
});
