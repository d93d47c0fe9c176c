import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState, type SubmitEvent } from 'react';
import * as calls from '@/api/calls';
import { Intent } from '@/api/intent';
import { ApiError } from '@/api/problem';
import { holdQuery, orderQuery, pendingQuery, timedOrder, type Timed } from '@/api/queries';
import { useSession } from '@/api/session';
import type { Hold } from '@/api/types';
import { formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';

export function BuyerForm({ hold }: { hold: Timed<Hold> }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const user = useSession((session) => session.user);
  const intent = useRef(new Intent());
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const order = async (name: string, email: string) => {
    const buyer = { name, email };
    setBusy(true);
    setError(null);
    try {
      const placed = await intent.current.run({ hold: hold.hold_id, buyer }, (key) =>
        calls.orders.place(hold.hold_id, buyer, key),
      );
      client.setQueryData(orderQuery(placed.id).queryKey, timedOrder(placed));
      client.setQueryData(holdQuery(hold.hold_id).queryKey, {
        ...hold,
        status: 'ordered',
        order_id: placed.id,
      });
      void client.invalidateQueries({ queryKey: pendingQuery().queryKey });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
      // Expired, released or ordered in another tab: the hold itself knows best.
      if (problem.status === 409) {
        await client.invalidateQueries({ queryKey: holdQuery(hold.hold_id).queryKey });
      }
    } finally {
      setBusy(false);
    }
  };

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    void order(formValue(data, 'name'), formValue(data, 'email'));
  };

  const release = async () => {
    setBusy(true);
    try {
      await calls.holds.release(hold.hold_id);
      await client.invalidateQueries({ queryKey: pendingQuery().queryKey });
      await navigate({
        to: '/events/$eventId/seats',
        params: { eventId: hold.event_id },
        search: {},
      });
      client.setQueryData(holdQuery(hold.hold_id).queryKey, { ...hold, status: 'released' });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
      setBusy(false);
    }
  };

  return (
    <form onSubmit={submit} className="grid gap-5" aria-label="Buyer">
      <h2 className="display text-3xl">Who is buying?</h2>
      {error && (
        <Notice tone="bad" title="The order was not placed">
          {error.status === 0
            ? 'The server did not answer. Press the button again: it repeats the same order and cannot place two.'
            : error.message}
        </Notice>
      )}
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        required
        maxLength={200}
        defaultValue={user?.name}
        error={error?.errors['buyer.name']}
        data-testid="buyer-name"
      />
      <Field
        label="Email"
        name="email"
        type="email"
        autoComplete="email"
        required
        maxLength={254}
        defaultValue={user?.email}
        hint="For anything you need to know about this order."
        error={error?.errors['buyer.email']}
        data-testid="buyer-email"
      />
      <div className="flex flex-wrap gap-3 pt-2">
        <Button
          type="submit"
          busy={busy && 'One moment'}
          data-testid="to-payment"
          className="grow sm:grow-0"
        >
          Continue to payment
        </Button>
        <Button kind="plain" disabled={busy} onClick={() => void release()}>
          Give the seats back
        </Button>
      </div>
    </form>
  );
}
