import { count, counted } from '@/lib/words';

/** Between which moments, on this device's clock, somebody's turn is expected; `latest` null is "nobody knows". */
export interface Estimate {
  earliest: number;
  latest: number | null;
  /** It takes longer than was said before. */
  isLonger: boolean;
}

const MINUTE_MS = 60_000;
/** By so much more of what is left, and a minute, an estimate may grow without a word: then the old one is kept. */
const TOLERANCE = 0.1;

export type PerMinute = readonly [number, number, number];

/** When it is the turn of somebody who is `distance` numbers away, by how many were called in a minute lately. */
export function estimated(
  distance: number,
  [slow, , fast]: PerMinute,
  now: number,
): Estimate | null {
  if (fast <= 0) return null;
  const after = (rate: number) => now + (distance / rate) * MINUTE_MS;
  return { earliest: after(fast), latest: slow > 0 ? after(slow) : null, isLonger: false };
}

/**
 * What is said next. A range that was said only shrinks: a later end that is hardly later is not taken up, and one that
 * is much later is said to be.
 */
export function nextEstimate(said: Estimate | null, fresh: Estimate, now: number): Estimate {
  if (said === null) return fresh;
  const before = said.latest ?? Infinity;
  const after = fresh.latest ?? Infinity;
  if (after <= before) {
    const isShorter = after < before - allowance(before, now);
    return {
      earliest: Math.min(said.earliest, fresh.earliest),
      latest: fresh.latest,
      isLonger: said.isLonger && !isShorter,
    };
  }
  if (after <= before + allowance(before, now)) return said;
  return { ...fresh, isLonger: true };
}

const allowance = (end: number, now: number) =>
  Number.isFinite(end) ? Math.max(0, end - now) * TOLERANCE + MINUTE_MS : 0;

const HOURS_FROM_MINUTES = 90;

/** Half hours are enough from an hour and a half on. */
function length(minutes: number): [value: number, unit: string] {
  return minutes > HOURS_FROM_MINUTES ? [Math.ceil(minutes / 30) / 2, 'hour'] : [minutes, 'minute'];
}

/** "4 to 9 minutes", "about 2 hours", "more than 3 hours", "any moment now". */
export function estimateWords({ earliest, latest }: Estimate, now: number): string {
  const least = Math.floor(Math.max(0, earliest - now) / MINUTE_MS);
  if (latest === null)
    return least > 0 ? `more than ${counted(...length(least))}` : 'not known yet';
  const most = Math.ceil(Math.max(0, latest - now) / MINUTE_MS);
  if (most === 0) return 'any moment now';
  if (most === 1) return 'less than a minute';
  const to = length(most);
  if (least === 0) return `less than ${counted(...to)}`;
  const from = length(least);
  if (from[1] !== to[1]) return `${counted(...from)} to ${counted(...to)}`;
  return from[0] === to[0] ? `about ${counted(...to)}` : `${count(from[0])} to ${counted(...to)}`;
}
