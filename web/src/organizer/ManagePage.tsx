import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { eventQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { formatMoment } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { counted } from '@/lib/words';
import { Button, buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';
import { AmendmentState, AmendPlan } from './AmendPlan';
import { CancelEvent } from './CancelEvent';
import { DeleteDraft } from './DeleteDraft';
import { GateStaff } from './GateStaff';
import { Generation } from './Generation';
import { Mistakes } from './Mistakes';
import { PlanWarnings } from './PlanWarnings';
import { Presales } from './Presales';
import { Reschedule } from './Reschedule';
import { SalesView } from './SalesView';
import { Undelivered } from './Undelivered';

const route = getRouteApi('/organizer/$eventId');

export function ManagePage() {
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <Manage />
    </RequireSession>
  );
}

function Manage() {
  const { eventId } = route.useParams();
  const { data: event, error, refetch } = useQuery(eventQuery(eventId));
  useTitle(event?.title);
  if (error) return <ErrorState error={error} what="This event" onRetry={() => void refetch()} />;
  if (!event) return <PageSkeleton />;
  const isLive = !['draft', 'publishing'].includes(event.state);
  return (
    <div className="mx-auto grid w-full max-w-6xl gap-10 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <header className="grid gap-3">
        <div data-testid="event-state" data-state={event.state}>
          <StateLabel state={event.state} />
        </div>
        <h1 className="display text-5xl md:text-7xl">{event.title}</h1>
        <p className="text-soft">
          {event.venue} · {formatMoment(event.starts_at, event.timezone)} ·{' '}
          {counted(event.seats_total, 'seat')}
        </p>
        <div className="mt-2 flex flex-wrap gap-3">
          {event.state !== 'cancelled' && event.state !== 'ended' && (
            <Link
              to="/organizer/$eventId/edit"
              params={{ eventId }}
              className={buttonClass('secondary')}
            >
              Change
            </Link>
          )}
          <Link to="/events/$eventId" params={{ eventId }} className={buttonClass('secondary')}>
            See its page
          </Link>
          {isLive && (
            <Link
              to="/organizer/$eventId/orders"
              params={{ eventId }}
              search={{}}
              className={buttonClass('secondary')}
              data-testid="to-orders"
            >
              Orders
            </Link>
          )}
          {isLive && event.line.mode !== 'off' && (
            <Link
              to="/organizer/$eventId/control"
              params={{ eventId }}
              className={buttonClass('secondary')}
              data-testid="to-control"
            >
              Control room
            </Link>
          )}
          {isLive && event.state !== 'cancelled' && event.state !== 'ended' && (
            <>
              <Reschedule event={event} />
              <AmendPlan event={event} />
            </>
          )}
          {event.state === 'draft' && <DeleteDraft event={event} />}
          {isLive && event.state !== 'cancelled' && <CancelEvent event={event} />}
        </div>
      </header>
      {isLive && <AmendmentState event={event} />}
      <PlanWarnings warnings={event.plan_warnings} />
      {event.state === 'draft' && <Publish event={event} />}
      {event.state === 'publishing' && <Generation event={event} />}
      {isLive && event.on_sale_at !== null && event.state !== 'cancelled' && (
        <Presales event={event} />
      )}
      {isLive && <Undelivered eventId={event.id} />}
      {isLive && <SalesView event={event} />}
      {isLive && event.state !== 'cancelled' && <GateStaff eventId={eventId} />}
    </div>
  );
}

function Publish({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const publish = async () => {
    setBusy(true);
    setError(null);
    try {
      const published = await calls.events.publish(event.id);
      client.setQueryData(eventQuery(event.id).queryKey, published);
      await client.invalidateQueries({ queryKey: ['events'] });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section aria-label="Publish" className="grid max-w-xl gap-4">
      <p>
        Publishing creates all {counted(event.seats_total, 'seat')} and shows the event to everyone.
        After that nobody who has a seat loses it: the plan changes for unsold seats alone, and a
        new date or place is told to every buyer.
      </p>
      {error && (
        <Notice tone="bad" title="Not published">
          {error.message}
          <Mistakes errors={error.errors} />
        </Notice>
      )}
      <Button
        className="justify-self-start"
        busy={busy && 'Publishing'}
        data-testid="publish-event"
        onClick={() => void publish()}
      >
        Publish
      </Button>
    </section>
  );
}
