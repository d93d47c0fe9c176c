import { expect, it } from 'vitest';
import { Scene } from '@/lib/hall/scene';
import { SeatState } from '@/lib/hall/state';
import { BLOCKED, HELD, SOLD } from '@/lib/hall/status';
import { smallHall } from '@/lib/hall/testing';
import { cellsOf, soldShare, stepOf, tallyOf } from './heat';

it('has every seat in one cell, and an area in one of its own', () => {
  const scene = new Scene(smallHall());
  const cells = cellsOf(scene);
  const seats = cells.flatMap((cell) => cell.seats).sort((a, b) => a - b);
  expect(seats).toEqual(Array.from({ length: 25 }, (_, seat) => seat));
  expect(cells.filter((cell) => cell.seats.includes(20)).map((cell) => cell.seats)).toEqual([
    [20, 21, 22, 23, 24],
  ]);
  expect(cells.length).toBeGreaterThan(4);
  expect(cells.length).toBeLessThan(25);
});

it('draws nothing beyond the hall', () => {
  const scene = new Scene(smallHall());
  const bounds = { x0: -10, y0: 90, x1: 190, y1: 210 };
  const cells = cellsOf(Object.assign(scene, { bounds })).filter(
    ({ seats }) => !seats.includes(20),
  );
  const corners = cells.flatMap((cell) => cell.outline);
  expect(Math.max(...corners.map(([x]) => x))).toBe(190);
  expect(Math.max(...corners.map(([, y]) => y))).toBe(210);
});

it('counts what is sold of what is on sale', () => {
  const state = new SeatState(smallHall());
  state.mark([0, 1, 2], SOLD);
  state.mark([3], HELD);
  state.mark([4, 5], BLOCKED);
  const tally = tallyOf([0, 1, 2, 3, 4, 5, 6, 7], state);
  expect(tally).toEqual({ sold: 3, held: 1, free: 2 });
  expect(soldShare(tally)).toBe(0.5);
  expect(soldShare(tallyOf([4, 5], state))).toBeNull();
});

it('shows nothing and all as steps of their own', () => {
  expect([0, 0.01, 0.33, 0.34, 0.66, 0.67, 0.99, 1].map(stepOf)).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
});
