import type { Line, LineControl, LineHistory, LineEntry, LinePass } from '@/api/types';

const at = (ms: number) => new Date(Date.now() + ms).toISOString();

/** A line as the API tells of it, its on-sale in ten minutes. */
export const aLine = (changes: Partial<Line> = {}): Line => ({
  event_id: 'evt_1',
  phase: 'lobby',
  admitted_up_to: 0,
  line_length: 0,
  per_minute: null,
  seats_left: null,
  from_minor: 3000,
  message: '',
  late: '',
  poll_seconds: [
    [0, 2],
    [500, 5],
  ],
  number_seconds: 0,
  drawn_at: null,
  seed: null,
  commitment: 'c0'.repeat(32),
  root: null,
  beacon: 'none',
  partner_commitment: null,
  lobby_opens_at: at(-600_000),
  seals_at: at(540_000),
  on_sale_at: at(600_000),
  server_time: at(0),
  ...changes,
});

export const anEntry = (changes: Partial<LineEntry> = {}): LineEntry => ({
  event_id: 'evt_1',
  entrant: 'e1'.repeat(32),
  joined_at: at(-1000),
  phase: 'lobby',
  in_draw: true,
  number: null,
  receipt: 'header.receipt.signature',
  email_wanted: false,
  ...changes,
});

/** For ten minutes, unless a test says otherwise. */
export const aPass = (pass = 'pass-1', seconds = 600): LinePass => ({
  pass,
  expires_at: at(seconds * 1000),
  server_time: at(0),
});

export const someFigures = (changes: Partial<LineControl> = {}): LineControl => ({
  event_id: 'evt_1',
  phase: 'open',
  admitted_up_to: 40,
  line_length: 100,
  inside: 8,
  expected: 2,
  bound: 12,
  rate: 2,
  reason: 'load',
  load_rate: 2,
  rate_cap: null,
  message: '',
  late: '',
  per_minute: [100, 120, 130],
  seats_left: { Near: 5, Far: 10 },
  seats_held: 4,
  visit_seconds: 90,
  party: 2,
  conversion: 0.8,
  measured_at: at(0),
  shop: {
    holds: 40,
    hold_p50_seconds: 0.004,
    hold_p95_seconds: 0.09,
    refusals: [{ reason: 'seats_taken', lately: 2, total: 7 }],
    payment_failures: [{ reason: 'card_declined', lately: 0, total: 3 }],
    outbox_seconds: 0.2,
    arrival_seconds: 1.4,
    seats_sold: 85,
  },
  history_until: null,
  acts: [],
  server_time: at(0),
  ...changes,
});

/** Of two minutes, ten seconds each, with a gap. */
export const someHistory = (): LineHistory => ({
  point_seconds: 10,
  at: [1_800_000_000, 1_800_000_010, 1_800_000_060],
  waiting: [60, 55, 40],
  inside: [3, 5, 8],
  rate: [2, 2, 2],
  seats_held: [null, 6, 4],
  seats_sold: [null, 70, 85],
  holds: [null, 12, 20],
  refusals: [null, 2, 5],
  payment_failures: [null, 0, 1],
  hold_p50_seconds: [null, 0.003, 0.004],
  hold_p95_seconds: [null, 0.05, 0.09],
  outbox_seconds: [null, 0, 0.2],
  server_time: at(0),
});
