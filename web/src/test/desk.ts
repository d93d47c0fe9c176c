import type { DeskOrder, DeskSeat, HistoryEntry } from '@/api/types';

/** An order as the order desk sees it. */
export const aDeskOrder = (changes: Partial<DeskOrder> = {}): DeskOrder => ({
  id: 'ord_1',
  event_id: 'evt_1',
  status: 'confirmed',
  payment: 'captured',
  buyer: { name: 'Bea Brandt', email: 'bea@example.org' },
  places: ['Row A, seat 1', 'Row A, seat 2'],
  total_minor: 10_000,
  refunded_minor: 0,
  currency: 'EUR',
  created_at: '2030-01-01T12:00:00Z',
  confirmed_at: '2030-01-01T12:01:00Z',
  detail: null,
  reason: null,
  ...changes,
});

export const aDeskSeat = (id: string, changes: Partial<DeskSeat> = {}): DeskSeat => ({
  id,
  place: `Seat ${id}`,
  category: 'Near',
  price_minor: 5000,
  status: 'valid',
  ticket_id: `tkt_${id}`,
  used_at: null,
  gate: null,
  ...changes,
});

export const anEntry = (changes: Partial<HistoryEntry> = {}): HistoryEntry => ({
  at: '2030-01-01T12:00:00Z',
  event: 'placed',
  by: 'system',
  user_id: null,
  text: null,
  email_kind: null,
  before: null,
  after: null,
  places: [],
  amount_minor: null,
  ...changes,
});
