import type { AuditEntry } from '@/api/types';
import { listed } from '@/lib/words';

const acts: Record<string, string> = {
  'account.created': 'Account made',
  'account.roles_changed': 'Roles changed',
  'account.password_set': 'Password set',
  'account.sessions_ended': 'Signed out everywhere',
  'event.created': 'Event made',
  'event.changed': 'Event changed',
  'event.published': 'Event published',
  'event.cancelled': 'Event cancelled',
  'event.amended': 'Plan of an event changed',
  'event.rescheduled': 'Event moved to another date or place',
  'event.deleted': 'Draft deleted',
  'seats.blocked': 'Seats blocked or opened',
  'presale.added': 'Presale added',
  'presale.changed': 'Presale changed',
  'access_codes.given_out': 'Access codes given out',
  'access_code.revoked': 'Access code revoked',
  'gate_staff.named': 'Gate account named',
  'gate_staff.removed': 'Gate account removed',
  'order.resent': 'Email of an order sent again',
  'order.corrected': 'Buyer corrected',
  'order.seats_refunded': 'Seats refunded',
  'order.refunded': 'Order refunded',
  'order.cancelled': 'Order cancelled',
  'order.noted': 'Note added',
  'order.let_in': 'Let in at the gate by a supervisor',
  'line.pause': 'Line paused',
  'line.resume': 'Line resumed',
  'line.rate_cap': 'Pace of the line changed',
  'line.message': 'Message to the line',
  'line.close': 'Line closed',
  'line.reveal': 'Secret of the draw revealed',
  'messages.unparked': 'Parked messages tried again',
  'messages.retried': 'Dead letter tried again',
  'messages.replayed': 'Messages sent again',
  'email.sent_again': 'Email sent again',
};

/** Beginnings of acts that one may look for, by their first word. */
export const groups = [
  { act: 'account', label: 'Accounts' },
  { act: 'event', label: 'Events' },
  { act: 'seats', label: 'Blocked seats' },
  { act: 'presale', label: 'Presales' },
  { act: 'access_codes', label: 'Access codes given out' },
  { act: 'access_code', label: 'Access codes revoked' },
  { act: 'gate_staff', label: 'Gate staff' },
  { act: 'order', label: 'Order desk' },
  { act: 'line', label: 'Control room' },
  { act: 'messages', label: 'Messages' },
  { act: 'email', label: 'Emails' },
];

/** An act of a later version is shown by its own name. */
export const actName = (act: string) => acts[act] ?? act;

export function whoOf({ actor }: AuditEntry): string {
  if (actor.id === null) return 'the operator, on the command line';
  return `${actor.email ?? actor.id} (${actor.role})`;
}

/** "fields: title and venue · reason: ill" */
export function detailsOf({ details }: AuditEntry): string {
  return Object.entries(details)
    .flatMap(([name, value]) => {
      const text = Array.isArray(value) ? listed(value) : value === null ? '' : String(value);
      return text === '' ? [] : [`${name.replaceAll('_', ' ')}: ${text}`];
    })
    .join(' · ');
}
