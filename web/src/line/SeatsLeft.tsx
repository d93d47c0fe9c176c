import type { TimedLine } from '@/api/line';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { count } from '@/lib/words';

/** What is left, and for how much. */
export function SeatsLeft({ event, line }: { event: EventInfo; line: TimedLine }) {
  const rows = Object.entries(event.prices).sort(([, a], [, b]) => b - a);
  return (
    <section aria-label="Seats" className="grid gap-3">
      <h2 className="display text-3xl">{line.seats_left ? 'What is left' : 'Prices'}</h2>
      <ul className="divide-y divide-line border-y border-line">
        {rows.map(([name, price]) => (
          <li key={name} className="flex flex-wrap items-baseline justify-between gap-x-4 py-3">
            <span className="font-medium">{name}</span>
            <span className="ml-auto text-sm text-soft">{left(line.seats_left?.[name])}</span>
            <span className="min-w-20 text-right display text-2xl">
              {formatMoney(price, event.currency)}
            </span>
          </li>
        ))}
      </ul>
      {line.from_minor !== null && (
        <p className="text-sm text-soft">
          From {formatMoney(line.from_minor, event.currency)}, all fees included.
        </p>
      )}
    </section>
  );
}

function left(seats: number | undefined): string {
  if (seats === undefined) return '';
  return seats === 0 ? 'None left' : `${count(seats)} left`;
}
