import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { deskOrderQuery } from '@/api/desk';
import { eventQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import type { DeskOrderDetails, DeskSeat, OrderEmail } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment, localTimeZone } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';
import { DeskActs } from './DeskActs';
import { OrderHistory } from './OrderHistory';
import { emailNames, payments } from './orderWords';

const route = getRouteApi('/organizer/$eventId/orders/$orderId');

/** One order with all that is known of it, and what can be done for its buyer. */
export function DeskOrderPage() {
  const { eventId, orderId } = route.useParams();
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <DeskOrderView eventId={eventId} orderId={orderId} />
    </RequireSession>
  );
}

export function DeskOrderView({ eventId, orderId }: { eventId: string; orderId: string }) {
  const client = useQueryClient();
  const { data: event } = useQuery(eventQuery(eventId));
  const { data, error, refetch } = useQuery(deskOrderQuery(eventId, orderId));
  const me = useSession((session) => session.user?.id);
  useTitle(data && `Order of ${data.order.buyer.name}`);
  if (error && !data) {
    return <ErrorState error={error} what="This order" onRetry={() => void refetch()} />;
  }
  if (!data) return <PageSkeleton />;
  const { order } = data;
  const timezone = event?.timezone ?? localTimeZone;
  return (
    <div className="mx-auto grid w-full max-w-5xl gap-10 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <header className="grid gap-3 wrap-anywhere">
        <Link
          to="/organizer/$eventId/orders"
          params={{ eventId }}
          search={{}}
          className={`${buttonClass('plain')} justify-self-start`}
        >
          All orders
        </Link>
        <div data-testid="desk-order-status" data-status={order.status}>
          <StateLabel state={order.status} />
        </div>
        <h1 className="display text-4xl md:text-6xl">{order.buyer.name || 'Account erased'}</h1>
        <p className="text-soft" data-testid="desk-order-email">
          {order.buyer.email || 'The buyer has erased the account.'}
        </p>
        <DeskActs
          details={data}
          onDone={() => client.invalidateQueries({ queryKey: ['desk', eventId] })}
        />
      </header>
      {order.detail && <Notice title="What happened">{order.detail}</Notice>}
      <Facts details={data} timezone={timezone} />
      <Seats seats={data.seats} currency={order.currency} timezone={timezone} />
      <Emails emails={data.emails} />
      <OrderHistory history={data.history} currency={order.currency} timezone={timezone} me={me} />
    </div>
  );
}

function Facts({ details, timezone }: { details: DeskOrderDetails; timezone: string }) {
  const { order } = details;
  const facts = [
    ['Order', order.id],
    ['Placed', formatMoment(order.created_at, timezone)],
    ['Total', formatMoney(order.total_minor, order.currency)],
    ...(order.refunded_minor > 0
      ? [['Refunded in part', formatMoney(order.refunded_minor, order.currency)]]
      : []),
    ['Payment', payments[order.payment]],
  ];
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-4 border-y border-line py-5 min-[390px]:grid-cols-2 md:grid-cols-3">
      {facts.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-sm text-soft">{name}</dt>
          <dd className="font-medium wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SeatsProps {
  seats: DeskSeat[];
  currency: string;
  timezone: string;
}

function Seats({ seats, currency, timezone }: SeatsProps) {
  return (
    <section aria-labelledby="desk-seats" className="grid gap-3">
      <h2 id="desk-seats" className="display text-3xl">
        Seats
      </h2>
      <ul className="divide-y divide-line border-y border-line">
        {seats.map((seat) => (
          <li
            key={seat.id}
            data-testid="desk-seat"
            data-status={seat.status}
            className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1 py-3"
          >
            <div className="grid min-w-40 grow basis-0 gap-0.5 wrap-anywhere">
              <span className="font-medium">{seat.place}</span>
              <span className="text-sm text-soft">
                {seat.category}
                {seat.used_at &&
                  ` · at the gate ${seat.gate ?? ''} ${formatMoment(seat.used_at, timezone)}`}
              </span>
            </div>
            <div className="grid shrink-0 justify-items-end gap-0.5">
              <span>{formatMoney(seat.price_minor, currency)}</span>
              {seat.status !== 'ordered' && <StateLabel state={seat.status} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

const emailStates: Record<OrderEmail['state'], string> = {
  due: 'on its way',
  delayed: 'delayed',
  waiting_for_proof: 'waits until the address is confirmed',
  refused: 'refused',
  sent: 'sent',
};

function Emails({ emails }: { emails: OrderEmail[] }) {
  return (
    <section aria-labelledby="desk-emails" className="grid gap-3">
      <h2 id="desk-emails" className="display text-3xl">
        Emails
      </h2>
      {emails.length === 0 ? (
        <p className="text-soft">None yet.</p>
      ) : (
        <ul className="divide-y divide-line border-y border-line">
          {emails.map((email, place) => (
            <li
              key={`${email.kind} ${String(place)}`}
              className="grid gap-0.5 py-2.5 wrap-anywhere"
            >
              <span>
                {emailNames[email.kind] ?? email.kind}: {emailStates[email.state]}
              </span>
              {email.reason && <span className="text-sm text-soft">{email.reason}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
