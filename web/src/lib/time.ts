import { locale } from './locale';

/** When something ends on this device's clock, given both the end and the present on the server's. */
export function deadline(endsAt: string, serverNow: string, now = Date.now()): number {
  return now + (Date.parse(endsAt) - Date.parse(serverNow));
}

const LONG_SECONDS = 48 * 3600;

/** 06:41, 1:06:41 from an hour on, "3 days" from two days on; a started second counts until it is over. */
export function formatRemaining(ms: number): string {
  const total = Math.max(0, Math.ceil(ms / 1000));
  if (total >= LONG_SECONDS) return inUnits(Math.floor(total / 86_400), 'day');
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const rest = `${two(Math.floor((total % 3600) / 60))}:${two(total % 60)}`;
  return hours > 0 ? `${String(hours)}:${rest}` : rest;
}

function inUnits(value: number, unit: 'day' | 'minute' | 'second'): string {
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

/** The same for a screen reader, to the minute while there are minutes. */
export function spokenRemaining(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds >= LONG_SECONDS) return formatRemaining(ms);
  return seconds >= 60 ? inUnits(Math.ceil(seconds / 60), 'minute') : inUnits(seconds, 'second');
}

const zones = new Map<string, boolean>();

/** Zones are added and renamed every year, and a browser knows those of its own day. */
export function isKnownZone(timeZone: string): boolean {
  let known = zones.get(timeZone);
  if (known === undefined) {
    try {
      new Intl.DateTimeFormat('en', { timeZone });
      known = true;
    } catch {
      known = false;
    }
    zones.set(timeZone, known);
  }
  return known;
}

/** A zone that this browser can count in: UTC instead of one that it lacks. Times name the zone that they are in. */
const zoneFor = (timeZone: string) => (isKnownZone(timeZone) ? timeZone : 'UTC');

function format(instant: string, timeZone: string, options: Intl.DateTimeFormatOptions): string {
  const zone = { timeZone: zoneFor(timeZone) };
  return new Intl.DateTimeFormat(locale, { ...zone, ...options }).format(new Date(instant));
}

export function formatDay(instant: string, timeZone: string): string {
  return format(instant, timeZone, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
}

/** 19:30 CET: a time always names its zone. */
export function formatClock(instant: string, timeZone: string): string {
  return format(instant, timeZone, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: isTwofold(instant, timeZone) ? 'longOffset' : 'short',
  });
}

/** Whether the clocks of the zone show this time twice, because they are put back after it. */
export const isTwofold = (instant: string, timeZone: string) =>
  momentsOf(toWallClock(instant, timeZone), timeZone).length > 1;

/** GMT+02:00, as it is at that moment. */
export function offsetName(instant: string, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zoneFor(timeZone),
    timeZoneName: 'longOffset',
  });
  const found = parts.formatToParts(new Date(instant)).find(({ type }) => type === 'timeZoneName');
  return found?.value ?? '';
}

export function formatMoment(instant: string, timeZone: string): string {
  return `${formatDay(instant, timeZone)}, ${formatClock(instant, timeZone)}`;
}

/** The clock alone where it is the day of the other moment too. */
export function clockBeside(instant: string, other: string, timeZone: string): string {
  const isSameDay =
    toWallClock(instant, timeZone).slice(0, 10) === toWallClock(other, timeZone).slice(0, 10);
  return isSameDay ? formatClock(instant, timeZone) : formatMoment(instant, timeZone);
}

export function dayParts(instant: string, timeZone: string) {
  return {
    weekday: format(instant, timeZone, { weekday: 'short' }),
    day: format(instant, timeZone, { day: 'numeric' }),
    month: format(instant, timeZone, { month: 'short' }),
    monthAndYear: format(instant, timeZone, { month: 'long', year: 'numeric' }),
  };
}

export const localTimeZone = zoneFor(Intl.DateTimeFormat().resolvedOptions().timeZone);

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: zoneFor(timeZone),
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    clocks.set(timeZone, clock);
  }
  return clock;
}

function wallClockUtc(ms: number, timeZone: string): number {
  const parts = clockOf(timeZone).formatToParts(ms);
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  );
}

const DAY_MS = 86_400_000;

/**
 * The moments at which a zone's clocks show "2026-12-12T19:30", as RFC 3339 in UTC, in their order. Two where the
 * clocks are put back, none where they jump over it, and none for what is no date.
 */
export function momentsOf(local: string, timeZone: string): string[] {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return [];
  const guesses = [wanted - DAY_MS, wanted + DAY_MS].map(
    (near) => wanted - (wallClockUtc(near, timeZone) - near),
  );
  return [...new Set(guesses)]
    .filter((guess) => wallClockUtc(guess, timeZone) === wanted)
    .sort((a, b) => a - b)
    .map((guess) => new Date(guess).toISOString().replace('.000Z', 'Z'));
}

/** The first of them, or where the clocks jump over it the moment of the jump's other side; null for no date. */
export function fromWallClock(local: string, timeZone: string): string | null {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return null;
  const [first] = momentsOf(local, timeZone);
  if (first !== undefined) return first;
  const before = wallClockUtc(wanted - DAY_MS, timeZone) - (wanted - DAY_MS);
  return new Date(wanted - before).toISOString().replace('.000Z', 'Z');
}

/** An instant as the value of a datetime-local field in a zone. */
export function toWallClock(instant: string, timeZone: string): string {
  return new Date(wallClockUtc(Date.parse(instant), timeZone)).toISOString().slice(0, 16);
}
