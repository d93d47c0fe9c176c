import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import * as calls from '@/api/calls';
import { Intent } from '@/api/intent';
import { ApiError } from '@/api/problem';
import { orderQuery, ticketsQuery, timedOrder } from '@/api/queries';
import type { EventInfo, Order } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment } from '@/lib/time';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Notice } from '@/ui/Notice';

export function CancelOrder({ order, event }: { order: Order; event: EventInfo }) {
  const client = useQueryClient();
  const intent = useRef(new Intent());
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const cancel = async () => {
    setBusy(true);
    setError(null);
    try {
      const changed = await intent.current.run(order.id, (key) =>
        calls.orders.cancel(order.id, key),
      );
      client.setQueryData(orderQuery(order.id).queryKey, timedOrder(changed));
      await client.invalidateQueries({ queryKey: ticketsQuery(order.id).queryKey });
      setOpen(false);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };

  const until = possibleUntil(order, event);
  return (
    <>
      <Button kind="secondary" data-testid="cancel-order" onClick={() => setOpen(true)}>
        Cancel and refund
      </Button>
      <Dialog title="Cancel this order?" open={open} onClose={() => setOpen(false)}>
        <div className="grid gap-4">
          <p>
            {counted(order.seats.length, 'ticket')} become invalid and{' '}
            {formatMoney(order.total_minor, order.currency)} go back to your card. The seats are
            free for others at once.
          </p>
          {until && (
            <p className="text-sm text-soft">
              Possible until {formatMoment(until, event.timezone)}.
            </p>
          )}
          {error && <Notice tone="bad">{error.message}</Notice>}
          <div className="flex flex-wrap gap-3">
            <Button
              kind="danger"
              busy={busy && 'Cancelling'}
              data-testid="cancel-order-confirm"
              onClick={() => void cancel()}
            >
              Cancel the order
            </Button>
            <Button kind="secondary" onClick={() => setOpen(false)}>
              Keep it
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}

/** The event's rule, or what was promised when the event was moved, whichever is later. Null: until it begins. */
function possibleUntil(order: Order, { refundable_until: rule }: EventInfo): string | null {
  const promised = order.move?.return_until;
  if (rule === null || promised === undefined) return rule;
  return Date.parse(promised) > Date.parse(rule) ? promised : rule;
}
