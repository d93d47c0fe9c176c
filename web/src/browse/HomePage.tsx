import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { eventsQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { dayParts, fromWallClock, localTimeZone } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Skeleton } from '@/ui/Skeleton';
import { EventRow } from './EventRow';
import { Featured } from './Featured';
import { SearchForm } from './SearchForm';

const route = getRouteApi('/');

/** A day of the calendar as an instant; the end of the range is the day after. */
function dayStart(day: string | undefined, plusDays = 0): string | undefined {
  if (!day) return undefined;
  const start = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(start)) return undefined;
  const date = new Date(start + plusDays * 86_400_000).toISOString().slice(0, 10);
  return fromWallClock(`${date}T00:00`, localTimeZone) ?? undefined;
}

export function HomePage() {
  const { q, from, to } = route.useSearch();
  const query = useInfiniteQuery(eventsQuery({ q, from: dayStart(from), to: dayStart(to, 1) }));
  useTitle(q ? `Search: ${q}` : undefined);
  const filtered = Boolean(q ?? from ?? to);
  const events = query.data?.pages.flatMap((page) => page.items) ?? [];
  const featured = filtered ? undefined : events.find((event) => event.state === 'on_sale');
  const rest = events.filter((event) => event !== featured);

  return (
    <div className="mx-auto grid w-full max-w-6xl gap-8 px-4 pt-8 pb-20 md:px-8 md:pt-12">
      <div className="flex flex-col justify-between gap-5 md:flex-row md:items-end">
        <h1 className="display text-5xl md:text-7xl">What’s on</h1>
        <SearchForm key={JSON.stringify({ q, from, to })} values={{ q, from, to }} />
      </div>
      {query.error && events.length === 0 && (
        <ErrorState
          error={query.error}
          what="The list of events"
          onRetry={() => void query.refetch()}
        />
      )}
      {query.isPending && (
        <div className="grid gap-4">
          <Skeleton label="Loading events" className="h-72 md:h-96" />
          <Skeleton className="h-20" />
          <Skeleton className="h-20" />
        </div>
      )}
      {query.data && events.length === 0 && <Nothing filtered={filtered} />}
      {featured && <Featured event={featured} />}
      <Listing events={rest} />
      {query.hasNextPage && (
        <Button
          kind="secondary"
          className="justify-self-center"
          busy={query.isFetchingNextPage && 'Loading'}
          onClick={() => void query.fetchNextPage()}
        >
          More events
        </Button>
      )}
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return (
    <div className="grid gap-2 border-t border-line py-12">
      <p className="display text-3xl">{filtered ? 'Nothing found' : 'No events yet'}</p>
      <p className="text-soft">
        {filtered
          ? 'Try a shorter name, or leave out the dates.'
          : 'When an organizer publishes an event, it appears here.'}
      </p>
    </div>
  );
}

function Listing({ events }: { events: EventInfo[] }) {
  const months = new Map<string, EventInfo[]>();
  for (const event of events) {
    const { monthAndYear } = dayParts(event.starts_at, event.timezone);
    months.set(monthAndYear, [...(months.get(monthAndYear) ?? []), event]);
  }
  return [...months].map(([month, list]) => (
    <section key={month} aria-label={month}>
      <h2 className="pb-2 text-sm font-semibold text-soft">{month}</h2>
      <ul className="divide-y divide-line border-y border-line">
        {list.map((event) => (
          <li key={event.id}>
            <EventRow event={event} />
          </li>
        ))}
      </ul>
    </section>
  ));
}
