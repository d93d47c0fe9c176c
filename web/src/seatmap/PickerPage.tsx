import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { List, Map as MapIcon } from 'lucide';
import { useCallback, useEffect, useRef, useState } from 'react';
import { eventQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { useOpening } from '@/api/useOpening';
import { usePresale } from '@/api/usePresale';
import { cx } from '@/lib/cx';
import { formatMoment } from '@/lib/time';
import { useTitle } from '@/lib/useTitle';
import { Icon } from '@/ui/Icon';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { PageSkeleton, Skeleton } from '@/ui/Skeleton';
import { mostSeats } from './basket';
import { Legend } from './Legend';
import type { SeatState } from '@/lib/hall/state';
import type { MapView } from './map/view';
import { MapCanvas } from './MapCanvas';
import { Panel } from './Panel';
import { GateWhenAwake, PassGate } from './PassGate';
import { SeatList } from './SeatList';
import { useHold } from './useHold';
import { useMine } from './useMine';
import { usePicker } from './usePicker';
import { useSeatMap, type SeatMap } from './useSeatMap';

const route = getRouteApi('/events/$eventId/seats');

export function PickerPage() {
  const { eventId } = route.useParams();
  const { data: event, error, refetch } = useQuery(eventQuery(eventId));
  useTitle(event ? `Seats for ${event.title}` : undefined);
  if (error) return <ErrorState error={error} what="This event" onRetry={() => void refetch()} />;
  if (!event) return <PageSkeleton />;
  if (event.state === 'scheduled') return <BeforeSale event={event} />;
  if (event.state !== 'on_sale') return <NotNow event={event} />;
  if (event.line.mode === 'off') return <Loader event={event} />;
  const Gate = event.line.mode === 'auto' ? GateWhenAwake : PassGate;
  return (
    <Gate eventId={event.id}>
      <Loader event={event} />
    </Gate>
  );
}

/** Before the general sale the seats are for who has used an access code; whoever is choosing goes on. */
function BeforeSale({ event }: { event: EventInfo }) {
  useOpening(event.id);
  const { isOpen, isUnknown, error, retry } = usePresale(event);
  const [isIn, setIsIn] = useState(false);
  if (isOpen && !isIn) setIsIn(true);
  if (isIn) return <Loader event={event} />;
  if (error) return <ErrorState error={error} what="The presale" onRetry={retry} />;
  return isUnknown ? <PageSkeleton /> : <NotNow event={event} />;
}

function NotNow({ event }: { event: EventInfo }) {
  // Whoever waits here for the opening comes in without a reload.
  useOpening(event.id);
  const why: Partial<Record<EventInfo['state'], string>> = {
    scheduled: event.on_sale_at
      ? `The sale opens ${formatMoment(event.on_sale_at, event.timezone)}.`
      : 'The sale has not opened yet.',
    publishing: 'Its seats are being prepared.',
    sold_out: 'Every seat is sold. If someone gives seats back, they appear here.',
    ended: 'This event is over.',
    cancelled: 'This event was cancelled.',
  };
  return (
    <section className="mx-auto grid max-w-lg gap-4 px-4 py-16">
      <h1 className="display text-4xl">No seats to choose right now</h1>
      <p className="text-soft">{why[event.state] ?? 'This event is not on sale.'}</p>
      <Link
        to="/events/$eventId"
        params={{ eventId: event.id }}
        className={`${buttonClass('secondary')} justify-self-start`}
      >
        Back to the event
      </Link>
    </section>
  );
}

function Loader({ event }: { event: EventInfo }) {
  const { map, connection, error, refetch } = useSeatMap(event);
  if (error) return <ErrorState error={error} what="The seat map" onRetry={() => void refetch()} />;
  return (
    <div className="flex min-h-0 grow flex-col overflow-y-auto md:flex-row">
      <h1 className="sr-only">Choose seats for {event.title}</h1>
      {map ? (
        <PickerBody event={event} map={map} connection={connection} />
      ) : (
        <Skeleton label="Loading the seat map" className="m-4 grow" />
      )}
    </div>
  );
}

interface BodyProps {
  event: EventInfo;
  map: SeatMap;
  connection: ReturnType<typeof useSeatMap>['connection'];
}

function PickerBody({ event, map, connection }: BodyProps) {
  const [listed, setListed] = useState(false);
  const [quantity, setQuantity] = useState(Math.min(2, mostSeats(event)));
  const [category, setCategory] = useState<number | null>(null);
  const [section, setSection] = useState<number | null>(null);
  const view = useRef<MapView | null>(null);
  const picker = usePicker(event, map.state);
  const hold = useHold(event, map.state);
  useMine(event, map.state);
  const { dismiss } = hold;
  const { toggle } = picker;
  useResumedHold(hold.place, map.state);

  const onSeat = useCallback(
    (ordinal: number) => {
      dismiss();
      toggle(ordinal);
    },
    [dismiss, toggle],
  );
  const find = () => {
    dismiss();
    const found = picker.findBest(quantity, category);
    const first = found[0];
    if (first === undefined) return;
    const index = map.scene.geometry.section[first] ?? 0;
    if (map.scene.geometry.sections[index]?.kind === 'standing') view.current?.showSection(index);
    else view.current?.showSeats(found);
    setSection(index);
  };
  const take = (ordinals: number[]) => {
    dismiss();
    map.state.select([...map.state.selected, ...ordinals]);
    view.current?.showSeats([...map.state.selected]);
  };

  return (
    <>
      <div className="relative flex min-h-[44dvh] min-w-0 grow flex-col max-md:shrink-0 md:min-h-0 md:overflow-y-auto">
        <div className="flex shrink-0 items-center justify-between gap-3 border-b border-line px-4 py-2 md:px-6">
          <Link
            to="/events/$eventId"
            params={{ eventId: event.id }}
            className="min-w-0 rounded-sm py-1"
          >
            <span className="block truncate display text-xl">{event.title}</span>
            <span className="block truncate text-xs text-soft">
              {event.venue} · {formatMoment(event.starts_at, event.timezone)}
            </span>
          </Link>
          <button
            type="button"
            aria-pressed={listed}
            data-testid="list-view-toggle"
            className={`${buttonClass('secondary')} shrink-0 px-3!`}
            onClick={() => setListed(!listed)}
          >
            {listed ? (
              <Icon of={MapIcon} className="size-4" />
            ) : (
              <Icon of={List} className="size-4" />
            )}
            {listed ? 'Map' : 'List'}
          </button>
        </div>
        <div className="relative min-h-[36dvh] shrink-0 grow basis-0">
          {listed && (
            <SeatList
              event={event}
              map={map}
              category={category}
              section={section}
              onSection={setSection}
              picker={picker}
            />
          )}
          {/* Hidden and not taken away: it keeps its view. */}
          <div className={cx('size-full', listed && 'hidden')}>
            <MapCanvas
              event={event}
              map={map}
              category={category}
              viewRef={view}
              onSeat={onSeat}
              onSection={setSection}
            />
          </div>
        </div>
        <Legend connection={connection} />
      </div>
      <Panel
        event={event}
        map={map}
        picker={picker}
        hold={hold}
        quantity={quantity}
        category={category}
        section={section}
        onQuantity={setQuantity}
        onCategory={setCategory}
        onFind={find}
        onTake={take}
      />
    </>
  );
}

/** Someone who had to sign in first comes back with `resume=hold` and need not press again, if all seats are left. */
function useResumedHold(place: () => Promise<void>, state: SeatState): void {
  const { resume } = route.useSearch();
  const signedIn = useSession((session) => session.status === 'signed-in');
  const navigate = useNavigate({ from: '/events/$eventId/seats' });
  const [wanted] = useState(() => state.selected.size);
  const done = useRef(false);
  const { known } = state;
  useEffect(() => {
    if (resume !== 'hold' || !signedIn || !known || done.current) return;
    done.current = true;
    void navigate({ search: {}, replace: true }).then(() =>
      state.selected.size === wanted ? place() : undefined,
    );
  }, [resume, signedIn, known, navigate, place, state, wanted]);
}
