import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, Navigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { eventQuery, holdQuery, isOnItsWay, type Timed } from '@/api/queries';
import type { Hold, Order } from '@/api/types';
import { useOrderLive } from '@/api/useOrderLive';
import { useTitle } from '@/lib/useTitle';
import { buttonClass } from '@/ui/Button';
import { Countdown } from '@/ui/Countdown';
import { ErrorState } from '@/ui/ErrorState';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { BuyerForm } from './BuyerForm';
import { PayStep } from './PayStep';
import { Summary } from './Summary';

const route = getRouteApi('/checkout/$holdId');

export function CheckoutPage() {
  useTitle('Checkout');
  return (
    <RequireSession>
      <Checkout />
    </RequireSession>
  );
}

function Checkout() {
  const { holdId } = route.useParams();
  const client = useQueryClient();
  const hold = useQuery(holdQuery(holdId));
  const orderId = hold.data?.order_id ?? null;
  const order = useOrderLive(orderId);

  const problem = hold.error ?? order.error;
  if (problem) {
    const retry = () => void Promise.all([hold.refetch(), orderId ? order.refetch() : null]);
    return <ErrorState error={problem} what="This checkout" onRetry={retry} />;
  }
  if (!hold.data || (orderId && !order.data)) return <PageSkeleton />;
  const refresh = () => {
    void client.invalidateQueries({ queryKey: holdQuery(holdId).queryKey });
    if (orderId) void order.refetch();
  };

  if (order.data) return <WithOrder hold={hold.data} order={order.data} onEnd={refresh} />;
  if (hold.data.status !== 'active') {
    const released = hold.data.status === 'released';
    return (
      <Over
        eventId={hold.data.event_id}
        title={released ? 'You gave these seats back' : 'The time is up'}
        text={
          released
            ? 'They are free for others again. Nothing was charged.'
            : 'The seats were held for you until now; others can take them again. Nothing was charged.'
        }
      />
    );
  }
  return (
    <Frame item={hold.data} onEnd={refresh}>
      <BuyerForm hold={hold.data} />
    </Frame>
  );
}

interface WithOrderProps {
  hold: Hold;
  order: Timed<Order>;
  onEnd: () => void;
}

function WithOrder({ hold, order, onEnd }: WithOrderProps) {
  switch (order.status) {
    case 'confirmed':
      return <Navigate to="/orders/$orderId" params={{ orderId: order.id }} replace />;
    case 'expired':
      return (
        <Over
          eventId={hold.event_id}
          title="The time is up"
          text={
            order.detail ??
            'The order was not paid in time, so its seats are free for others again.'
          }
        />
      );
    case 'cancelled':
    case 'refunding':
    case 'refunded':
      return (
        <Over
          eventId={hold.event_id}
          title={order.status === 'cancelled' ? 'This order was cancelled' : 'Your money goes back'}
          text={
            order.detail ??
            'The seats could not be kept for you. What was paid is refunded to the same card.'
          }
          orderId={order.id}
        />
      );
    default:
      return (
        <Frame item={order} onEnd={onEnd} isPaying={order.status === 'processing'}>
          <PayStep order={order} />
        </Frame>
      );
  }
}

interface FrameProps {
  item: Timed<Hold> | Timed<Order>;
  onEnd: () => void;
  isPaying?: boolean;
  children: ReactNode;
}

function Frame({ item, onEnd, isPaying = false, children }: FrameProps) {
  const event = useQuery(eventQuery(item.event_id));
  if (isOnItsWay(event)) return <PageSkeleton />;
  return (
    <div className="mx-auto grid w-full max-w-6xl grow content-start gap-x-16 gap-y-8 px-4 pt-6 pb-20 md:grid-cols-[1fr_24rem] md:px-8 md:pt-12">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3 border-b border-line pb-4 md:col-span-2">
        <h1 className="display text-4xl md:text-6xl">Checkout</h1>
        {item.endsAt !== null && !isPaying && (
          <p className="text-right">
            <span className="block text-sm text-soft">Held for you</span>
            <Countdown
              key={item.endsAt}
              endsAt={item.endsAt}
              onEnd={onEnd}
              className="display text-4xl md:text-5xl"
            />
          </p>
        )}
      </header>
      <div className="min-w-0 max-md:order-last">{children}</div>
      <Summary item={item} event={event.data} />
    </div>
  );
}

interface OverProps {
  eventId: string;
  title: string;
  text: string;
  orderId?: string;
}

function Over({ eventId, title, text, orderId }: OverProps) {
  return (
    <section className="mx-auto grid w-full max-w-lg gap-4 px-4 py-16">
      <h1 className="display text-5xl">{title}</h1>
      <p className="text-soft">{text}</p>
      <div className="flex flex-wrap gap-3">
        <Link
          to="/events/$eventId/seats"
          params={{ eventId }}
          search={{}}
          className={buttonClass()}
        >
          Choose seats again
        </Link>
        {orderId && (
          <Link to="/orders/$orderId" params={{ orderId }} className={buttonClass('secondary')}>
            Show the order
          </Link>
        )}
      </div>
    </section>
  );
}
