import { describe, expect, it, vi } from 'vitest';
import { FormatError } from './bytes';
import { SeatState } from './state';
import { decodeStatus, readDelta } from './status';
import { encodeDelta, encodeStatus, smallHall } from './testing';

const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

describe('the snapshot', () => {
  it('has two bits a seat', () => {
    const status = [0, 1, 2, 3, 2, 1];
    const decoded = decodeStatus(encodeStatus(status, 2n ** 63n + 7n));
    expect([...decoded.status]).toEqual(status);
    expect(decoded.version).toBe('9223372036854775815');
  });

  it('is refused when cut short', () => {
    expect(() => decodeStatus(encodeStatus([1, 2, 3, 0, 1], 1n).subarray(0, 17))).toThrow(
      FormatError,
    );
    expect(() => decodeStatus(new Uint8Array(20))).toThrow(FormatError);
  });
});

describe('changes', () => {
  it('come as gaps, however large', () => {
    const changes: [number, number][] = [
      [0, 3],
      [1, 0],
      [33, 2],
      [79_999, 1],
    ];
    const seen: [number, number][] = [];
    readDelta(encodeDelta(changes), 80_000, (ordinal, status) => seen.push([ordinal, status]));
    expect(seen).toEqual(changes);
  });

  it('are refused outside of the map or cut short', () => {
    const apply = vi.fn();
    expect(() => readDelta(encodeDelta([[25, 1]]), 25, apply)).toThrow(FormatError);
    expect(() => readDelta(btoa('\x80'), 25, apply)).toThrow(FormatError);
    expect(apply).not.toHaveBeenCalled();
  });

  it('lead to the same state as the server, after any number of them', () => {
    const hall = smallHall();
    const state = new SeatState(hall);
    const truth = new Array<number>(hall.count).fill(0);
    state.load(decodeStatus(encodeStatus(truth, 1n)));
    const next = random(42);
    for (let round = 0; round < 500; round += 1) {
      const changed = new Map<number, number>();
      for (let i = 0; i < 4; i += 1) {
        changed.set(Math.floor(next() * hall.count), Math.floor(next() * 4));
      }
      for (const [ordinal, status] of changed) truth[ordinal] = status;
      state.applyDelta(encodeDelta([...changed].sort((a, b) => a[0] - b[0])));
    }
    expect([...state.status]).toEqual(truth);
    const free = (from: number, to: number) =>
      truth.slice(from, to).filter((status) => status === 0).length;
    expect([...state.available]).toEqual([free(0, 20), free(20, 25)]);
  });
});

describe('the state', () => {
  it('takes no seat for free before the first snapshot', () => {
    expect(new SeatState(smallHall()).isFree(0)).toBe(false);
  });

  it('refuses the status of another plan', () => {
    const state = new SeatState(smallHall());
    expect(() => state.load(decodeStatus(encodeStatus([0, 0], 1n)))).toThrow(RangeError);
  });

  it('tells its listeners once per change', () => {
    const state = new SeatState(smallHall());
    const listener = vi.fn();
    const stop = state.subscribe(listener);
    state.select([1, 2]);
    state.mark([1], 1);
    stop();
    state.select([]);
    expect(listener).toHaveBeenCalledTimes(2);
  });
});
