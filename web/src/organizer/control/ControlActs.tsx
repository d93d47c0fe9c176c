import { useId, useRef, useState, type ReactNode, type SubmitEvent } from 'react';
import { Intent } from '@/api/intent';
import type { LineControl, LineOrder } from '@/api/types';
import { ApiError } from '@/api/problem';
import type { EventInfo } from '@/api/types';
import { actOnLine } from '@/api/useLineControl';
import { formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';

interface Props {
  event: EventInfo;
  figures: LineControl;
  onDone: (figures: LineControl) => void;
}

const MESSAGE_LENGTH = 500;
const MOST_A_MINUTE = 6_000_000;

/** What an organizer can do with a line; each is asked for once more before it happens. */
export function ControlActs({ event, figures, onDone }: Props) {
  const { phase, rate_cap: cap } = figures;
  const shared = { eventId: event.id, onDone };
  if (phase === 'ended') return null;
  return (
    <div className="flex flex-wrap gap-3" role="group" aria-label="Actions">
      {phase === 'paused' ? (
        <Act {...shared} name="Resume" kind="primary" order={() => ({ action: 'resume' })}>
          The line is called again from where it stopped.
        </Act>
      ) : (
        (phase === 'open' || phase === 'sold_out') && (
          <Act {...shared} name="Pause" kind="primary" order={() => ({ action: 'pause' })}>
            Nobody else is called. Who is inside goes on, and every number stays.
          </Act>
        )
      )}
      {phase === 'sealed' && event.line.beacon === 'pair' && (
        <Act
          {...shared}
          name="Reveal your secret"
          kind="primary"
          order={(data) => ({ action: 'reveal', secret: formValue(data, 'secret').trim() })}
          field={(errors) => (
            <Field
              label="Your secret, in hex"
              name="secret"
              required
              autoComplete="off"
              error={errors['secret']}
              hint="The draw needs it. Its SHA-256 was published with the event."
            />
          )}
        />
      )}
      <Act
        {...shared}
        name="Cap the rate"
        order={(data) => {
          const text = formValue(data, 'cap');
          return { action: 'rate_cap', rate_cap: text === '' ? null : Number(text) / 60 };
        }}
        field={(errors) => (
          <Field
            label="People a minute, at most"
            name="cap"
            type="number"
            min={0}
            max={MOST_A_MINUTE}
            step="any"
            defaultValue={cap === null ? '' : Math.round(cap * 60)}
            error={errors['rate_cap']}
            hint="Empty: no cap of yours. The measured limits stay."
          />
        )}
      />
      <Act
        {...shared}
        name="Write a message"
        order={(data) => ({ action: 'message', message: formValue(data, 'message') })}
        field={(errors) => (
          <Field
            label="Message to everybody who waits"
            name="message"
            maxLength={MESSAGE_LENGTH}
            defaultValue={figures.message}
            error={errors['message']}
            hint="Empty: no message."
          />
        )}
      />
      <Act {...shared} name="Close the line" kind="danger" order={() => ({ action: 'close' })}>
        Nobody is called any more, and nobody can join. This cannot be undone.
      </Act>
    </div>
  );
}

interface ActProps {
  eventId: string;
  onDone: (figures: LineControl) => void;
  name: string;
  kind?: 'primary' | 'secondary' | 'danger';
  order: (data: FormData) => LineOrder;
  field?: (errors: Record<string, string>) => ReactNode;
  children?: ReactNode;
}

function Act({ eventId, onDone, name, kind = 'secondary', order, field, children }: ActProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const intent = useRef(new Intent());
  const form = useId();
  const act = async (wanted: LineOrder) => {
    setBusy(true);
    setError(null);
    try {
      onDone(await actOnLine(eventId, wanted, intent.current));
      setOpen(false);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) void act(order(new FormData(event.currentTarget)));
  };
  const close = () => {
    setOpen(false);
    setError(null);
  };
  return (
    <>
      <Button kind={kind} onClick={() => setOpen(true)}>
        {name}
      </Button>
      <Dialog title={`${name}?`} open={open} onClose={close}>
        {open && (
          <form id={form} onSubmit={submit} className="grid gap-4">
            {children && <p>{children}</p>}
            {field?.(error?.errors ?? {})}
            {error && (
              <Notice tone="bad" title="Nothing was changed, as far as we know">
                {error.status === 0
                  ? 'The server did not answer. Press again: it is not done twice.'
                  : error.message}
              </Notice>
            )}
            <div className="flex flex-wrap gap-3">
              <Button
                type="submit"
                kind={kind}
                busy={busy && 'Working'}
                data-testid="control-confirm"
              >
                {`Yes, ${name.toLowerCase()}`}
              </Button>
              <Button kind="secondary" onClick={close}>
                Leave it
              </Button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  );
}
