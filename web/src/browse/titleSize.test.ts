import { expect, it } from 'vitest';
import { titleSize } from './titleSize';

it('makes room for long words and long titles', () => {
  expect(titleSize('A Winter’s Tailor')).toContain('lg:text-9xl');
  expect(titleSize('The Lamplighter’s Daughter')).toContain('lg:text-8xl');
  expect(titleSize('Abcdefghijklmnopqrstuvwxyz')).toContain('lg:text-6xl');
  expect(titleSize('word '.repeat(30))).toContain('lg:text-6xl');
});
