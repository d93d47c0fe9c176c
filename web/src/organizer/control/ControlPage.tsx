import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { LineControl } from '@/api/types';
import { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import { isDrawn } from '@/api/useLine';
import { useLineControl } from '@/api/useLineControl';
import { useTitle } from '@/lib/useTitle';
import { count, counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { ControlActs } from './ControlActs';
import { SalesView } from '../SalesView';
import { Charts } from './Charts';
import { HeatMap } from './HeatMap';
import { ShopFigures } from './ShopFigures';
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
      <Phase
        figures={figures}
        standsBy={event.line.mode === 'auto' && figures.phase === 'closed'}
      />
      <ControlActs event={event} figures={figures} onDone={setFigures} />
      <Figures figures={figures} />
      {isDrawn(figures.phase) && (
        <>
          <ShopFigures shop={figures.shop} />
          <Charts event={event} until={figures.history_until} />
          <HeatMap event={event} />
        </>
      )}
      <Timeline acts={figures.acts} me={me} timezone={event.timezone} />
      {isDrawn(figures.phase) && <SalesView event={event} />}
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
  not_open: 'the line starts moving',
};

const perMinute = (rate: number) => count(Math.round(rate * 60));

function Phase({ figures, standsBy }: { figures: LineControl; standsBy: boolean }) {
  return (
    <section aria-label="Phase and rate" className="grid gap-1 border-y border-line py-5">
      <p
        role="status"
        data-testid="control-phase"
        data-phase={figures.phase}
        className="display text-4xl md:text-5xl"
      >
        {standsBy ? 'Standing by: nobody has to wait' : phases[figures.phase]}
      </p>
      {figures.phase === 'open' && (
        <p>
          <span className="font-semibold">{perMinute(figures.rate)} a minute</span>
          <span className="text-soft">: {reasons[figures.reason]}</span>
        </p>
      )}
      {figures.message !== '' && <p className="text-soft">Your message: “{figures.message}”</p>}
    </section>
  );
}

const sum = (seats: Record<string, number>) =>
  Object.values(seats).reduce((total, left) => total + left, 0);

function lately(pace: LineControl['per_minute']): string {
  if (pace === null) return 'Not known';
  const [slow, , fast] = pace;
  return slow === fast ? count(slow) : `${count(slow)} to ${count(fast)}`;
}

function Figures({ figures }: { figures: LineControl }) {
  const isCounted = figures.phase !== 'closed' && figures.phase !== 'lobby';
  const waiting = Math.max(0, figures.line_length - figures.admitted_up_to);
  const rows = [
    ['In the line', isCounted ? count(figures.line_length) : 'At the seal'],
    ['Called up to', count(figures.admitted_up_to)],
    ['Still waiting', isCounted ? count(waiting) : 'At the seal'],
    ['Called lately, a minute', lately(figures.per_minute)],
    ['Inside', `${count(figures.inside)} of ${count(figures.bound)}`],
    ['Called, not come yet', count(figures.expected)],
    ['Shop can bear, a minute', perMinute(figures.load_rate)],
    ['Cap, a minute', figures.rate_cap === null ? 'None' : perMinute(figures.rate_cap)],
    ['Seats left', figures.seats_left === null ? 'Not known' : count(sum(figures.seats_left))],
    ['Seats held', figures.seats_held === null ? 'Not known' : count(figures.seats_held)],
    ['A visit takes', counted(Math.round(figures.visit_seconds), 'second')],
    ['Visitors who buy', `${String(Math.round(figures.conversion * 100))} %`],
  ];
  return (
    <dl className="grid grid-cols-2 gap-6 sm:grid-cols-3 md:grid-cols-4">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt className="text-sm text-soft">{name}</dt>
          <dd className="display text-3xl md:text-4xl">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
