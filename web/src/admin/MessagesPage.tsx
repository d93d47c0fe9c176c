import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import {
  admin,
  deadMessagesQuery,
  parkedKeyQuery,
  parkedQuery,
  receivers,
  senders,
} from '@/api/admin';
import type { ParkedKey, StuckMessage } from '@/api/types';
import { formValue } from '@/lib/form';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted } from '@/lib/words';
import { Act } from '@/ui/Act';
import { ErrorState } from '@/ui/ErrorState';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { Skeleton } from '@/ui/Skeleton';
import { AdminFrame } from './AdminFrame';
import { PagedList } from './PagedList';

const parkedRoute = getRouteApi('/admin/messages/$service/$key');
const REASON_LENGTH = 500;

export function MessagesPage() {
  return (
    <AdminFrame title="Messages">
      <Messages />
    </AdminFrame>
  );
}

/** What got stuck on its way to each service, and a way to send messages again. */
export function Messages() {
  const client = useQueryClient();
  const onDone = () => client.invalidateQueries({ queryKey: ['admin'] });
  return (
    <>
      <p className="max-w-2xl text-soft">
        Services tell each other what happened. Where a message can’t be applied, the later ones
        about the same thing wait behind it; everything else goes on.
      </p>
      {receivers.map((service) => (
        <Stuck key={service} service={service} onDone={onDone} />
      ))}
      <section aria-labelledby="replay" className="grid justify-items-start gap-3">
        <h2 id="replay" className="display text-3xl">
          Send again
        </h2>
        <p className="max-w-2xl text-soft">
          A service’s messages can be sent once more. Whoever has applied one skips it.
        </p>
        <Replay onDone={onDone} />
      </section>
    </>
  );
}

function Stuck({ service, onDone }: { service: string; onDone: () => Promise<unknown> }) {
  const parked = useInfiniteQuery(parkedQuery(service));
  const dead = useInfiniteQuery(deadMessagesQuery(service));
  return (
    <section aria-labelledby={`stuck-${service}`} className="grid gap-4">
      <h2 id={`stuck-${service}`} className="display text-3xl">
        To {service}
      </h2>
      <h3 className="font-semibold">Parked</h3>
      <PagedList
        query={parked}
        what="What is parked"
        testId={`parked-${service}`}
        idOf={(key) => key.id}
        nothing="Nothing waits."
      >
        {(key) => (
          <Link
            to="/admin/messages/$service/$key"
            params={{ service, key: key.id }}
            className="group grid gap-0.5"
          >
            <span className="font-semibold decoration-2 underline-offset-4 group-hover:underline">
              {key.id}
            </span>
            <span className="text-sm">{key.reason}</span>
            <span className="text-sm text-soft">{stateOf(key)}</span>
          </Link>
        )}
      </PagedList>
      <h3 className="font-semibold">Not understood</h3>
      <PagedList
        query={dead}
        what="What was not understood"
        testId={`dead-${service}`}
        idOf={(letter) => letter.id}
        nothing="Everything was understood."
      >
        {(letter) => (
          <div className="grid justify-items-start gap-2">
            <p className="font-semibold">{letter.error}</p>
            <p className="text-sm text-soft">
              {moment(letter.at)} · {letter.topic}, partition {letter.partition}, offset{' '}
              {letter.offset}
            </p>
            {letter.message && <Contents message={letter.message} />}
            <Act
              name="Try again"
              testId="retry-dead"
              title="Apply this message?"
              submit="Apply it"
              onDone={onDone}
              send={(data, key) =>
                admin.retry(service, letter.id, { reason: formValue(data, 'reason') }, key)
              }
            >
              {(errors) => (
                <>
                  <p>It is applied now, out of its order, if this version understands it.</p>
                  <ReasonField error={errors['reason']} />
                </>
              )}
            </Act>
          </div>
        )}
      </PagedList>
    </section>
  );
}

function Replay({ onDone }: { onDone: () => Promise<unknown> }) {
  return (
    <Act
      name="Send messages again"
      testId="replay"
      title="Send messages again"
      submit="Send them"
      onDone={onDone}
      send={(data, key) => {
        const aggregate = formValue(data, 'aggregate');
        const hours = Number(formValue(data, 'since_hours'));
        return admin.replay(
          formValue(data, 'service'),
          {
            reason: formValue(data, 'reason'),
            ...(aggregate === '' ? {} : { aggregate }),
            ...(hours > 0 ? { since_hours: hours } : {}),
          },
          key,
        );
      }}
    >
      {(errors) => (
        <>
          <FieldFrame label="Of the service">
            {({ id }) => (
              <select id={id} name="service" className={inputClass} data-testid="replay-service">
                {senders.map((service) => (
                  <option key={service}>{service}</option>
                ))}
              </select>
            )}
          </FieldFrame>
          <Field
            label="About"
            name="aggregate"
            placeholder="order:ord_…"
            autoComplete="off"
            hint="Left empty, all of them are sent."
            error={errors['aggregate']}
          />
          <Field
            label="Of the last hours"
            name="since_hours"
            type="number"
            min={1}
            error={errors['since_hours']}
          />
          <ReasonField error={errors['reason']} />
        </>
      )}
    </Act>
  );
}

export function ParkedPage() {
  const { service, key } = parkedRoute.useParams();
  const navigate = useNavigate({ from: '/admin/messages/$service/$key' });
  return (
    <AdminFrame title="Parked messages">
      <Parked service={service} parked={key} onDone={() => navigate({ to: '/admin/messages' })} />
    </AdminFrame>
  );
}

interface ParkedProps {
  service: string;
  parked: string;
  onDone: () => Promise<unknown>;
}

export function Parked({ service, parked, onDone }: ParkedProps) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(parkedKeyQuery(service, parked));
  if (error && !data) {
    return <ErrorState error={error} what="What is parked" onRetry={() => void refetch()} />;
  }
  if (!data) return <Skeleton label="Loading the messages" className="h-40" />;
  const tried = async () => {
    await client.invalidateQueries({ queryKey: ['admin', 'parked'], refetchType: 'none' });
    await onDone();
  };
  return (
    <section aria-labelledby="parked-key" className="grid gap-6" data-testid="parked-details">
      <header className="grid gap-1 wrap-anywhere">
        <h2 id="parked-key" className="display text-3xl">
          {data.key.id}
        </h2>
        <p>{data.key.reason}</p>
        <p className="text-sm text-soft">
          {service} · since {moment(data.key.since)} · {stateOf(data.key)}
        </p>
      </header>
      <div className="flex flex-wrap gap-3" role="group" aria-label="Actions">
        <Act
          name="Try again"
          testId="unpark"
          title="Try these messages again?"
          submit="Try again"
          onDone={tried}
          send={(form, key) =>
            admin.unpark(
              service,
              parked,
              { reason: formValue(form, 'reason'), accept_gap: form.has('accept_gap') },
              key,
            )
          }
        >
          {(errors) => (
            <>
              <p>
                They are applied in their order, now. If the first fails again, they are parked.
              </p>
              <label className="flex min-h-11 items-center gap-3">
                <input type="checkbox" name="accept_gap" className="size-5 shrink-0" />
                Go on behind messages that will never come
              </label>
              <ReasonField error={errors['reason']} />
            </>
          )}
        </Act>
      </div>
      <ol className="divide-y divide-line border-y border-line">
        {data.queued.map((message) => (
          <li key={message.seq} className="grid gap-2 py-4" data-testid="queued-message">
            <Contents message={message} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Contents({ message }: { message: StuckMessage }) {
  return (
    <details className="w-full min-w-0">
      <summary className="min-h-11 cursor-pointer py-2.5 wrap-anywhere">
        {message.type}, number {message.seq}
      </summary>
      <pre className="rounded-md bg-sunk p-4 text-sm wrap-anywhere whitespace-pre-wrap">
        {message.payload}
      </pre>
    </details>
  );
}

function ReasonField({ error }: { error: string | undefined }) {
  return (
    <Field
      label="Reason"
      name="reason"
      maxLength={REASON_LENGTH}
      autoComplete="off"
      error={error}
      hint="For the audit log."
      data-testid="reason"
    />
  );
}

const moment = (at: string) => formatMoment(at, localTimeZone);

function stateOf(key: ParkedKey): string {
  const waiting = counted(key.messages, 'message waits', 'messages wait');
  if (key.state === 'parked') return `${waiting}, after ${counted(key.attempts, 'attempt')}`;
  return `${waiting}; it is tried again by itself`;
}
