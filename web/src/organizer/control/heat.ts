import type { Scene } from '@/lib/hall/scene';
import type { SeatState } from '@/lib/hall/state';
import { AVAILABLE, HELD, SOLD } from '@/lib/hall/status';

/** A square of the hall and its seats, or an area without seats. */
export interface Cell {
  outline: [number, number][];
  seats: number[];
}

export interface Tally {
  sold: number;
  held: number;
  free: number;
}

/** So many at most, in one row or in a square. */
const CELLS = 900;

/** The hall in squares of some seats each, wide enough that there are not too many. */
export function cellsOf({ geometry, bounds, pitch, outlines }: Scene): Cell[] {
  const width = bounds.x1 - bounds.x0;
  const height = bounds.y1 - bounds.y0;
  const size = Math.max(pitch * 3, Math.sqrt((width * height) / CELLS), 1);
  const cells = new Map<string, Cell>();
  for (let seat = 0; seat < geometry.count; seat += 1) {
    if (geometry.gone[seat]) continue;
    const section = geometry.section[seat] ?? 0;
    const isArea = geometry.sections[section]?.kind === 'standing';
    const column = Math.floor(((geometry.x[seat] ?? 0) - bounds.x0) / size);
    const row = Math.floor(((geometry.y[seat] ?? 0) - bounds.y0) / size);
    const key = isArea ? `area ${String(section)}` : `${String(column)} ${String(row)}`;
    let cell = cells.get(key);
    if (!cell) {
      const x = bounds.x0 + column * size;
      const y = bounds.y0 + row * size;
      const right = Math.min(x + size, bounds.x1);
      const bottom = Math.min(y + size, bounds.y1);
      const square: [number, number][] = [
        [x, y],
        [right, y],
        [right, bottom],
        [x, bottom],
      ];
      cell = { outline: isArea ? (outlines[section] ?? square) : square, seats: [] };
      cells.set(key, cell);
    }
    cell.seats.push(seat);
  }
  return [...cells.values()];
}

export function tallyOf(seats: Iterable<number>, { status }: SeatState): Tally {
  const tally = { sold: 0, held: 0, free: 0 };
  for (const seat of seats) {
    const now = status[seat];
    if (now === SOLD) tally.sold += 1;
    else if (now === HELD) tally.held += 1;
    else if (now === AVAILABLE) tally.free += 1;
  }
  return tally;
}

/** Of what is on sale; null where nothing is. */
export function soldShare({ sold, held, free }: Tally): number | null {
  const all = sold + held + free;
  return all > 0 ? sold / all : null;
}

export const STEPS = ['nothing', 'under a third', 'under two thirds', 'most', 'all'];

/** Which of the steps a share is; nothing and all are steps of their own. */
export function stepOf(share: number): number {
  if (share === 0) return 0;
  if (share === 1) return 4;
  return 1 + Math.min(2, Math.floor(share * 3));
}
