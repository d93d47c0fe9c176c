import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ordersQuery } from '@/api/queries';
import type { Order } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatDay, localTimeZone } from '@/lib/time';
import { counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { MoreButton } from '@/ui/MoreButton';
import { Page } from '@/ui/Page';
import { PosterArt } from '@/ui/PosterArt';
import { RequireSession } from '@/ui/RequireSession';
import { Skeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';

export function OrdersPage() {
  return (
    <RequireSession>
      <Page title="My orders">
        <Orders />
      </Page>
    </RequireSession>
  );
}

function Orders() {
  const query = useInfiniteQuery(ordersQuery());
  const orders = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.error && orders.length === 0) {
    return (
      <ErrorState error={query.error} what="Your orders" onRetry={() => void query.refetch()} />
    );
  }
  if (query.isPending) return <Skeleton label="Loading orders" className="h-40" />;
  if (orders.length === 0) {
    return (
      <div className="grid justify-items-start gap-3 border-t border-line py-12">
        <p className="display text-3xl">Nothing bought yet</p>
        <p className="text-soft">Orders and their tickets are kept here.</p>
        <Link to="/" className={buttonClass('secondary')}>
          See what’s on
        </Link>
      </div>
    );
  }
  return (
    <>
      <ul className="divide-y divide-line border-y border-line">
        {orders.map((order) => (
          <li key={order.id}>
            <OrderRow order={order} />
          </li>
        ))}
      </ul>
      <MoreButton query={query}>Older orders</MoreButton>
    </>
  );
}

function OrderRow({ order }: { order: Order }) {
  return (
    <Link
      to="/orders/$orderId"
      params={{ orderId: order.id }}
      data-testid="order-row"
      className="group flex flex-wrap items-center gap-4 py-4"
    >
      <PosterArt eventId={order.event_id} className="h-16 w-13 shrink-0 rounded-sm" />
      <div className="min-w-40 grow basis-0">
        <h2 className="display text-2xl decoration-2 underline-offset-4 group-hover:underline">
          {order.event_title}
        </h2>
        <p className="mt-1 text-sm text-soft">
          {counted(order.seats.length, 'seat')} · ordered{' '}
          {formatDay(order.created_at, localTimeZone)}
        </p>
      </div>
      <div className="grid shrink-0 justify-items-end gap-1">
        <span className="font-semibold">{formatMoney(order.total_minor, order.currency)}</span>
        <StateLabel state={order.status} />
      </div>
    </Link>
  );
}
