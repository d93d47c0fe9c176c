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
    timeZoneName: 'short',
  });
}

export function formatMoment(instant: string, timeZone: string): string {
  return `${formatDay(instant, timeZone)}, ${formatClock(instant, timeZone)}`;
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

function wallClockUtc(ms: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zoneFor(timeZone),
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(ms);
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

/** The instant of "2026-12-12T19:30" on the clocks of a zone, as RFC 3339 in UTC; null if it is no date. */
export function fromWallClock(local: string, timeZone: string): string | null {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return null;
  // Twice, because the first guess may lie on the other side of a change of the clocks.
  let guess = wanted;
  for (let round = 0; round < 2; round += 1) guess += wanted - wallClockUtc(guess, timeZone);
  return new Date(guess).toISOString().replace('.000Z', 'Z');
}

/** An instant as the value of a datetime-local field in a zone. */
export function toWallClock(instant: string, timeZone: string): string {
  return new Date(wallClockUtc(Date.parse(instant), timeZone)).toISOString().slice(0, 16);
}
