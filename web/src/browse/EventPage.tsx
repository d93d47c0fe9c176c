import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { categoriesQuery, eventQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { clockBeside, formatClock, formatDay, formatMoment, isKnownZone } from '@/lib/time';
import { cx } from '@/lib/cx';
import { useTitle } from '@/lib/useTitle';
import { count } from '@/lib/words';
import { ErrorState } from '@/ui/ErrorState';
import { MovedNotice } from '@/ui/MovedNotice';
import { Notice } from '@/ui/Notice';
import { Poster } from '@/ui/Poster';
import { PageSkeleton, Skeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';
import { PresaleEntry } from './PresaleEntry';
import { SaleBar } from './SaleBar';
import { titleSize } from './titleSize';

const route = getRouteApi('/events/$eventId');

export function EventPage() {
  const { eventId } = route.useParams();
  const { data: event, error, refetch } = useQuery(eventQuery(eventId));
  useTitle(event?.title);
  if (error) return <ErrorState error={error} what="This event" onRetry={() => void refetch()} />;
  if (!event) return <PageSkeleton />;
  const moved = event.reschedules.at(-1);
  return (
    <article className="flex grow flex-col">
      <Poster eventId={event.id} shape="wide" className="md:min-h-112">
        <div className="flex flex-col justify-end gap-4 px-4 py-8 md:w-[64%] md:py-12 md:pr-8 md:pl-[max(2rem,calc((100vw-72rem)/2+2rem))]">
          <p className="text-base font-medium md:text-lg">
            {formatDay(event.starts_at, event.timezone)}
          </p>
          <h1 className={cx('display uppercase', titleSize(event.title))}>{event.title}</h1>
          <p className="text-base font-medium md:text-lg">{event.venue}</p>
        </div>
      </Poster>
      <div className="mx-auto grid w-full max-w-6xl grow content-start gap-x-16 gap-y-10 px-4 py-10 md:grid-cols-[1fr_24rem] md:px-8">
        <div className="grid content-start gap-10">
          {moved && <MovedNotice move={moved} timezone={event.timezone} />}
          <Facts event={event} />
          <PresaleEntry event={event} />
          {event.line.mode === 'on' && (
            <Notice title="Seats are sold by a line">
              Everybody who joins its lobby in time has the same chance: the order is drawn when the
              sale opens. You need not be fast.
            </Notice>
          )}
          {event.description && (
            <p className="max-w-prose leading-relaxed whitespace-pre-line">{event.description}</p>
          )}
        </div>
        <Prices event={event} />
      </div>
      <SaleBar event={event} />
    </article>
  );
}

function Facts({ event }: { event: EventInfo }) {
  const facts = [
    [
      'Starts',
      `${formatDay(event.starts_at, event.timezone)}, ${formatClock(event.starts_at, event.timezone)}`,
    ],
    ['Doors', event.doors_at && clockBeside(event.doors_at, event.starts_at, event.timezone)],
    ['Ends', event.ends_at && clockBeside(event.ends_at, event.starts_at, event.timezone)],
    [
      'Time zone',
      isKnownZone(event.timezone)
        ? `Venue time (${event.timezone})`
        : `UTC: this browser does not know ${event.timezone}`,
    ],
    ['Venue', event.venue],
    ['Seats', event.seats_total > 0 ? count(event.seats_total) : null],
    [
      'Refunds',
      event.refundable_until
        ? `Until ${formatMoment(event.refundable_until, event.timezone)}`
        : null,
    ],
  ].filter((fact): fact is [string, string] => fact[1] !== null);
  return (
    <dl className="grid border-b border-line sm:grid-cols-2 sm:gap-x-10">
      <div className="flex flex-wrap justify-between gap-x-4 border-t border-line py-3 sm:col-span-2">
        <dt className="text-soft">Status</dt>
        <dd>
          <StateLabel state={event.state} />
        </dd>
      </div>
      {facts.map(([name, value]) => (
        <div
          key={name}
          className="flex flex-wrap justify-between gap-x-4 border-t border-line py-3 sm:col-span-2"
        >
          <dt className="text-soft">{name}</dt>
          <dd className="text-right">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Prices({ event }: { event: EventInfo }) {
  const live =
    event.state === 'on_sale' || event.state === 'sold_out' || event.state === 'scheduled';
  const { data, isPending } = useQuery({ ...categoriesQuery(event.id), enabled: live });
  const rows = live
    ? (data ?? [])
    : Object.entries(event.prices).map(([name, price]) => ({
        name,
        price_minor: price,
        available: null,
      }));
  return (
    <section aria-label="Prices" className="content-start">
      <h2 className="mb-3 display text-3xl">Prices</h2>
      {live && isPending ? (
        <Skeleton label="Loading prices" className="h-32" />
      ) : (
        <ul className="divide-y divide-line border-y border-line">
          {[...rows]
            .sort((a, b) => b.price_minor - a.price_minor)
            .map((row) => (
              <li
                key={row.name}
                className="flex flex-wrap items-baseline justify-between gap-x-4 py-3"
              >
                <span className="font-medium">{row.name}</span>
                <span className="ml-auto text-sm text-soft">
                  {row.available === null
                    ? ''
                    : row.available === 0
                      ? 'Sold out'
                      : `${count(row.available)} left`}
                </span>
                <span className="w-20 text-right display text-2xl">
                  {formatMoney(row.price_minor, event.currency)}
                </span>
              </li>
            ))}
        </ul>
      )}
      <p className="mt-3 text-sm text-soft">
        All fees included. At most {count(event.max_seats_per_order)} seats per order
        {event.max_seats_per_buyer !== null && `, ${count(event.max_seats_per_buyer)} per buyer`}.
      </p>
    </section>
  );
}
