import { expect, it } from 'vitest';
import { byMinute, withGaps } from './series';

const series = [{ name: 'Inside', values: [1, 2, null, 4] }];

it('joins only points that follow each other', () => {
  const rows = withGaps({ at: [100, 110, 120, 200], series }, 10);
  expect(rows.at).toEqual([100, 110, 120, 130, 200]);
  expect(rows.series[0]?.values).toEqual([1, 2, null, null, 4]);
});

it('tells the last point of each minute, the latest first', () => {
  const rows = byMinute({ at: [60, 110, 120, 200], series });
  expect(rows).toEqual([
    { at: 200, values: [4] },
    { at: 120, values: [null] },
    { at: 110, values: [2] },
  ]);
});
