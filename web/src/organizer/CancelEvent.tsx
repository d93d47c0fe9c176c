import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Notice } from '@/ui/Notice';

export function CancelEvent({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const cancel = async () => {
    setBusy(true);
    setError(null);
    try {
      const cancelled = await calls.events.cancel(event.id);
      client.setQueryData(eventQuery(event.id).queryKey, cancelled);
      await client.invalidateQueries({ queryKey: ['events'] });
      setOpen(false);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="danger" data-testid="cancel-event" onClick={() => setOpen(true)}>
        Cancel the event
      </Button>
      <Dialog title={`Cancel ${event.title}?`} open={open} onClose={() => setOpen(false)}>
        <div className="grid gap-4">
          <p>
            The sale stops, every ticket becomes invalid and every order is refunded in full. This
            cannot be undone.
          </p>
          {error && <Notice tone="bad">{error.message}</Notice>}
          <div className="flex flex-wrap gap-3">
            <Button
              kind="danger"
              busy={busy && 'Cancelling'}
              data-testid="cancel-event-confirm"
              onClick={() => void cancel()}
            >
              Cancel it and refund everyone
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
