import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { isOpenAt, presaleAccessQuery, presales, type TimedPresale } from '@/api/presales';
import type { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { usePresale } from '@/api/usePresale';
import { formValue } from '@/lib/form';
import { formatMoment } from '@/lib/time';
import { useSubmission } from '@/lib/useSubmission';
import { counted, listed } from '@/lib/words';
import { Button, buttonClass } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';

/** Before the general sale: when presales are, and the place for an access code. */
export function PresaleEntry({ event }: { event: EventInfo }) {
  const { windows, mine, now, error, retry } = usePresale(event);
  if (error) {
    return (
      <Notice tone="warn" title="Whether there is a presale is not known">
        <Button kind="plain" onClick={retry}>
          Look again
        </Button>
      </Notice>
    );
  }
  if (windows.length === 0) return null;
  const usable = mine.filter((window) => now < window.closesAt);
  return (
    <section aria-labelledby="presale" className="grid max-w-xl gap-4" data-testid="presale">
      <h2 id="presale" className="display text-3xl">
        Presale
      </h2>
      <ul className="grid gap-1">
        {windows.map((window) => (
          <li key={window.id} className="flex flex-wrap justify-between gap-x-4">
            <span className="font-medium wrap-anywhere">{window.name}</span>
            <span className="text-soft">{times(window, event, now)}</span>
          </li>
        ))}
      </ul>
      {usable.length > 0 && <Accepted event={event} windows={usable} now={now} />}
      {usable.length < windows.length && <Entry event={event} />}
    </section>
  );
}

function times(window: TimedPresale, event: EventInfo, now: number): string {
  const until = window.closes_at ?? event.on_sale_at;
  if (!isOpenAt(window, now)) return `From ${formatMoment(window.opens_at, event.timezone)}`;
  return until === null ? 'Open now' : `Open until ${formatMoment(until, event.timezone)}`;
}

interface AcceptedProps {
  event: EventInfo;
  windows: TimedPresale[];
  now: number;
}

function Accepted({ event, windows, now }: AcceptedProps) {
  const isOpen = windows.some((window) => isOpenAt(window, now));
  return (
    <Notice tone="ok" title="Your access code is accepted" testId="presale-accepted">
      <p>
        {isOpen
          ? 'You can choose seats now.'
          : `You can choose seats as soon as ${listed(windows.map((window) => window.name))} opens. You need not enter it again.`}
      </p>
      {isOpen && (
        <Link
          to="/events/$eventId/seats"
          params={{ eventId: event.id }}
          search={{}}
          className="inline-flex min-h-6 items-center font-semibold underline underline-offset-4"
        >
          Choose seats
        </Link>
      )}
    </Notice>
  );
}

function Entry({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const status = useSession((session) => session.status);
  const { busy, error, onSubmit } = useSubmission(async (data, form) => {
    await presales.use(event.id, formValue(data, 'code'));
    form?.reset();
    await client.invalidateQueries({ queryKey: presaleAccessQuery(event.id).queryKey });
  });
  if (status === 'anonymous') {
    return (
      <Link
        to="/sign-in"
        search={{ next: `/events/${event.id}` }}
        className={`${buttonClass('secondary')} justify-self-start`}
      >
        Sign in to use an access code
      </Link>
    );
  }
  return (
    <form onSubmit={onSubmit} className="flex items-start gap-3">
      <div className="grow">
        <Field
          label="I have an access code"
          name="code"
          required
          maxLength={100}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          error={error ? words(error, event) : undefined}
          data-testid="access-code"
        />
      </div>
      <Button type="submit" className="mt-6.5" busy={busy && 'Checking'}>
        Use it
      </Button>
      {/* The message beside the field is read with the field; this one is said at once. */}
      <p role="alert" className="sr-only">
        {error && words(error, event)}
      </p>
    </form>
  );
}

function words(error: ApiError, event: EventInfo): string {
  const { on_sale_at: onSale } = error.body;
  switch (error.code) {
    case 'access_code_invalid':
      return 'This is no access code of this event. Check how it is written.';
    case 'access_code_used_up':
      return 'Others have used this code as often as it can be. Ask whoever gave it to you.';
    case 'presale_over':
      return typeof onSale === 'string'
        ? `This presale is over. Everybody can buy from ${formatMoment(onSale, event.timezone)} on.`
        : 'The sale is open to everybody now.';
    case 'email_not_verified':
      return 'This event is for accounts with a confirmed email address. Confirm yours under Account.';
    default:
      if (error.status === 429) {
        return `Too many tries. Wait ${counted(Math.ceil(error.retryAfterSeconds ?? 30), 'second')}.`;
      }
      return error.status === 0 ? 'The server did not answer. Try again.' : error.message;
  }
}
