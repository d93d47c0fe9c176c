import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { eventsQuery } from '@/api/queries';
import { formatMoment } from '@/lib/time';
import { counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { MoreButton } from '@/ui/MoreButton';
import { Page } from '@/ui/Page';
import { PosterArt } from '@/ui/PosterArt';
import { RequireSession } from '@/ui/RequireSession';
import { Skeleton } from '@/ui/Skeleton';
import { StateLabel } from '@/ui/StateLabel';

export function MyEventsPage() {
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <Page title="My events">
        <Link
          to="/organizer/new"
          data-testid="new-event"
          className={`${buttonClass()} justify-self-start`}
        >
          New event
        </Link>
        <List />
      </Page>
    </RequireSession>
  );
}

function List() {
  const query = useInfiniteQuery(eventsQuery({ mine: true }));
  const events = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.error && events.length === 0) {
    return (
      <ErrorState error={query.error} what="Your events" onRetry={() => void query.refetch()} />
    );
  }
  if (query.isPending) return <Skeleton label="Loading your events" className="h-40" />;
  if (events.length === 0) {
    return (
      <div className="grid gap-2 border-t border-line py-12">
        <p className="display text-3xl">Nothing here yet</p>
        <p className="text-soft">A new event needs a seating plan file and a price per category.</p>
      </div>
    );
  }
  return (
    <>
      <ul className="divide-y divide-line border-y border-line">
        {events.map((event) => (
          <li key={event.id}>
            <Link
              to="/organizer/$eventId"
              params={{ eventId: event.id }}
              data-testid="my-event"
              className="group flex items-center gap-4 py-4"
            >
              <PosterArt eventId={event.id} className="h-16 w-13 shrink-0 rounded-sm" />
              <div className="min-w-0 grow">
                <h2 className="display text-2xl decoration-2 underline-offset-4 group-hover:underline">
                  {event.title}
                </h2>
                <p className="mt-1 text-sm text-soft">
                  {formatMoment(event.starts_at, event.timezone)} ·{' '}
                  {counted(event.seats_total, 'seat')}
                </p>
              </div>
              <StateLabel state={event.state} />
            </Link>
          </li>
        ))}
      </ul>
      <MoreButton query={query}>More</MoreButton>
    </>
  );
}
