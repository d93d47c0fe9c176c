import { useState } from 'react';
import type { EventInfo, Hold, Order } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment } from '@/lib/time';
import { cx } from '@/lib/cx';
import { counted, placeName } from '@/lib/words';
import { PosterArt } from '@/ui/PosterArt';
import { Skeleton } from '@/ui/Skeleton';

interface Props {
  item: Hold | Order;
  event: EventInfo | undefined;
}

export function Summary({ item, event }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <aside aria-label="Your seats" className="grid content-start gap-4">
      <div className="flex gap-4">
        <PosterArt
          eventId={item.event_id}
          className="h-16 w-13 shrink-0 rounded-sm md:h-24 md:w-19"
        />
        {event ? (
          <div className="min-w-0">
            <p className="display text-2xl">{event.title}</p>
            <p className="mt-1 text-sm text-soft">{event.venue}</p>
            <p className="text-sm text-soft">{formatMoment(event.starts_at, event.timezone)}</p>
          </div>
        ) : (
          <Skeleton className="h-16 grow" />
        )}
      </div>
      <button
        type="button"
        aria-expanded={open}
        className="min-h-11 justify-self-start font-medium underline underline-offset-4 md:hidden"
        onClick={() => setOpen(!open)}
      >
        {open ? 'Hide' : 'Show'} {counted(item.seats.length, 'seat')}
      </button>
      <ul
        className={cx(
          'divide-y divide-line border-y border-line',
          // On a phone the form matters more than the list.
          !open && 'max-md:hidden',
        )}
      >
        {item.seats.map((seat) => (
          <li
            key={seat.id}
            className="flex flex-wrap justify-between gap-x-4 py-2.5 text-[0.9375rem]"
          >
            <span className="min-w-0">
              {placeName(seat)}
              <span className="block text-sm text-soft">{seat.category}</span>
            </span>
            <span>{formatMoney(seat.price_minor, item.currency)}</span>
          </li>
        ))}
      </ul>
      <p className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="text-soft">Total, all fees included</span>
        <span className="display text-4xl" data-testid="total">
          {formatMoney(item.total_minor, item.currency)}
        </span>
      </p>
    </aside>
  );
}
