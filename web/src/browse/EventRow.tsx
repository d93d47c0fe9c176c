import { Link } from '@tanstack/react-router';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { dayParts, formatClock } from '@/lib/time';
import { PosterArt } from '@/ui/PosterArt';
import { StateLabel } from '@/ui/StateLabel';

export function EventRow({ event }: { event: EventInfo }) {
  const { weekday, day, month } = dayParts(event.starts_at, event.timezone);
  return (
    <Link
      to="/events/$eventId"
      params={{ eventId: event.id }}
      data-testid="event-card"
      className="group grid grid-cols-[3rem_1fr] items-center gap-x-4 gap-y-1 py-4 sm:grid-cols-[3.5rem_4rem_1fr_auto] md:gap-x-6"
    >
      <div className="text-center leading-none">
        <span className="block text-xs text-soft">{weekday}</span>
        <span className="block py-1 display text-4xl">{day}</span>
        <span className="block text-xs text-soft">{month}</span>
      </div>
      <PosterArt eventId={event.id} className="hidden h-20 w-16 rounded-sm sm:block" />
      <div className="min-w-0">
        <h3 className="display text-2xl decoration-2 underline-offset-4 group-hover:underline md:text-3xl">
          {event.title}
        </h3>
        <p className="mt-1 text-sm text-soft">
          {event.venue} · {formatClock(event.starts_at, event.timezone)}
        </p>
      </div>
      <div className="col-start-2 flex items-baseline gap-3 sm:col-start-auto sm:grid sm:justify-items-end sm:gap-1">
        {event.state !== 'cancelled' && (
          <span className="text-[0.9375rem] font-semibold">
            from {formatMoney(event.price_from_minor, event.currency)}
          </span>
        )}
        <StateLabel state={event.state} />
      </div>
    </Link>
  );
}
