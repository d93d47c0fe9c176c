import type { ReactNode } from 'react';
import type { LineControl, LineOrder } from '@/api/types';
import type { EventInfo } from '@/api/types';
import { actOnLine } from '@/api/useLineControl';
import { formValue } from '@/lib/form';
import { Act } from '@/ui/Act';
import { Field } from '@/ui/Field';

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
        <LineAct {...shared} name="Resume" kind="primary" order={() => ({ action: 'resume' })}>
          The line is called again from where it stopped.
        </LineAct>
      ) : (
        (phase === 'open' || phase === 'sold_out') && (
          <LineAct {...shared} name="Pause" kind="primary" order={() => ({ action: 'pause' })}>
            Nobody else is called. Who is inside goes on, and every number stays.
          </LineAct>
        )
      )}
      {phase === 'sealed' && event.line.beacon === 'pair' && (
        <LineAct
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
      <LineAct
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
      <LineAct
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
      <LineAct {...shared} name="Close the line" kind="danger" order={() => ({ action: 'close' })}>
        Nobody is called any more, and nobody can join. This cannot be undone.
      </LineAct>
    </div>
  );
}

interface ActProps {
  eventId: string;
  onDone: (figures: LineControl) => void;
  name: string;
  kind?: 'primary' | 'secondary' | 'danger' | undefined;
  order: (data: FormData) => LineOrder;
  field?: (errors: Record<string, string>) => ReactNode;
  children?: ReactNode;
}

function LineAct({ eventId, onDone, name, kind, order, field, children }: ActProps) {
  return (
    <Act
      name={name}
      testId="control"
      title={`${name}?`}
      submit={`Yes, ${name.toLowerCase()}`}
      kind={kind}
      send={async (data, key) => onDone(await actOnLine(eventId, order(data), key))}
    >
      {(errors) => (
        <>
          {children && <p>{children}</p>}
          {field?.(errors)}
        </>
      )}
    </Act>
  );
}
