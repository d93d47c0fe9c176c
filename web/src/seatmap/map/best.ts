import type { Geometry } from '@/lib/hall/geometry';
import type { SeatState } from '@/lib/hall/state';

export interface Suggestion {
  ordinals: number[];
  /** Whether all seats are neighbours in one row. */
  together: boolean;
}

export interface Wish {
  quantity: number;
  category: number | null;
  section: number | null;
  /** Near to what; the plan's focal point unless given. */
  near?: { x: number; y: number };
  /** Free seats that are not wanted, for instance those already chosen. */
  avoid?: ReadonlySet<number>;
}

function distance(geometry: Geometry, wish: Wish, ordinal: number): number {
  const { x, y } = wish.near ?? geometry.focal;
  return Math.hypot((geometry.x[ordinal] ?? 0) - x, (geometry.y[ordinal] ?? 0) - y);
}

/** The free seats nearest to a point: neighbours if possible, else the nearest ones of one section. */
export function suggest(state: SeatState, wish: Wish): Suggestion | null {
  const { geometry } = state;
  return nearestNeighbours(state, wish) ?? scattered(geometry, candidates(state, wish), wish);
}

function isWanted(state: SeatState, wish: Wish, ordinal: number): boolean {
  return state.isFree(ordinal) && !wish.avoid?.has(ordinal);
}

function fits(geometry: Geometry, wish: Wish, section: number, category: number): boolean {
  if (geometry.sections[section]?.kind === 'standing') return false;
  if (wish.section !== null && wish.section !== section) return false;
  return wish.category === null || wish.category === category;
}

function nearestNeighbours(state: SeatState, wish: Wish): Suggestion | null {
  const { geometry } = state;
  let best: number | null = null;
  let bestDistance = Infinity;
  for (const run of geometry.runs) {
    if (run.count < wish.quantity || !fits(geometry, wish, run.section, run.category)) continue;
    let free = 0;
    for (let i = run.first; i < run.first + run.count; i += 1) {
      free = isWanted(state, wish, i) ? free + 1 : 0;
      if (free < wish.quantity) continue;
      const first = i - wish.quantity + 1;
      const mean = (distance(geometry, wish, first) + distance(geometry, wish, i)) / 2;
      if (mean < bestDistance) {
        bestDistance = mean;
        best = first;
      }
    }
  }
  if (best === null) return null;
  const first = best;
  return {
    ordinals: Array.from({ length: wish.quantity }, (_, index) => first + index),
    together: true,
  };
}

function candidates(state: SeatState, wish: Wish): number[] {
  const { geometry } = state;
  const result: number[] = [];
  for (let i = 0; i < geometry.count; i += 1) {
    if (!isWanted(state, wish, i)) continue;
    if (fits(geometry, wish, geometry.section[i] ?? 0, geometry.category[i] ?? 0)) result.push(i);
  }
  return result;
}

function scattered(geometry: Geometry, free: number[], wish: Wish): Suggestion | null {
  const bySection = new Map<number, number[]>();
  for (const ordinal of free) {
    const section = geometry.section[ordinal] ?? 0;
    const list = bySection.get(section);
    if (list) list.push(ordinal);
    else bySection.set(section, [ordinal]);
  }
  let best: number[] | null = null;
  let bestSum = Infinity;
  for (const list of bySection.values()) {
    if (list.length < wish.quantity) continue;
    const nearest = list
      .map((ordinal) => ({ ordinal, away: distance(geometry, wish, ordinal) }))
      .sort((a, b) => a.away - b.away)
      .slice(0, wish.quantity);
    const sum = nearest.reduce((total, seat) => total + seat.away, 0);
    if (sum < bestSum) {
      bestSum = sum;
      best = nearest.map((seat) => seat.ordinal);
    }
  }
  return best && { ordinals: best, together: false };
}

/** Free places of a standing area. Spread at random, so that buyers at the same moment rarely want the same ones. */
export function placesIn(
  state: SeatState,
  section: number,
  quantity: number,
  random: () => number = Math.random,
): number[] {
  const area = state.geometry.sections[section];
  if (!area) return [];
  const free: number[] = [];
  for (let i = area.first; i < area.first + area.count; i += 1) if (state.isFree(i)) free.push(i);
  for (let i = 0; i < Math.min(quantity, free.length); i += 1) {
    const swap = i + Math.floor(random() * (free.length - i));
    [free[i], free[swap]] = [free[swap] ?? 0, free[i] ?? 0];
  }
  return free.slice(0, quantity);
}
