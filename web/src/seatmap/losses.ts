import { placesIn } from './map/best';
import type { SeatState } from '@/lib/hall/state';

/**
 * Takes seats that are no longer free out of the selection. A standing place is as good as any other of its area, so it
 * is swapped while there are some. Returns the seats that are gone for good.
 */
export function dropLost(state: SeatState, lost: readonly number[]): number[] {
  const { geometry } = state;
  const kept = new Set([...state.selected].filter((ordinal) => !lost.includes(ordinal)));
  const gone: number[] = [];
  for (const ordinal of lost) {
    const section = geometry.section[ordinal] ?? 0;
    const standing = geometry.sections[section]?.kind === 'standing';
    const other = standing
      ? placesIn(state, section, kept.size + 1).find((place) => !kept.has(place))
      : undefined;
    if (other === undefined) gone.push(ordinal);
    else kept.add(other);
  }
  state.select(kept);
  return gone;
}
