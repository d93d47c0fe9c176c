import type { Area, EventDraft, EventInfo } from '@/api/types';
import { formValue } from '@/lib/form';
import { moneyInput, parseMoney } from '@/lib/money';
import { fromWallClock, toWallClock } from '@/lib/time';

/** What the form holds: text as typed, times on the venue's clocks. */
export interface DraftForm {
  title: string;
  description: string;
  venue: string;
  timezone: string;
  startsAt: string;
  onSaleAt: string;
  refundableUntil: string;
  currency: string;
  holdMinutes: string;
  maxSeats: string;
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
      onSaleAt: '',
      refundableUntil: '',
      currency: 'EUR',
      holdMinutes: '10',
      maxSeats: '10',
    };
  }
  const local = (instant: string | null) => (instant ? toWallClock(instant, event.timezone) : '');
  return {
    title: event.title,
    description: event.description,
    venue: event.venue,
    timezone: event.timezone,
    startsAt: local(event.starts_at),
    onSaleAt: local(event.on_sale_at),
    refundableUntil: local(event.refundable_until),
    currency: event.currency,
    holdMinutes: String(event.hold_seconds / 60),
    maxSeats: String(event.max_seats_per_order),
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

type TimeKey = 'starts_at' | 'on_sale_at' | 'refundable_until';

function times(data: FormData, keys: TimeKey[], timezone: string, errors: Errors): Part {
  const result: Part = {};
  for (const key of keys) {
    const local = formValue(data, key);
    if (local === '') continue;
    const instant = fromWallClock(local, timezone);
    if (instant === null) errors[key] = 'Date and time, please.';
    else result[key] = instant;
  }
  return result;
}

export function readPrices(
  prices: Record<string, string>,
  categories: string[],
  currency: string,
  errors: Errors,
): Record<string, number> {
  const result: Record<string, number> = {};
  for (const name of categories) {
    const minor = parseMoney(prices[name] ?? '', currency);
    if (minor === null) errors[`prices.${name}`] = 'An amount, like 45 or 45.50.';
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
    return { zone: area.zone, name: area.name.trim(), category: area.category, capacity };
  });
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The constructor's RangeError is the only way to ask.
    return false;
  }
}

/** The fields that stay open after publishing. */
export function readOpenFields(data: FormData, timezone: string, errors: Errors): Part {
  return {
    title: formValue(data, 'title'),
    description: formValue(data, 'description'),
    max_seats_per_order: Number(formValue(data, 'max_seats_per_order')),
    ...times(data, ['on_sale_at', 'refundable_until'], timezone, errors),
  };
}

export function readAllFields(data: FormData, errors: Errors): Part {
  const timezone = formValue(data, 'timezone');
  if (!isTimeZone(timezone)) {
    errors['timezone'] = 'A zone name like Europe/Berlin.';
    return {};
  }
  return {
    title: formValue(data, 'title'),
    description: formValue(data, 'description'),
    venue: formValue(data, 'venue'),
    timezone,
    currency: formValue(data, 'currency'),
    hold_seconds: Math.round(Number(formValue(data, 'hold_minutes')) * 60),
    max_seats_per_order: Number(formValue(data, 'max_seats_per_order')),
    ...times(data, ['starts_at', 'on_sale_at', 'refundable_until'], timezone, errors),
  };
}
