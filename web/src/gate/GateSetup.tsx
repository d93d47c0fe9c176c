import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useState, type SubmitEvent } from 'react';
import { eventsQuery } from '@/api/queries';
import { hasRole, useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { clockBeside, formatMoment } from '@/lib/time';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { storedGate } from './settings';
import { useScanner } from './useScanner';
import type { GateEvent, Place } from './verdict';

interface Props {
  /** Where the device is now, if it was set up before. */
  now: Place | null;
  onDone: (place: Place) => void;
}

type Choice = GateEvent | 'any' | null;

/** Which gate of which event this device is; apart from scanning, so that neither can disturb the other. */
export function GateSetup({ now, onDone }: Props) {
  const [gate, setGate] = useState(() => now?.gate ?? storedGate());
  const [choice, setChoice] = useState<Choice>(now ? (now.event ?? 'any') : null);

  const [scannedEarly, setScannedEarly] = useState(false);
  useScanner(() => setScannedEarly(true));

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (choice === null) return;
    onDone({ gate: gate.trim(), event: choice === 'any' ? null : choice });
  };

  return (
    <div className="grow overflow-y-auto">
      <form onSubmit={submit} className="mx-auto grid max-w-2xl gap-8 px-4 py-8 md:py-12">
        <h1 className="display text-5xl">Set up this gate</h1>
        <Field
          label="Gate"
          value={gate}
          required
          maxLength={80}
          onChange={(event) => setGate(event.target.value)}
          data-testid="gate-name"
        />
        <fieldset className="grid gap-2" data-testid="gate-event">
          <legend className="mb-2 text-sm font-medium">Event</legend>
          <EventChoices choice={choice} onChoose={setChoice} />
          <AnyEvent chosen={choice === 'any'} onChoose={() => setChoice('any')} />
        </fieldset>
        {scannedEarly && (
          <Notice tone="warn">That ticket was not checked. Start scanning first.</Notice>
        )}
        <Button type="submit" disabled={choice === null || !gate.trim()} data-testid="gate-start">
          Start scanning
        </Button>
      </form>
    </div>
  );
}

const kept = ({ id, title, venue, starts_at, timezone }: EventInfo): GateEvent => ({
  id,
  title,
  venue,
  starts_at,
  timezone,
});

/** All that are not over yet, those that have begun included. */
function EventChoices({
  choice,
  onChoose,
}: {
  choice: Choice;
  onChoose: (event: GateEvent) => void;
}) {
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery(
    eventsQuery({}),
  );
  useEffect(() => {
    if (hasNextPage && !isFetching && !error) void fetchNextPage();
    // Each page that has come asks for the next.
  }, [data, error, fetchNextPage, hasNextPage, isFetching]);

  if (error && !data) {
    return <ErrorState error={error} what="The list of events" onRetry={() => void refetch()} />;
  }
  const events = data?.pages.flatMap((page) => page.items) ?? [];
  if (events.length === 0 && !isFetching) return <p className="text-soft">No event is on.</p>;
  return events.map((event) => (
    <label
      key={event.id}
      className="grid min-h-14 grid-cols-[auto_1fr] items-center gap-x-3 rounded-md border border-line-strong px-4 py-2"
    >
      <input
        type="radio"
        name="event"
        className="row-span-2 size-5"
        checked={choice !== null && choice !== 'any' && choice.id === event.id}
        onChange={() => onChoose(kept(event))}
      />
      <span className="min-w-0 font-semibold wrap-anywhere">{event.title}</span>
      <span className="text-sm text-soft">
        {formatMoment(event.starts_at, event.timezone)} · {event.venue}
        {event.doors_at &&
          ` · Doors ${clockBeside(event.doors_at, event.starts_at, event.timezone)}`}
      </span>
    </label>
  ));
}

/** A supervisor's choice, never the default. */
function AnyEvent({ chosen, onChoose }: { chosen: boolean; onChoose: () => void }) {
  const user = useSession((session) => session.user);
  if (!hasRole(user, 'organizer', 'admin')) return null;
  return (
    <div className="mt-4 grid gap-3">
      <label className="flex min-h-11 items-center gap-3">
        <input
          type="radio"
          name="event"
          className="size-5 shrink-0"
          checked={chosen}
          onChange={onChoose}
          data-testid="gate-any"
        />
        Any event (supervisors only)
      </label>
      {chosen && (
        <Notice tone="warn">
          This gate will admit tickets of every event and day. Look at the event on each verdict.
          Without a network it checks nothing.
        </Notice>
      )}
    </div>
  );
}
