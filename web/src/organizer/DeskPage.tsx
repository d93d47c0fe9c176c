import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { deskOrdersQuery } from '@/api/desk';
import { eventQuery } from '@/api/queries';
import type { DeskOrder } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted, listed } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { MoreButton } from '@/ui/MoreButton';
import { Page } from '@/ui/Page';
import { RequireSession } from '@/ui/RequireSession';
import { SearchBar } from '@/ui/SearchBar';
import { Skeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';

// Both pages of the desk come in one file: whoever opens the list opens an order.
export { DeskOrderPage } from './DeskOrderPage';

const route = getRouteApi('/organizer/$eventId/orders');

/** The orders of an event, and the search among them. */
export function DeskPage() {
  const { eventId } = route.useParams();
  const { q = '' } = route.useSearch();
  const navigate = useNavigate({ from: '/organizer/$eventId/orders' });
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <Desk
        eventId={eventId}
        query={q}
        onSearch={(text) => void navigate({ search: text === '' ? {} : { q: text } })}
      />
    </RequireSession>
  );
}

interface Props {
  eventId: string;
  query: string;
  onSearch: (text: string) => void;
}

export function Desk({ eventId, query, onSearch }: Props) {
  const { data: event } = useQuery(eventQuery(eventId));
  return (
    <Page
      title="Orders"
      lead={
        <Link
          to="/organizer/$eventId"
          params={{ eventId }}
          className={`${buttonClass('plain')} text-left wrap-anywhere`}
        >
          {event?.title ?? 'Back to the event'}
        </Link>
      }
    >
      <SearchBar
        query={query}
        onSearch={onSearch}
        label="Search orders"
        hint="By name, email, order, ticket code or seat, such as K 17."
        maxLength={2000}
        testId="desk-search"
      />
      <Orders eventId={eventId} query={query} timezone={event?.timezone ?? localTimeZone} />
    </Page>
  );
}

function Orders({
  eventId,
  query: text,
  timezone,
}: Omit<Props, 'onSearch'> & { timezone: string }) {
  const query = useInfiniteQuery(deskOrdersQuery(eventId, text));
  const orders = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.error && orders.length === 0) {
    return (
      <ErrorState error={query.error} what="The orders" onRetry={() => void query.refetch()} />
    );
  }
  if (query.isPending) return <Skeleton label="Loading orders" className="h-40" />;
  if (orders.length === 0 && !query.hasNextPage) return <Nothing query={text} />;
  return (
    <section aria-label="Orders" className="grid gap-6">
      <ul className="divide-y divide-line border-y border-line">
        {orders.map((order) => (
          <li key={order.id}>
            <Row order={order} timezone={timezone} />
          </li>
        ))}
      </ul>
      <MoreButton query={query} testId="more-orders">
        More orders
      </MoreButton>
    </section>
  );
}

function Nothing({ query }: { query: string }) {
  return (
    <div role="status" className="grid gap-3 border-t border-line py-12" data-testid="no-orders">
      <p className="display text-3xl wrap-anywhere">
        {query === '' ? 'No orders yet' : `Nothing found for “${query}”`}
      </p>
      <p className="text-soft">
        {query === ''
          ? 'Orders appear here as soon as they are placed.'
          : 'Names and emails are found by their beginnings, seats by row and number, orders and tickets by the whole of them.'}
      </p>
    </div>
  );
}

function Row({ order, timezone }: { order: DeskOrder; timezone: string }) {
  return (
    <Link
      to="/organizer/$eventId/orders/$orderId"
      params={{ eventId: order.event_id, orderId: order.id }}
      data-testid="desk-order"
      className="group flex flex-wrap items-start justify-between gap-x-4 gap-y-1 py-4"
    >
      <div className="grid min-w-40 grow basis-0 gap-0.5 wrap-anywhere">
        <span className="font-semibold decoration-2 underline-offset-4 group-hover:underline">
          {order.buyer.name || 'Account erased'}
        </span>
        {order.buyer.email && <span className="text-sm text-soft">{order.buyer.email}</span>}
        <span className="text-sm text-soft">{placesOf(order)}</span>
        <span className="text-sm text-soft">{formatMoment(order.created_at, timezone)}</span>
      </div>
      <div className="grid shrink-0 justify-items-end gap-0.5">
        <span className="font-semibold">{formatMoney(order.total_minor, order.currency)}</span>
        <StateLabel state={order.status} />
      </div>
    </Link>
  );
}

const MOST_NAMED = 3;

function placesOf({ places }: DeskOrder): string {
  if (places.length <= MOST_NAMED) return listed(places);
  return `${counted(places.length, 'seat')}, from ${places[0] ?? ''}`;
}
