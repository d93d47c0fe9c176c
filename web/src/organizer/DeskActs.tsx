import { useRef, useState, type ReactNode, type SubmitEvent } from 'react';
import { desk } from '@/api/desk';
import { Intent } from '@/api/intent';
import { ApiError } from '@/api/problem';
import type { DeskOrderDetails } from '@/api/types';
import { formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { RefundSeats } from './RefundSeats';

interface Props {
  details: DeskOrderDetails;
  /** Something was done: what is shown is old. */
  onDone: () => Promise<void>;
}

const NAME_LENGTH = 100;
const NOTE_LENGTH = 2000;

/** What the desk can do with an order as it stands; each is asked for once more before it happens. */
export function DeskActs({ details, onDone }: Props) {
  const { order, seats } = details;
  const { event_id: event, id, buyer } = order;
  const isConfirmed = order.status === 'confirmed';
  if (buyer.email === '' && !isConfirmed) return null;
  return (
    <div className="mt-2 flex flex-wrap gap-3" role="group" aria-label="Actions">
      {isConfirmed && buyer.email !== '' && (
        <Act
          name="Send tickets again"
          title="Send the tickets again?"
          submit="Send them"
          onDone={onDone}
          send={(_, key) => desk.resend(event, id, key)}
        >
          {() => (
            <p className="wrap-anywhere">
              The email with the tickets goes to {buyer.email} once more. Codes stay the same.
            </p>
          )}
        </Act>
      )}
      {buyer.email !== '' && (
        <Act
          name="Correct name or email"
          title="Correct the buyer"
          submit="Save"
          onDone={onDone}
          send={(data, key) =>
            desk.correct(
              event,
              id,
              {
                name: formValue(data, 'name'),
                email: formValue(data, 'email'),
                resend: data.has('resend'),
              },
              key,
            )
          }
        >
          {(errors) => (
            <>
              <Field
                label="Name"
                name="name"
                defaultValue={buyer.name}
                maxLength={NAME_LENGTH}
                autoComplete="off"
                error={errors['name']}
                data-testid="desk-name"
              />
              <Field
                label="Email"
                name="email"
                type="email"
                defaultValue={buyer.email}
                autoComplete="off"
                error={errors['email']}
                hint="Of this order alone; the buyer’s account keeps its own."
                data-testid="desk-email"
              />
              {isConfirmed && (
                <label className="flex min-h-11 items-center gap-3">
                  <input type="checkbox" name="resend" defaultChecked className="size-5" />
                  Send the tickets there
                </label>
              )}
            </>
          )}
        </Act>
      )}
      {buyer.email !== '' && (
        <Act
          name="Add a note"
          title="Add a note"
          submit="Keep it"
          onDone={onDone}
          send={(data, key) => desk.note(event, id, { text: formValue(data, 'text') }, key)}
        >
          {(errors) => (
            <FieldFrame
              label="Note"
              error={errors['text']}
              hint="For whoever works at the desk. The buyer does not see it."
            >
              {({ id: field, describedBy, invalid }) => (
                <textarea
                  id={field}
                  name="text"
                  rows={4}
                  maxLength={NOTE_LENGTH}
                  aria-describedby={describedBy}
                  aria-invalid={invalid || undefined}
                  data-testid="desk-note"
                  className={`${inputClass} py-2`}
                />
              )}
            </FieldFrame>
          )}
        </Act>
      )}
      {isConfirmed && (
        <Act
          name="Refund"
          title="Refund seats"
          submit="Refund"
          kind="danger"
          onDone={onDone}
          send={(data, key) =>
            desk.refund(
              event,
              id,
              {
                seats: data.getAll('seats').filter((seat) => typeof seat === 'string'),
                reason: formValue(data, 'reason'),
              },
              key,
            )
          }
        >
          {(errors) => <RefundSeats seats={seats} currency={order.currency} errors={errors} />}
        </Act>
      )}
    </div>
  );
}

interface ActProps {
  name: string;
  title: string;
  submit: string;
  kind?: 'secondary' | 'danger';
  onDone: () => Promise<void>;
  send: (data: FormData, key: string) => Promise<unknown>;
  children: (errors: Record<string, string>) => ReactNode;
}

/** A button and its dialog. One press is one intent, however often it is tried. */
function Act({ name, title, submit, kind = 'secondary', onDone, send, children }: ActProps) {
  const intent = useRef(new Intent());
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const act = async (data: FormData) => {
    setBusy(true);
    setError(null);
    try {
      await intent.current.run([...data.entries()], (key) => send(data, key));
      setOpen(false);
      await onDone();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) void act(new FormData(event.currentTarget));
  };
  const close = () => {
    setOpen(false);
    setError(null);
  };
  const testId = name.toLowerCase().replaceAll(' ', '-');
  return (
    <>
      <Button kind={kind} data-testid={`desk-${testId}`} onClick={() => setOpen(true)}>
        {name}
      </Button>
      <Dialog title={title} open={open} onClose={close}>
        {open && (
          <form noValidate onSubmit={onSubmit} className="grid gap-4">
            {children(error?.errors ?? {})}
            {error && Object.keys(error.errors).length === 0 && (
              <Notice tone="bad" title="Nothing was changed, as far as we know">
                {error.status === 0
                  ? 'The server did not answer. Press again: it is not done twice.'
                  : error.message}
              </Notice>
            )}
            <div className="flex flex-wrap gap-3">
              <Button
                type="submit"
                kind={kind === 'danger' ? 'danger' : 'primary'}
                busy={busy && 'Working'}
                data-testid={`desk-${testId}-confirm`}
              >
                {submit}
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
