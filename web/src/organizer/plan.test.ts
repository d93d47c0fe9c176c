import { describe, expect, it } from 'vitest';
import { PlanError, summarize } from './plan';

const plan = {
  name: 'Hall',
  categories: [{ name: 'Stalls' }, { name: 'Box' }],
  zones: [
    {
      name: 'Block A',
      rows: [{ seats: [{ category: 'Stalls' }, { category: 'Stalls' }, { category: 'Box' }] }],
    },
    { name: 'Floor', rows: [] },
  ],
};

describe('a plan file', () => {
  it('tells its categories, zones and seats', () => {
    expect(summarize(JSON.stringify(plan)).summary).toEqual({
      name: 'Hall',
      seats: 3,
      categories: [
        { name: 'Stalls', seats: 2 },
        { name: 'Box', seats: 1 },
      ],
      zones: ['Block A', 'Floor'],
    });
  });

  it.each([
    '{',
    '[]',
    '"text"',
    '{"categories": [], "zones": []}',
    '{"categories": [{"name": "A"}]}',
  ])('is refused when it is %s', (text) => {
    expect(() => summarize(text)).toThrow(PlanError);
  });
});
