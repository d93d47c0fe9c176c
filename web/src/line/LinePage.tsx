import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { TimedLine } from '@/api/line';
import type { LineEntry } from '@/api/types';
import { eventQuery, isOnItsWay } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { inFront, isTurn, useEntry, useLine } from '@/api/useLine';
import { formatMoment } from '@/lib/time';
import { useFailure } from '@/lib/useFailure';
import { useTitle } from '@/lib/useTitle';
import { count } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { PageSkeleton } from '@/ui/Skeleton';
import { FairDraw } from './FairDraw';
import { Lobby } from './Lobby';
import { Place } from './Place';
import { SeatsLeft } from './SeatsLeft';

const route = getRouteApi('/events/$eventId/line');

/** Where somebody waits: the lobby before the draw, and the place in the line after it. */
export function LinePage() {
  const { eventId } = route.useParams();
  const { join, from } = route.useSearch();
  return <LineOf eventId={eventId} joinAtOnce={join !== undefined} fromSeats={from === 'seats'} />;
}

interface Props {
  eventId: string;
  /** The person has asked to join already, and had to sign in first. */
  joinAtOnce?: boolean;
  /** The person was led here instead of to the seats. */
  fromSeats?: boolean;
}

export function LineOf({ eventId, joinAtOnce = false, fromSeats = false }: Props) {
  const event = useQuery(eventQuery(eventId));
  const entry = useEntry(eventId);
  const isStarting = useSession((session) => session.status === 'starting');
  const number = entry.data?.number ?? null;
  const line = useLine(eventId, number);
  useTitle(titleOf(event.data, line.data, number));
  const lineError = useFailure(line);
  const what = 'The line of this event';
  if (event.error) {
    return <ErrorState error={event.error} what={what} onRetry={() => void event.refetch()} />;
  }
  if (lineError) {
    const retry = () => void line.refetch();
    return <ErrorState error={lineError} what={what} onRetry={retry} repeats />;
  }
  // Nobody who has a place already is asked to join, not even for a moment.
  const isLooking = isStarting || isOnItsWay(entry);
  if (!event.data || !line.data || isLooking) return <PageSkeleton />;
  const shown = { event: event.data, line: line.data };
  const isAuto = event.data.line.mode === 'auto';
  const standsBy = isAuto && line.data.phase === 'closed';
  return (
    <div className="mx-auto grid w-full max-w-6xl gap-10 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <Head event={event.data} />
      {fromSeats && !joinAtOnce && !standsBy && <Why line={line.data} entry={entry.data ?? null} />}
      {line.isError && (
        <Notice tone="warn" title="These figures may be out of date" testId="line-stale">
          The server did not answer just now. Your place is kept; this page goes on by itself.
        </Notice>
      )}
      {line.data.message !== '' && (
        <Notice title="From the organizer" testId="line-message">
          {line.data.message}
        </Notice>
      )}
      <div className="grid items-start gap-x-16 gap-y-10 md:grid-cols-[1fr_24rem]">
        <div className="grid gap-8">
          {standsBy ? (
            <StandsBy eventId={eventId} />
          ) : !entry.data || number === null ? (
            <Lobby {...shown} entry={entry.data} entryError={entry.error} joinAtOnce={joinAtOnce} />
          ) : (
            <Place {...shown} entry={entry.data} number={number} />
          )}
        </div>
        <div className="grid gap-10">
          <SeatsLeft {...shown} />
          {!isAuto && <FairDraw line={line.data} entry={entry.data ?? null} />}
        </div>
      </div>
    </div>
  );
}

function titleOf(event: EventInfo | undefined, line: TimedLine | undefined, number: number | null) {
  if (!event) return undefined;
  if (line && number !== null) {
    if (isTurn(line, number)) return `It is your turn · ${event.title}`;
    if (line.phase === 'open') return `${count(inFront(line, number))} in front · ${event.title}`;
  }
  return `Line for ${event.title}`;
}

function Head({ event }: { event: EventInfo }) {
  return (
    <header className="grid gap-3">
      <h1 className="display text-4xl md:text-6xl">{event.title}</h1>
      <p className="text-soft">
        {event.venue} · {formatMoment(event.starts_at, event.timezone)}
      </p>
      <Link
        to="/events/$eventId"
        params={{ eventId: event.id }}
        className={`${buttonClass('plain')} justify-self-start`}
      >
        About the event
      </Link>
    </header>
  );
}

/** A line that is there only when too many come, while they do not. */
function StandsBy({ eventId }: { eventId: string }) {
  return (
    <section aria-label="No line just now" className="grid justify-items-start gap-4">
      <div role="status" data-testid="line-phase" data-phase="closed">
        <h2 className="display text-4xl">Nobody has to wait just now</h2>
      </div>
      <p>Seats are chosen without a line.</p>
      <Link
        to="/events/$eventId/seats"
        params={{ eventId }}
        search={{}}
        data-testid="choose-seats"
        className={`${buttonClass()} px-8!`}
      >
        Choose seats
      </Link>
    </section>
  );
}

type Missing = 'place' | 'turn' | 'pass';

const sentences: Record<Missing, [title: string, words: string]> = {
  place: [
    'Join the line first',
    'Seats of this event are chosen through its line: join it, and choose when your number is called.',
  ],
  turn: [
    'It is not your turn yet',
    'Seats of this event are chosen in the order of the line. Your place is kept.',
  ],
  pass: [
    'Your time to choose was over',
    'The seats were not held. Your number stays called: you can go in again below.',
  ],
};

function missing(line: TimedLine, entry: LineEntry | null): Missing {
  if (entry === null) return 'place';
  return entry.number !== null && isTurn(line, entry.number) ? 'pass' : 'turn';
}

/** Why somebody came from the seats to the line, for as long as that is so. */
function Why({ line, entry }: { line: TimedLine; entry: LineEntry | null }) {
  const now = missing(line, entry);
  const [first] = useState(now);
  if (now !== first || line.phase === 'sold_out' || line.phase === 'ended') return null;
  const [title, words] = sentences[now];
  return (
    <Notice tone="warn" title={title} testId="line-why">
      {words}
    </Notice>
  );
}
