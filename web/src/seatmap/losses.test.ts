import { expect, it } from 'vitest';
import { dropLost } from './losses';
import { SeatState } from '@/lib/hall/state';
import { HELD } from '@/lib/hall/status';
import { smallHall } from '@/lib/hall/testing';

function hall(selected: number[], taken: number[]) {
  const state = new SeatState(smallHall());
  state.load({ version: '1', status: new Uint8Array(25) });
  state.mark(taken, HELD);
  state.select(selected);
  return state;
}

it('drops a lost seat and keeps the others', () => {
  const state = hall([3, 4], [3]);
  expect(dropLost(state, [3])).toEqual([3]);
  expect([...state.selected]).toEqual([4]);
});

it('swaps standing places while the area has any', () => {
  const state = hall([20, 21, 22], [20, 21, 23]);
  expect(dropLost(state, [20, 21])).toEqual([21]);
  expect([...state.selected].sort()).toEqual([22, 24]);
});
