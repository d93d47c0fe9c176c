import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { Intent } from '@/api/intent';
import type { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import { reschedule } from '@/api/reschedule';
import type { EventInfo, RescheduleDraft, ReschedulePreview } from '@/api/types';
import { useAttempt } from '@/lib/useAttempt';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Notice } from '@/ui/Notice';
import type { Errors } from './draft';
import { readReschedule, RescheduleFields } from './RescheduleFields';
import { RescheduleSummary } from './RescheduleSummary';

interface Looked {
  draft: RescheduleDraft;
  preview: ReschedulePreview;
}

/** Another date or place for a published event: what is asked, then what will happen, then it happens. */
export function Reschedule({ event }: { event: EventInfo }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button kind="secondary" data-testid="reschedule" onClick={() => setOpen(true)}>
        Move to another date
      </Button>
      <Dialog title="Move to another date" open={open} onClose={() => setOpen(false)}>
        {open && <Steps event={event} onClose={() => setOpen(false)} />}
      </Dialog>
    </>
  );
}

function Steps({ event: latest, onClose }: { event: EventInfo; onClose: () => void }) {
  // What the form shows is what it was opened with, however often the event is fetched again meanwhile.
  const [event] = useState(latest);
  const client = useQueryClient();
  const intent = useRef(new Intent());
  const form = useRef<HTMLFormElement>(null);
  const [looked, setLooked] = useState<Looked | null>(null);
  const [mistakes, setMistakes] = useState<Errors>({});
  const { busy, error, attempt } = useAttempt();

  // What is wrong with a field is said at the field.
  const backToFields = (refused: ApiError) => {
    if (Object.keys(refused.errors).length > 0) setLooked(null);
  };
  const look = (submitted: SubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const found: Errors = {};
    const draft = readReschedule(new FormData(submitted.currentTarget), event, found);
    setMistakes(found);
    if (busy || draft === null) return;
    void attempt(async () => {
      setLooked({ draft, preview: await reschedule.preview(event.id, draft) });
    });
  };
  const move = ({ draft }: Looked) =>
    attempt(async () => {
      const moved = await intent.current.run(draft, (key) => reschedule.move(event.id, draft, key));
      client.setQueryData(eventQuery(event.id).queryKey, moved);
      await client.invalidateQueries({ queryKey: ['events'] });
      onClose();
    }, backToFields);

  const errors = { ...(error?.errors ?? {}), ...mistakes };
  const wrong = Object.keys(errors).join(' ');
  useEffect(() => {
    if (wrong !== '') form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  }, [wrong]);
  return (
    <div className="grid gap-4">
      <form
        ref={form}
        noValidate
        onSubmit={look}
        hidden={looked !== null}
        className={looked === null ? 'grid gap-4' : 'hidden'}
      >
        <p>
          Holds, orders and tickets stay good, and whoever has bought is told. They may return their
          orders with a full refund until the time that you say.
        </p>
        <RescheduleFields event={event} errors={errors} />
        {looked === null && error && <Trouble error={error} fields={errors} />}
        <div className="flex flex-wrap gap-3">
          <Button type="submit" busy={busy && 'Looking'} data-testid="reschedule-look">
            See what will happen
          </Button>
          <Button kind="secondary" onClick={onClose}>
            Leave it
          </Button>
        </div>
      </form>
      {looked && (
        <>
          <RescheduleSummary event={event} draft={looked.draft} preview={looked.preview} />
          {error && <Trouble error={error} fields={{}} />}
          <div className="flex flex-wrap gap-3">
            <Button
              busy={busy && 'Moving'}
              data-testid="reschedule-confirm"
              onClick={() => void move(looked)}
            >
              Move the event
            </Button>
            <Button kind="secondary" data-testid="reschedule-back" onClick={() => setLooked(null)}>
              Change it
            </Button>
          </div>
        </>
      )}
    </div>
  );
}

/** What no field says. */
function Trouble({ error, fields }: { error: ApiError; fields: Errors }) {
  const known = ['starts_at', 'venue', 'message', 'return_until'];
  const others = Object.entries(fields).filter(([name]) => !known.includes(name));
  if (others.length === 0 && Object.keys(fields).length > 0) return null;
  return (
    <Notice tone="bad" title="Nothing was moved, as far as we know">
      {error.status === 0
        ? 'The server did not answer. Press again: it is not done twice.'
        : [error.message, ...others.map(([name, what]) => `${name} ${what}.`)].join(' ')}
    </Notice>
  );
}
