import type { EventInfo, Hold, PricedSeat, Sales } from '@/api/types';

/** An event as the API describes it; a test names what matters to it. */
export function anEvent(changes: Partial<EventInfo> = {}): EventInfo {
  return {
    id: 'evt_1',
    title: 'The Glass Harbour',
    description: '',
    venue: 'Harbour Theatre',
    starts_at: '2030-03-01T19:30:00Z',
    ends_at: null,
    doors_at: null,
    is_over_at: '2030-03-01T22:30:00Z',
    timezone: 'Europe/Berlin',
    currency: 'EUR',
    on_sale_at: null,
    hold_seconds: 600,
    max_seats_per_order: 10,
    max_seats_per_buyer: null,
    refundable_until: null,
    state: 'on_sale',
    organizer_id: 'usr_2',
    prices: { Near: 5000, Far: 3000 },
    areas: [],
    line: { mode: 'off', lobby_opens_at: null, beacon: 'none', commitment: null },
    gates: { verified_email: false, accounts_before: null },
    reschedules: [],
    plan_name: 'Hall',
    plan_hash: 'hash',
    layout_version: 'hash',
    seats_total: 25,
    price_from_minor: 3000,
    price_to_minor: 5000,
    currency_exponent: 2,
    problem: null,
    plan_warnings: {},
    created_at: '2029-01-01T00:00:00Z',
    updated_at: '2029-01-01T00:00:00Z',
    server_time: new Date().toISOString(),
    ...changes,
  };
}

export const aSeat = (ordinal: number): PricedSeat => ({
  id: `seat-${String(ordinal)}`,
  ordinal,
  section_id: 's1',
  section_name: 'Stalls',
  label: `Stalls, row A, seat ${String(ordinal + 1)}`,
  row: 'A',
  row_label: null,
  number: String(ordinal + 1),
  seat_label: null,
  category: 'Near',
  x: 0,
  y: 0,
  status: 'held',
  price_minor: 5000,
});

export const aHold = (id: string, ordinals: number[]): Hold => ({
  hold_id: id,
  event_id: 'evt_1',
  status: 'active',
  seats: ordinals.map(aSeat),
  expires_at: new Date(Date.now() + 600_000).toISOString(),
  server_time: new Date().toISOString(),
  total_minor: 5000 * ordinals.length,
  currency: 'EUR',
  order_id: null,
});

/** Of a hall with 25 seats. */
export const someSales = (): Sales => ({
  event_id: 'evt_1',
  currency: 'EUR',
  sold: 7,
  held: 4,
  available: 14,
  total: 25,
  gross_minor: 29_000,
  refunded_minor: 0,
  orders: 4,
  admitted: 0,
  by_category: [
    { category: 'Near', sold: 4, total: 10, gross_minor: 20_000 },
    { category: 'Far', sold: 3, total: 15, gross_minor: 9000 },
  ],
  per_minute: [],
});
