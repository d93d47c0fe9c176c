import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { accountEmailsQuery, admin, orderEmailsQuery, type QueueState } from '@/api/admin';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted } from '@/lib/words';
import { Act } from '@/ui/Act';
import { AdminFrame } from './AdminFrame';
import { PagedList } from './PagedList';

const route = getRouteApi('/admin/emails');

const kinds: Record<string, string> = {
  confirmed: 'Tickets of an order',
  refunded: 'Refund of an order',
  part_refunded: 'Refund of seats',
  returned: 'Payment given back',
  verify: 'Confirm the address',
  already_registered: 'The address has an account',
  reset_password: 'Set a new password',
  password_changed: 'Password changed',
  confirm_address: 'Use another address',
  address_taken: 'The address is taken',
  address_changed: 'Address changed',
  second_factor_on: 'Second factor added',
  second_factor_off: 'Second factor removed',
  account_erased: 'Account erased',
};

const states: { state: QueueState; label: string }[] = [
  { state: 'failed', label: 'With something in their way' },
  { state: 'waiting', label: 'On their way' },
];

export function EmailsPage() {
  const { state } = route.useSearch();
  return (
    <AdminFrame title="Emails">
      <Emails state={state === 'waiting' ? 'waiting' : 'failed'} />
    </AdminFrame>
  );
}

export function Emails({ state }: { state: QueueState }) {
  const client = useQueryClient();
  const orders = useInfiniteQuery(orderEmailsQuery(state));
  const accounts = useInfiniteQuery(accountEmailsQuery(state));
  const onDone = () => client.invalidateQueries({ queryKey: ['admin', 'emails'] });
  const nothing =
    state === 'failed' ? 'Nothing is in the way of any email.' : 'No email waits: all have gone.';
  return (
    <>
      <nav aria-label="Emails" className="flex flex-wrap gap-x-6">
        {states.map((one) => (
          <Link
            key={one.state}
            to="/admin/emails"
            search={{ state: one.state }}
            aria-current={one.state === state ? 'page' : undefined}
            className="inline-flex min-h-11 items-center text-soft aria-[current=page]:font-semibold aria-[current=page]:text-ink"
          >
            {one.label}
          </Link>
        ))}
      </nav>
      <section aria-labelledby="emails-orders" className="grid gap-3">
        <h2 id="emails-orders" className="display text-3xl">
          About orders
        </h2>
        <PagedList
          query={orders}
          what="These emails"
          testId="order-email"
          idOf={(email) => email.id}
          nothing={nothing}
        >
          {(email) => (
            <Row
              name={`${kinds[email.kind] ?? email.kind}, to ${email.to || 'an erased account'}`}
              reason={email.reason}
              since={email.since}
              dueAt={email.due_at}
              tries={email.tries}
            >
              <Link
                to="/organizer/$eventId/orders/$orderId"
                params={{ eventId: email.event_id, orderId: email.order_id }}
                className="text-sm underline underline-offset-4"
              >
                The order
              </Link>
              {email.state !== 'waiting_for_proof' && (
                <SendAgain about="orders" id={email.id} to={email.to} onDone={onDone} />
              )}
            </Row>
          )}
        </PagedList>
      </section>
      <section aria-labelledby="emails-accounts" className="grid gap-3">
        <h2 id="emails-accounts" className="display text-3xl">
          About accounts
        </h2>
        <PagedList
          query={accounts}
          what="These emails"
          testId="account-email"
          idOf={(email) => email.id}
          nothing={nothing}
        >
          {(email) => (
            <Row
              name={`${kinds[email.kind] ?? email.kind}, to ${email.to}`}
              reason={email.error}
              since={email.created_at}
              dueAt={email.due_at}
              tries={email.tries}
            >
              <SendAgain about="accounts" id={email.id} to={email.to} onDone={onDone} />
            </Row>
          )}
        </PagedList>
      </section>
    </>
  );
}

interface RowProps {
  name: string;
  reason: string | null;
  since: string;
  dueAt: string | null;
  tries: number;
  children: React.ReactNode;
}

function Row({ name, reason, since, dueAt, tries, children }: RowProps) {
  const next = dueAt === null ? 'It is not tried again by itself' : `Next try ${moment(dueAt)}`;
  return (
    <div className="grid gap-2">
      <p className="font-semibold">{name}</p>
      {reason !== null && <p className="text-sm">{reason}</p>}
      <p className="text-sm text-soft">
        Since {moment(since)} · {tries === 0 ? 'not tried yet' : counted(tries, 'try', 'tries')} ·{' '}
        {next}
      </p>
      <div className="flex flex-wrap items-center gap-4">{children}</div>
    </div>
  );
}

const moment = (at: string) => formatMoment(at, localTimeZone);

interface SendProps {
  about: 'accounts' | 'orders';
  id: string;
  to: string;
  onDone: () => Promise<unknown>;
}

function SendAgain({ about, id, to, onDone }: SendProps) {
  return (
    <Act
      name="Send now"
      testId="email-send"
      title="Send this email now?"
      submit="Send it"
      onDone={onDone}
      send={(_, key) => admin.sendEmail(about, id, key)}
    >
      {() => <p className="wrap-anywhere">It goes to {to} at once, whatever was in its way.</p>}
    </Act>
  );
}
