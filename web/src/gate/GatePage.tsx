import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { eventsQuery } from '@/api/queries';
import { cx } from '@/lib/cx';
import { formatDay } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { RequireSession } from '@/ui/RequireSession';
import { useChecks } from './useChecks';
import { VerdictView, verdictColors } from './VerdictView';

const GATE_NAME = 'houseful.gate';

export function GatePage() {
  useTitle('Gate');
  return (
    <RequireSession roles={['gate', 'admin']}>
      <Gate />
    </RequireSession>
  );
}

function Gate() {
  const [gate, setGate] = useState(() => localStorage.getItem(GATE_NAME) ?? 'Gate 1');
  const [eventId, setEventId] = useState('');
  const { check, verdict, checking, admitted } = useChecks({ gate: gate.trim(), eventId });
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    field.current?.focus();
  }, [verdict]);

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const input = field.current;
    const code = input?.value.trim();
    if (!input || !code) return;
    input.value = '';
    check(code);
  };

  return (
    <div className={cx('flex min-h-0 grow flex-col overflow-y-auto', verdictColors(verdict))}>
      <h1 className="sr-only">Gate check-in</h1>
      <div className="flex grow flex-col justify-center px-4 py-8 md:px-12">
        <VerdictView verdict={verdict} checking={checking} onRetry={check} />
      </div>
      <div className="border-t border-line bg-paper px-4 py-4 text-ink md:px-12 md:py-6">
        <form onSubmit={submit} className="mx-auto grid max-w-4xl gap-4">
          <div className="flex items-end gap-3">
            <div className="grow">
              <Field
                ref={field}
                label="Ticket code"
                name="code"
                autoComplete="off"
                autoCapitalize="off"
                spellCheck={false}
                enterKeyHint="go"
                placeholder="Scan or type, then Enter"
                data-testid="gate-code"
              />
            </div>
            <Button type="submit" data-testid="gate-check">
              Check
            </Button>
          </div>
          <div className="grid gap-3 sm:grid-cols-[12rem_1fr_auto] sm:items-end">
            <Field
              label="Gate"
              value={gate}
              required
              maxLength={80}
              onChange={(event) => {
                setGate(event.target.value);
                localStorage.setItem(GATE_NAME, event.target.value);
              }}
              data-testid="gate-name"
            />
            <EventChoice value={eventId} onChange={setEventId} />
            <p className="text-sm text-soft sm:pb-3">
              {counted(admitted, 'person', 'people')} admitted here
            </p>
          </div>
        </form>
      </div>
    </div>
  );
}

function EventChoice({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { data } = useInfiniteQuery(eventsQuery({}));
  const events = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <FieldFrame label="Event">
      {({ id }) => (
        <select
          id={id}
          value={value}
          data-testid="gate-event"
          className={inputClass}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">Any event</option>
          {events.map((event) => (
            <option key={event.id} value={event.id}>
              {event.title}, {formatDay(event.starts_at, event.timezone)}
            </option>
          ))}
        </select>
      )}
    </FieldFrame>
  );
}
