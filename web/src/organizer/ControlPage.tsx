import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { LineControl } from '@/api/types';
import { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { useLineControl } from '@/api/useLineControl';
import { useTitle } from '@/lib/useTitle';
import { count, counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { ControlActs } from './ControlActs';
import { Timeline } from './Timeline';

const route = getRouteApi('/organizer/$eventId/control');

/** The line of an event while it is on sale, and what its organizer can do about it. */
export function ControlPage() {
  const { eventId } = route.useParams();
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <ControlRoom eventId={eventId} />
    </RequireSession>
  );
}

export function ControlRoom({ eventId }: { eventId: string }) {
  const { data: event, error, refetch } = useQuery(eventQuery(eventId));
  const { figures, contact, setFigures } = useLineControl(eventId);
  const me = useSession((session) => session.user?.id);
  useTitle(event && `Control room · ${event.title}`);
  if (error) return <ErrorState error={error} what="This event" onRetry={() => void refetch()} />;
  if (contact === 'refused' && !figures) {
    const detail = 'This event has no line yet, or it is not yours.';
    return <ErrorState error={new ApiError(403, { detail })} what="The control room" />;
  }
  if (!event || !figures) return <PageSkeleton />;
  return (
    <div className="mx-auto grid w-full max-w-6xl gap-8 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <header className="grid gap-2">
        <p className="text-soft">Control room</p>
        <h1 className="display text-4xl md:text-6xl">{event.title}</h1>
        <Link
          to="/organizer/$eventId"
          params={{ eventId }}
          className={`${buttonClass('plain')} justify-self-start`}
        >
          Back to the event
        </Link>
      </header>
      {contact !== 'live' && (
        <Notice tone="warn" title="These figures are not live" testId="control-cut">
          {contact === 'refused'
            ? 'The server tells you no more of them. Reload this page; the sale goes on meanwhile.'
            : 'The connection is cut. It is opened again by itself; the sale goes on meanwhile.'}
        </Notice>
      )}
      {figures.late !== '' && (
        <Notice tone="warn" title="The sale opens late">
          {figures.late}
        </Notice>
      )}
      <Phase figures={figures} />
      <ControlActs event={event} figures={figures} onDone={setFigures} />
      <Figures figures={figures} />
      <SeatsByCategory event={event} figures={figures} />
      <Timeline acts={figures.acts} me={me} timezone={event.timezone} />
    </div>
  );
}

const phases: Record<LineControl['phase'], string> = {
  closed: 'Before the lobby',
  lobby: 'Lobby',
  sealed: 'Sealed, waiting for the draw',
  open: 'Open',
  paused: 'Paused',
  sold_out: 'Sold out',
  ended: 'Ended',
};

/** What limits how fast the line is called. */
const reasons: Record<LineControl['reason'], string> = {
  load: 'as fast as the shop can bear',
  pay: 'as fast as the card processor allows',
  seats: 'only as many as there can be seats for',
  cap: 'by your cap',
  inside: 'as many are inside as can be served; who leaves makes room',
  nobody_waits: 'nobody is waiting',
  unmeasured: 'no measurement arrives; the last safe rate',
  not_open: 'the line is not moving in this phase',
};

const perMinute = (rate: number) => count(Math.round(rate * 60));

function Phase({ figures }: { figures: LineControl }) {
  return (
    <section aria-label="Phase and rate" className="grid gap-1 border-y border-line py-5">
      <p
        role="status"
        data-testid="control-phase"
        data-phase={figures.phase}
        className="display text-4xl md:text-5xl"
      >
        {phases[figures.phase]}
      </p>
      <p>
        <span className="font-semibold">{perMinute(figures.rate)} a minute</span>
        <span className="text-soft">: {reasons[figures.reason]}</span>
      </p>
      {figures.message !== '' && <p className="text-soft">Your message: “{figures.message}”</p>}
    </section>
  );
}

function Figures({ figures }: { figures: LineControl }) {
  const waiting = Math.max(0, figures.line_length - figures.admitted_up_to);
  const rows = [
    ['In the line', count(figures.line_length)],
    ['Called up to', count(figures.admitted_up_to)],
    ['Still waiting', count(waiting)],
    ['Inside', `${count(figures.inside)} of ${count(figures.bound)}`],
    ['Called, not come yet', count(figures.expected)],
    ['Shop can bear, a minute', perMinute(figures.load_rate)],
    ['Cap, a minute', figures.rate_cap === null ? 'None' : perMinute(figures.rate_cap)],
    ['Seats held', count(figures.seats_held)],
    ['A visit takes', counted(Math.round(figures.visit_seconds), 'second')],
    ['Buy', `${String(Math.round(figures.conversion * 100))} %`],
  ];
  return (
    <dl className="grid grid-cols-2 gap-6 sm:grid-cols-3 md:grid-cols-5">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt className="text-sm text-soft">{name}</dt>
          <dd className="display text-3xl md:text-4xl">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function SeatsByCategory({ event, figures }: { event: EventInfo; figures: LineControl }) {
  if (figures.seats_left === null) {
    return <p className="text-soft">How many seats are left is not known yet.</p>;
  }
  const total = Object.values(figures.seats_left).reduce((sum, seats) => sum + seats, 0);
  return (
    <section aria-label="Seats left" className="grid gap-3">
      <h2 className="display text-3xl">
        {count(total)} of {counted(event.seats_total, 'seat')} left
      </h2>
      <ul className="divide-y divide-line border-y border-line">
        {Object.entries(figures.seats_left).map(([category, seats]) => (
          <li key={category} className="flex flex-wrap justify-between gap-x-4 py-2.5">
            <span>{category}</span>
            <span className="font-semibold">{count(seats)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
