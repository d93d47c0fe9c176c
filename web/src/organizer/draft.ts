import type { Area, EventDraft, EventInfo } from '@/api/types';
import { formValue } from '@/lib/form';
import { moneyInput, parseMoney } from '@/lib/money';
import { isKnownZone, momentsOf, toWallClock } from '@/lib/time';

/** What the form holds: text as typed, times on the venue's clocks. */
export interface DraftForm {
  title: string;
  description: string;
  venue: string;
  timezone: string;
  startsAt: string;
  doorsAt: string;
  endsAt: string;
  onSaleAt: string;
  refundableUntil: string;
  currency: string;
  holdMinutes: string;
  maxSeats: string;
  maxSeatsPerBuyer: string;
  lineMode: EventInfo['line']['mode'];
  lobbyOpensAt: string;
  verifiedEmail: boolean;
  accountsBefore: string;
}

export interface AreaForm {
  key: number;
  zone: string;
  name: string;
  category: string;
  capacity: string;
}

export const emptyArea = (key: number): AreaForm => ({
  key,
  zone: '',
  name: '',
  category: '',
  capacity: '',
});

export function formDefaults(event: EventInfo | undefined, timeZone: string): DraftForm {
  if (!event) {
    return {
      title: '',
      description: '',
      venue: '',
      timezone: timeZone,
      startsAt: '',
      doorsAt: '',
      endsAt: '',
      onSaleAt: '',
      refundableUntil: '',
      currency: 'EUR',
      holdMinutes: '10',
      maxSeats: '10',
      maxSeatsPerBuyer: '',
      lineMode: 'off',
      lobbyOpensAt: '',
      verifiedEmail: false,
      accountsBefore: '',
    };
  }
  const local = (instant: string | null) => (instant ? toWallClock(instant, event.timezone) : '');
  return {
    title: event.title,
    description: event.description,
    venue: event.venue,
    timezone: event.timezone,
    startsAt: local(event.starts_at),
    doorsAt: local(event.doors_at),
    endsAt: local(event.ends_at),
    onSaleAt: local(event.on_sale_at),
    refundableUntil: local(event.refundable_until),
    currency: event.currency,
    holdMinutes: String(event.hold_seconds / 60),
    maxSeats: String(event.max_seats_per_order),
    maxSeatsPerBuyer: String(event.max_seats_per_buyer ?? ''),
    lineMode: event.line.mode,
    lobbyOpensAt: local(event.line.lobby_opens_at),
    verifiedEmail: event.gates.verified_email,
    accountsBefore: local(event.gates.accounts_before),
  };
}

export function priceDefaults(event: EventInfo | undefined): Record<string, string> {
  if (!event) return {};
  return Object.fromEntries(
    Object.entries(event.prices).map(([name, minor]) => [name, moneyInput(minor, event.currency)]),
  );
}

export type Errors = Record<string, string>;
type Part = Partial<EventDraft>;

const LOBBY = 'line.lobby_opens_at';
const BEFORE = 'gates.accounts_before';

type TimeKey = 'starts_at' | 'doors_at' | 'ends_at' | 'on_sale_at' | 'refundable_until';

/** The name of the field that says which of two equal times on the clocks is meant. */
export const whichOf = (key: string) => `${key}_which`;

/**
 * The moment that a field says; null where it is empty. One that was not touched stays the very moment it was:
 * the field shows no seconds, and not which of two equal times it is.
 */
export function readMoment(
  data: FormData,
  key: string,
  timezone: string,
  before: string | null | undefined,
  errors: Errors,
): string | null {
  const local = formValue(data, key);
  if (local === '') return null;
  const moments = momentsOf(local, timezone);
  const which = data.get(whichOf(key));
  if (before && toWallClock(before, timezone) === local) {
    if (which === null || moments[Number(which)] === undefined) return before;
    if (moments.indexOf(sameMinute(before)) === Number(which)) return before;
  }
  if (moments.length === 0) {
    errors[key] = Number.isNaN(Date.parse(local))
      ? 'Date and time, please.'
      : 'The clocks are put forward past this time that day. Choose another.';
  }
  return moments[Number(which)] ?? moments[0] ?? null;
}

function readTime(
  data: FormData,
  key: TimeKey | typeof LOBBY | typeof BEFORE,
  timezone: string,
  event: EventInfo | undefined,
  errors: Errors,
): string | null {
  const known = {
    [LOBBY]: event?.line.lobby_opens_at,
    [BEFORE]: event?.gates.accounts_before,
  };
  const before = key === LOBBY || key === BEFORE ? known[key] : event?.[key];
  return readMoment(data, key, timezone, event?.timezone === timezone ? before : null, errors);
}

/** Which of the two equal times an event has now; the first for anything else. */
export function whichNow(instant: string | null | undefined, zone: string): string {
  if (!instant) return '0';
  const moments = momentsOf(toWallClock(instant, zone), zone);
  return String(Math.max(0, moments.indexOf(sameMinute(instant))));
}

const sameMinute = (instant: string) => {
  const ms = Date.parse(instant);
  return new Date(ms - (ms % 60_000)).toISOString().replace('.000Z', 'Z');
};

export interface PricedCategory {
  name: string;
  /** Unknown as long as the plan is on the server only. */
  seats: number | null;
}

export function readPrices(
  prices: Record<string, string>,
  categories: PricedCategory[],
  currency: string,
  errors: Errors,
): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { name, seats } of categories) {
    const text = prices[name] ?? '';
    if (seats === 0 && text.trim() === '') continue;
    const minor = parseMoney(text, currency);
    if (minor === null) errors[`prices.${name}`] = `An amount, like ${moneyInput(4550, currency)}.`;
    else result[name] = minor;
  }
  return result;
}

export function readAreas(areas: AreaForm[], errors: Errors): Area[] {
  return areas.map((area, index) => {
    const capacity = Number(area.capacity);
    if (!Number.isInteger(capacity) || capacity < 1) {
      errors[`areas.${String(index)}.capacity`] = 'How many people fit in, at least 1.';
    }
    return { zone: area.zone, name: area.name, category: area.category, capacity };
  });
}

/** The fields that stay open after publishing. */
export function readOpenFields(
  data: FormData,
  timezone: string,
  event: EventInfo | undefined,
  errors: Errors,
): Part {
  return {
    title: formValue(data, 'title'),
    description: formValue(data, 'description'),
    max_seats_per_order: Number(formValue(data, 'max_seats_per_order')),
    max_seats_per_buyer: Number(formValue(data, 'max_seats_per_buyer')) || null,
    doors_at: readTime(data, 'doors_at', timezone, event, errors),
    ends_at: readTime(data, 'ends_at', timezone, event, errors),
    on_sale_at: readTime(data, 'on_sale_at', timezone, event, errors),
    refundable_until: readTime(data, 'refundable_until', timezone, event, errors),
    gates: {
      verified_email: data.has('gates.verified_email'),
      accounts_before: readTime(data, BEFORE, timezone, event, errors),
    },
  };
}

/** What the form does not show of a line stays as it was. */
function readLine(
  data: FormData,
  timezone: string,
  event: EventInfo | undefined,
  errors: Errors,
): Part {
  const mode = formValue(data, 'line.mode') as EventInfo['line']['mode'];
  if (mode === 'off' && !event) return {};
  if (mode === 'auto')
    return { line: { mode, lobby_opens_at: null, beacon: 'none', commitment: null } };
  const lobby_opens_at = mode === 'on' ? readTime(data, LOBBY, timezone, event, errors) : null;
  return { line: { ...event?.line, mode, lobby_opens_at } };
}

export function readAllFields(data: FormData, event: EventInfo | undefined, errors: Errors): Part {
  const timezone = formValue(data, 'timezone');
  if (!isKnownZone(timezone) && timezone !== event?.timezone) {
    errors['timezone'] = 'A zone name like Europe/Berlin.';
    return {};
  }
  const startsAt = readTime(data, 'starts_at', timezone, event, errors);
  return {
    ...readOpenFields(data, timezone, event, errors),
    venue: formValue(data, 'venue'),
    timezone,
    currency: formValue(data, 'currency'),
    ...readLine(data, timezone, event, errors),
    hold_seconds: Math.round(Number(formValue(data, 'hold_minutes')) * 60),
    ...(startsAt === null ? {} : { starts_at: startsAt }),
  };
}

/** Of what the form says only what is otherwise than it was: the rest is nobody's business here. */
export function changesOf(event: EventInfo, said: Part): Part {
  const before: Record<string, unknown> = { ...event };
  const changed = Object.entries(said).filter(([key, value]) => !isSame(value, before[key]));
  return Object.fromEntries(changed);
}

/** Objects by what is in them, in whatever order; lists in their order. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false;
  const [mine, theirs] = [Object.entries(one), new Map(Object.entries(other))];
  return (
    mine.length === theirs.size && mine.every(([key, value]) => isSame(value, theirs.get(key)))
  );
}
