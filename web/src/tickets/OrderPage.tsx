import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { eventQuery, isOnItsWay, emailsQuery, ticketsQuery, type Timed } from '@/api/queries';
import type { EventInfo, Order } from '@/api/types';
import { useOrderLive } from '@/api/useOrderLive';
import { formatMoney } from '@/lib/money';
import { formatMoment, localTimeZone } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { placeName } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { MovedNotice } from '@/ui/MovedNotice';
import { Notice } from '@/ui/Notice';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton, Skeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';
import { CancelOrder } from './CancelOrder';
import { SaveButton } from '@/ui/SaveButton';
import * as calls from '@/api/calls';
import { EmailNotice } from './EmailNotice';
import { TicketCard } from './TicketCard';

const route = getRouteApi('/orders/$orderId');

export function OrderPage() {
  return (
    <RequireSession>
      <OrderView />
    </RequireSession>
  );
}

function OrderView() {
  const { orderId } = route.useParams();
  const order = useOrderLive(orderId);
  const event = useQuery({
    ...eventQuery(order.data?.event_id ?? ''),
    enabled: order.data !== undefined,
  });
  const tickets = useQuery({ ...ticketsQuery(orderId), enabled: mayHaveTickets(order.data) });
  const emails = useQuery({
    ...emailsQuery(orderId),
    enabled: order.data?.status === 'confirmed',
  });
  // The page comes as a whole, so that nothing in it is pushed down; what comes new later changes only its own part.
  const isComplete = order.data !== undefined && ![event, tickets, emails].some(isOnItsWay);
  const [shown, setShown] = useState(false);
  if (isComplete && !shown) setShown(true);
  useTitle(order.data ? `Order for ${order.data.event_title}` : 'Order');
  if (order.error) {
    return (
      <ErrorState error={order.error} what="This order" onRetry={() => void order.refetch()} />
    );
  }
  if (!order.data || !(shown || isComplete)) return <PageSkeleton />;
  return <Body order={order.data} event={event.data} />;
}

const mayHaveTickets = (order: Order | undefined) =>
  order !== undefined && ['confirmed', 'refunding', 'refunded'].includes(order.status);

function Body({ order, event }: { order: Timed<Order>; event: EventInfo | undefined }) {
  return (
    <div className="mx-auto grid w-full max-w-5xl gap-8 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <header className="grid gap-3 border-b border-line pb-6">
        <div data-testid="order-status" data-status={order.status}>
          <StateLabel state={order.status} />
        </div>
        <h1 className="display text-5xl md:text-7xl">{order.event_title}</h1>
        {event && (
          <p className="text-soft">
            {event.venue} · {formatMoment(event.starts_at, event.timezone)}
          </p>
        )}
        {order.status === 'confirmed' && (
          <div className="mt-2 flex flex-wrap gap-3">
            <SaveButton path={calls.files.calendar(order.id)} name="event.ics">
              Add to calendar
            </SaveButton>
            {event && <CancelOrder order={order} event={event} />}
          </div>
        )}
      </header>
      <StatusWords order={order} />
      {event && <Moved order={order} event={event} />}
      {order.status === 'confirmed' && <EmailNotice orderId={order.id} />}
      {mayHaveTickets(order) && <Tickets order={order} event={event} />}
      <Details order={order} />
    </div>
  );
}

function Moved({ order, event }: { order: Timed<Order>; event: EventInfo }) {
  const { move } = order;
  if (!move) return null;
  const mayReturn =
    order.status === 'confirmed' && Date.parse(order.server_time) < Date.parse(move.return_until);
  return (
    <MovedNotice move={move} timezone={event.timezone}>
      {mayReturn && (
        <p className="mt-2">
          Your tickets stay valid. If it does not suit you, you can cancel the whole order until{' '}
          {formatMoment(move.return_until, event.timezone)}, and all that you paid goes back to you.
        </p>
      )}
    </MovedNotice>
  );
}

function StatusWords({ order }: { order: Timed<Order> }) {
  switch (order.status) {
    case 'awaiting_payment':
      return (
        <Notice tone="warn" title="This order is not paid yet">
          <p className="mb-3">Its seats are held until the time runs out.</p>
          <Link
            to="/checkout/$holdId"
            params={{ holdId: order.hold_id }}
            className={buttonClass('secondary')}
          >
            Continue to payment
          </Link>
        </Notice>
      );
    case 'processing':
      return (
        <Notice title="The payment is being processed">
          The tickets appear here as soon as the bank has confirmed it.
        </Notice>
      );
    case 'expired':
      return (
        <Notice title="This order expired">
          {order.detail ?? 'It was not paid in time. Nothing was charged.'}
        </Notice>
      );
    case 'cancelled':
      return <Notice title="This order was cancelled">{order.detail}</Notice>;
    case 'refunding':
      return (
        <Notice tone="warn" title="Your money is on its way back">
          {order.detail ??
            `${formatMoney(order.total_minor, order.currency)} go back to the same card.`}
        </Notice>
      );
    case 'refunded':
      return (
        <Notice title="This order was refunded">
          {order.detail ??
            `${formatMoney(order.total_minor, order.currency)} went back to the same card.`}
        </Notice>
      );
    case 'confirmed':
      return null;
  }
}

function Tickets({ order, event }: { order: Order; event: EventInfo | undefined }) {
  const { data, error, refetch } = useQuery(ticketsQuery(order.id));
  if (error) return <ErrorState error={error} what="The tickets" onRetry={() => void refetch()} />;
  if (!data) return <Skeleton label="Loading tickets" className="h-64" />;
  if (data.length === 0) return null;
  return (
    <section aria-label="Tickets" className="grid gap-5">
      <h2 className="display text-3xl">{data.length === 1 ? 'Your ticket' : 'Your tickets'}</h2>
      <ul className="grid gap-5">
        {data.map((ticket) => (
          <li key={ticket.id}>
            <TicketCard ticket={ticket} order={order} event={event} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Details({ order }: { order: Order }) {
  const { refunded_minor: refunded = 0 } = order;
  return (
    <section aria-label="Receipt" className="grid gap-3">
      <h2 className="display text-3xl">Receipt</h2>
      <ul className="divide-y divide-line border-y border-line text-[0.9375rem]">
        {order.seats.map((seat) => (
          <li key={seat.id} className="flex flex-wrap justify-between gap-x-4 py-2.5">
            <span>
              {placeName(seat)} <span className="text-soft">· {seat.category}</span>
            </span>
            <span>{formatMoney(seat.price_minor, order.currency)}</span>
          </li>
        ))}
        <li className="flex flex-wrap justify-between gap-x-4 py-2.5 font-semibold">
          <span>Total</span>
          <span>{formatMoney(order.total_minor, order.currency)}</span>
        </li>
        {refunded > 0 && (
          <li
            className="flex flex-wrap justify-between gap-x-4 py-2.5"
            data-testid="refunded-in-part"
          >
            <span>Refunded by the organizer</span>
            <span>{formatMoney(refunded, order.currency)}</span>
          </li>
        )}
      </ul>
      <p className="text-sm text-soft">
        {order.buyer.name}, {order.buyer.email} · ordered{' '}
        {formatMoment(order.created_at, localTimeZone)} · order {order.id}
      </p>
    </section>
  );
}
