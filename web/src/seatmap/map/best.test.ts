import { describe, expect, it } from 'vitest';
import { placesIn, suggest } from './best';
import { SeatState } from '@/lib/hall/state';
import { HELD, SOLD } from '@/lib/hall/status';
import { smallHall } from '@/lib/hall/testing';

function hall() {
  const geometry = smallHall();
  const state = new SeatState(geometry);
  state.load({ version: '1', status: new Uint8Array(geometry.count) });
  return state;
}

const wish = (quantity: number, category: number | null = null) => ({
  quantity,
  category,
  section: null,
});

describe('the best seats', () => {
  it('are neighbours in the middle of the row nearest to the stage', () => {
    expect(suggest(hall(), wish(2))).toEqual({ ordinals: [4, 5], together: true });
  });

  it('go around those that are gone', () => {
    const state = hall();
    state.mark([4], SOLD);
    expect(suggest(state, wish(2))?.ordinals).toEqual([5, 6]);
  });

  it('keep to the category and never name standing places', () => {
    expect(suggest(hall(), wish(2, 1))?.ordinals.every((seat) => seat >= 10 && seat < 20)).toBe(
      true,
    );
  });

  it('may be near to another point', () => {
    const near = { x: 0, y: 100 };
    expect(suggest(hall(), { ...wish(1), near })?.ordinals).toEqual([0]);
    expect(suggest(hall(), { ...wish(1), near, avoid: new Set([0]) })?.ordinals).toEqual([1]);
  });

  it('are scattered when no neighbours are left', () => {
    const state = hall();
    state.mark([1, 3, 5, 7, 9, ...Array.from({ length: 10 }, (_, index) => 10 + index)], HELD);
    const found = suggest(state, wish(2));
    expect(found?.together).toBe(false);
    expect([...(found?.ordinals ?? [])].sort((a, b) => a - b)).toEqual([4, 6]);
  });

  it('are none when there are not enough', () => {
    expect(suggest(hall(), wish(21))).toBeNull();
  });
});

describe('standing places', () => {
  it('are free ones of the area, each once', () => {
    const state = hall();
    state.mark([20], SOLD);
    const places = placesIn(state, 1, 3);
    expect(new Set(places).size).toBe(3);
    expect(places.every((place) => place > 20)).toBe(true);
    expect(placesIn(state, 1, 99)).toHaveLength(4);
  });
});
