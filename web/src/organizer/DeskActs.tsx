import { desk } from '@/api/desk';
import type { DeskOrderDetails } from '@/api/types';
import { formValue } from '@/lib/form';
import { Act } from '@/ui/Act';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
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
          testId="desk-send-tickets-again"
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
          testId="desk-correct-name-or-email"
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
          testId="desk-add-a-note"
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
          testId="desk-refund"
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
