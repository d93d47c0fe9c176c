import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Notice } from '@/ui/Notice';

export function DeleteDraft({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const remove = async () => {
    setBusy(true);
    setError(null);
    try {
      await calls.events.remove(event.id);
      await navigate({ to: '/organizer', replace: true });
      client.removeQueries({ queryKey: eventQuery(event.id).queryKey });
      await client.invalidateQueries({ queryKey: ['events'] });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="danger" data-testid="delete-draft" onClick={() => setOpen(true)}>
        Delete the draft
      </Button>
      <Dialog title={`Delete ${event.title}?`} open={open} onClose={() => setOpen(false)}>
        <div className="grid gap-4">
          <p>The draft and what was filled in are gone for good. Nobody but you has seen it.</p>
          {error && <Notice tone="bad">{error.message}</Notice>}
          <div className="flex flex-wrap gap-3">
            <Button
              kind="danger"
              busy={busy && 'Deleting'}
              data-testid="delete-draft-confirm"
              onClick={() => void remove()}
            >
              Delete it
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
