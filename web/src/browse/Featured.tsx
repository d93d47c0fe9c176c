import { Link } from '@tanstack/react-router';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { cx } from '@/lib/cx';
import { formatMoment } from '@/lib/time';
import { Poster } from '@/ui/Poster';
import { titleSize } from './titleSize';

/** The next event on sale gets the room of a poster. */
export function Featured({ event }: { event: EventInfo }) {
  return (
    <Link
      to="/events/$eventId"
      params={{ eventId: event.id }}
      data-testid="event-card"
      className="block"
    >
      <Poster eventId={event.id} shape="wide" className="rounded-lg md:min-h-104">
        <div className="flex flex-col justify-end gap-3 p-5 md:w-[64%] md:p-10">
          <p className="text-[0.9375rem] font-medium">
            {formatMoment(event.starts_at, event.timezone)}
          </p>
          <h2 className={cx('display uppercase', titleSize(event.title))}>{event.title}</h2>
          <p className="flex flex-wrap justify-between gap-x-6 gap-y-1 text-[0.9375rem] font-medium wrap-anywhere">
            <span>{event.venue}</span>
            <span>Tickets from {formatMoney(event.price_from_minor, event.currency)}</span>
          </p>
        </div>
      </Poster>
    </Link>
  );
}
