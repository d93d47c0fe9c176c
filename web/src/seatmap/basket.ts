import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { placeName } from '@/lib/words';
import { seatLabel, type Geometry } from '@/lib/hall/geometry';
import type { SeatState } from '@/lib/hall/state';

/** The most seats of one hold. */
export const mostSeats = (event: EventInfo): number =>
  Math.min(event.max_seats_per_order, event.max_seats_per_buyer ?? Infinity);

export interface BasketLine {
  key: string;
  name: string;
  category: number;
  ordinals: number[];
  priceMinor: number;
}

export function priceOf(event: EventInfo, geometry: Geometry, ordinal: number): number {
  const category = geometry.categories[geometry.category[ordinal] ?? 0]?.name ?? '';
  return event.prices[category] ?? 0;
}

/** What each section costs: one price, or from the lowest to the highest of its seats. */
export function sectionPrices(event: EventInfo, geometry: Geometry): string[] {
  const found = geometry.sections.map((section) =>
    section.kind === 'standing' ? new Set([section.category]) : new Set<number>(),
  );
  for (const run of geometry.runs) {
    if (geometry.sections[run.section]?.kind !== 'standing') {
      found[run.section]?.add(run.category);
    }
  }
  return found.map((categories) => {
    const prices = [...categories].map(
      (category) => event.prices[geometry.categories[category]?.name ?? ''] ?? 0,
    );
    if (prices.length === 0) return '';
    const [low, high] = [Math.min(...prices), Math.max(...prices)];
    const words = (price: number) => formatMoney(price, event.currency);
    return low === high ? words(low) : `${words(low)}–${words(high)}`;
  });
}

export function nameOf(geometry: Geometry, ordinal: number): string {
  return placeName(seatLabel(geometry, ordinal));
}

/** One line per seat in the order of the plan, one per standing area. */
export function basketLines(event: EventInfo, state: SeatState): BasketLine[] {
  const { geometry } = state;
  const lines = new Map<string, BasketLine>();
  for (const ordinal of [...state.selected].sort((a, b) => a - b)) {
    const section = geometry.sections[geometry.section[ordinal] ?? 0];
    const standing = section?.kind === 'standing';
    const key = standing ? section.id : String(ordinal);
    const line = lines.get(key);
    if (line) {
      line.ordinals.push(ordinal);
      line.priceMinor += priceOf(event, geometry, ordinal);
    } else {
      lines.set(key, {
        key,
        name: nameOf(geometry, ordinal),
        category: geometry.category[ordinal] ?? 0,
        ordinals: [ordinal],
        priceMinor: priceOf(event, geometry, ordinal),
      });
    }
  }
  return [...lines.values()];
}

/** The section's index if the whole selection stands in one area, where any place is as good as another. */
export function soleStandingSection(state: SeatState): number | null {
  const { geometry } = state;
  const sections = new Set([...state.selected].map((ordinal) => geometry.section[ordinal] ?? 0));
  const [only] = sections;
  if (sections.size !== 1 || only === undefined) return null;
  return geometry.sections[only]?.kind === 'standing' ? only : null;
}
