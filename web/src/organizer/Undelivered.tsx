import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type SubmitEvent } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { undeliveredQuery } from '@/api/queries';
import type { UndeliveredEmail } from '@/api/types';
import { formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';

/** Emails that have not arrived, each with its reason and a way to correct the address. */
export function Undelivered({ eventId }: { eventId: string }) {
  const { data, error, refetch } = useQuery(undeliveredQuery(eventId));
  if (error && !data) {
    return <ErrorState error={error} what="Undelivered emails" onRetry={() => void refetch()} />;
  }
  if (!data || data.items.length === 0) return null;
  return (
    <section aria-labelledby="undelivered" data-testid="undelivered" className="grid gap-4">
      <header className="grid gap-1">
        <h2 id="undelivered" className="display text-3xl">
          Emails that have not arrived
        </h2>
        <p className="text-sm text-soft">
          These buyers have their tickets on their order’s page. Correct an address, and the email
          is sent again.
          {data.next_cursor !== null && ' The oldest are shown; the others follow.'}
        </p>
      </header>
      <ul className="divide-y divide-line border-y border-line">
        {data.items.map((undelivered) => (
          <li key={`${undelivered.order_id} ${undelivered.kind}`} className="py-4">
            <Correction eventId={eventId} undelivered={undelivered} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Correction({ eventId, undelivered }: { eventId: string; undelivered: UndeliveredEmail }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const correct = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const email = formValue(new FormData(event.currentTarget), 'email');
    setBusy(true);
    setError(null);
    try {
      await calls.events.correctEmail(eventId, undelivered.order_id, email);
      await client.invalidateQueries({ queryKey: undeliveredQuery(eventId).queryKey });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      noValidate
      onSubmit={(event) => void correct(event)}
      className="grid gap-3 md:grid-cols-2 md:items-start"
    >
      <div className="grid min-w-0 gap-1 wrap-break-word">
        <p className="font-medium">{undelivered.buyer.name}</p>
        <p className="text-sm text-soft">{undelivered.reason}</p>
      </div>
      <div className="flex items-end gap-3">
        <div className="min-w-0 grow">
          <Field
            label={`Email of ${undelivered.buyer.name}`}
            name="email"
            type="email"
            defaultValue={undelivered.buyer.email}
            error={error?.errors.email ?? error?.message}
            data-testid="correct-email"
          />
        </div>
        <Button type="submit" kind="secondary" busy={busy && 'Sending'} data-testid="send-again">
          Send again
        </Button>
      </div>
    </form>
  );
}
