// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { estimated, estimateWords, nextEstimate, type Estimate } from './estimate';

const NOW = 1_000_000_000;
const MINUTE = 60_000;

const range = (from: number, to: number | null, isLonger = false): Estimate => ({
  earliest: NOW + from * MINUTE,
  latest: to === null ? null : NOW + to * MINUTE,
  isLonger,
});

it('tells the range from the slow and the fast pace', () => {
  expect(estimated(1200, [100, 150, 200], NOW)).toEqual(range(6, 12));
});

it('does not know how long where nobody was called in a slow minute', () => {
  expect(estimated(100, [0, 50, 100], NOW)).toEqual(range(1, null));
  expect(estimated(100, [0, 0, 0], NOW)).toBeNull();
});

it.each<[string, Estimate, Estimate, Estimate]>([
  ['shrinks', range(6, 12), range(5, 9), range(5, 9)],
  ['never begins later', range(6, 12), range(8, 11), range(6, 11)],
  ['keeps what it said over a small change', range(6, 12), range(7, 13), range(6, 12)],
  ['says that it takes longer', range(6, 12), range(10, 20), range(10, 20, true)],
  ['goes on saying so', range(10, 20, true), range(10, 20), range(10, 20, true)],
  ['stops saying so when it gets shorter', range(10, 20, true), range(6, 12), range(6, 12)],
  ['says so where nobody knows any more', range(6, 12), range(6, null), range(6, null, true)],
  ['takes up what becomes known', range(6, null), range(5, 30), range(5, 30)],
])('%s', (_, said, fresh, next) => {
  expect(nextEstimate(said, fresh, NOW)).toEqual(next);
});

it.each<[Estimate, string]>([
  [range(4, 9), '4 to 9 minutes'],
  [range(4.9, 5), '4 to 5 minutes'],
  [range(5, 5), 'about 5 minutes'],
  [range(0.5, 3), 'less than 3 minutes'],
  [range(0.1, 0.9), 'less than a minute'],
  [range(-3, -1), 'any moment now'],
  [range(60, 120), '60 minutes to 2 hours'],
  [range(120, 200), '2 to 3.5 hours'],
  [range(180, null), 'more than 3 hours'],
  [range(0.5, null), 'not known yet'],
])('words of %j', (estimate, words) => {
  expect(estimateWords(estimate, NOW)).toBe(words);
});
