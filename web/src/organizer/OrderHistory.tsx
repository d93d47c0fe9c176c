import type { HistoryEntry } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment } from '@/lib/time';
import { listed } from '@/lib/words';
import { emailNames } from './orderWords';

interface Props {
  history: HistoryEntry[];
  currency: string;
  timezone: string;
  me: string | undefined;
}

/** What became of an order, by whom and when; the latest first. */
export function OrderHistory({ history, currency, timezone, me }: Props) {
  return (
    <section aria-labelledby="desk-history" className="grid gap-3">
      <h2 id="desk-history" className="display text-3xl">
        History
      </h2>
      <ol className="divide-y divide-line border-y border-line" data-testid="desk-history">
        {history
          .map((entry, place) => (
            <li
              key={`${entry.at} ${entry.event} ${String(place)}`}
              data-event={entry.event}
              className="grid gap-0.5 py-2.5 wrap-anywhere"
            >
              <span className="font-medium">{wordsOf(entry, currency)}</span>
              {entry.text && <span>“{entry.text}”</span>}
              <span className="text-sm text-soft">
                {formatMoment(entry.at, timezone)}, by {whoOf(entry, me)}
              </span>
            </li>
          ))
          .reverse()}
      </ol>
    </section>
  );
}

function whoOf({ by, user_id: user }: HistoryEntry, me: string | undefined): string {
  if (user !== null && user === me) return 'you';
  switch (by) {
    case 'buyer':
      return 'the buyer';
    case 'organizer':
      return 'the organizer';
    case 'admin':
      return `an administrator${user === null ? '' : ` (${user})`}`;
    case 'system':
      return 'Houseful';
  }
}

function wordsOf(entry: HistoryEntry, currency: string): string {
  const places = listed(entry.places);
  const amount = entry.amount_minor === null ? '' : formatMoney(entry.amount_minor, currency);
  const email = emailNames[entry.email_kind ?? ''] ?? 'Email';
  switch (entry.event) {
    case 'placed':
      return 'Placed';
    case 'confirmed':
      return 'Confirmed';
    case 'emailed':
      return `${email} sent to ${entry.after?.email ?? 'the buyer'}`;
    case 'resent':
      return 'Tickets put on their way again';
    case 'corrected':
      return `Corrected: ${changeOf(entry)}`;
    case 'seats_refunded':
      return `Refunded ${amount}: ${places}`;
    case 'refunded':
      return `Refunded ${amount}, the whole order: ${places}`;
    case 'cancelled':
      return 'Cancelled before it was paid';
    case 'let_in':
      return `Let in at the gate whatever the ticket said: ${places}`;
    case 'noted':
      return 'Note';
  }
}

function changeOf({ before, after }: HistoryEntry): string {
  if (!before || !after) return 'the buyer';
  const changes = (['name', 'email'] as const)
    .filter((field) => before[field] !== after[field])
    .map((field) => `${before[field]} is now ${after[field]}`);
  return changes.join('; ');
}
