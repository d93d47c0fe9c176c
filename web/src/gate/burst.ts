/** A scanner that plays a keyboard: many keys, faster than anybody types, with Enter at the end. */

export interface Burst {
  text: string;
  lastAt: number;
  /** What the field that had the focus held before; a scan must not stay in it. */
  before: string | null;
}

export const noBurst: Burst = { text: '', lastAt: 0, before: null };

const FASTEST_TYPING_MS = 40;
const SHORTEST_CODE = 8;

/** Another key after `burst`; `field` is the focused field's content before it. */
export function pressed(burst: Burst, key: string, at: number, field: string | null): Burst {
  if (Array.from(key).length !== 1) return burst;
  return burst.text !== '' && at - burst.lastAt <= FASTEST_TYPING_MS
    ? { ...burst, text: burst.text + key, lastAt: at }
    : { text: key, lastAt: at, before: field };
}

/** What was scanned, if Enter at this moment ends a scan. */
export function scannedBy(burst: Burst, at: number): string | null {
  const isFast = at - burst.lastAt <= FASTEST_TYPING_MS;
  return isFast && burst.text.length >= SHORTEST_CODE ? burst.text : null;
}
