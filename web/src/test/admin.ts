import type {
  AdminUserDetails,
  AuditEntry,
  DeadLetter,
  Health,
  ParkedKey,
  QueuedEmail,
} from '@/api/types';

/** An account as an administrator sees it. */
export const anAccount = (changes: Partial<AdminUserDetails> = {}): AdminUserDetails => ({
  id: 'usr_2',
  email: 'bea@example.org',
  name: 'Bea Brandt',
  roles: ['buyer'],
  email_verified: true,
  created_at: '2030-01-01T12:00:00Z',
  sessions: 2,
  second_factor: false,
  ...changes,
});

export const anAuditEntry = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  id: 'aud_1',
  at: '2030-01-01T12:00:00Z',
  service: 'events',
  actor: { id: 'usr_1', role: 'organizer', email: 'olga@example.org' },
  act: 'event.changed',
  object: 'event:evt_1',
  details: { fields: ['title', 'venue'], reason: null },
  request_id: 'req_1',
  ...changes,
});

export const aHealth = (changes: Partial<Health> = {}): Health => ({
  service: 'tickets',
  checks: { 'tickets store': 'ready', bus: 'ready' },
  outbox_waiting: 0,
  outbox_oldest_seconds: null,
  parked: 0,
  retrying: 0,
  dead_letters: 0,
  server_time: '2030-01-01T12:00:00Z',
  ...changes,
});

export const aParkedKey = (changes: Partial<ParkedKey> = {}): ParkedKey => ({
  id: 'event:evt_1',
  state: 'parked',
  reason: 'the hall is gone',
  since: '2030-01-01T12:00:00Z',
  attempts: 5,
  messages: 2,
  retry_at: null,
  ...changes,
});

export const aDeadLetter = (changes: Partial<DeadLetter> = {}): DeadLetter => ({
  id: 'dl_1',
  error: 'unknown type',
  at: '2030-01-01T12:00:00Z',
  topic: 'events',
  partition: 0,
  offset: 7,
  message: null,
  ...changes,
});

export const aQueuedEmail = (changes: Partial<QueuedEmail> = {}): QueuedEmail => ({
  id: 'confirmed:ord_1',
  kind: 'confirmed',
  state: 'refused',
  reason: 'mailbox full',
  to: 'bea@example.org',
  order_id: 'ord_1',
  event_id: 'evt_1',
  since: '2030-01-01T12:00:00Z',
  due_at: null,
  tries: 3,
  ...changes,
});
