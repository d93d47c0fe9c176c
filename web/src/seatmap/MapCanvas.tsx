import { Maximize, Minus, Plus } from 'lucide';
import { useEffect, useMemo, useRef, useState, type RefObject } from 'react';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { count } from '@/lib/words';
import { Icon } from '@/ui/Icon';
import { nameOf, priceOf, sectionPrices } from './basket';
import { MapView, type Hover } from './map/view';
import { exposeHook } from './testHook';
import { useMapTheme } from '@/lib/hall/useTheme';
import type { SeatMap } from './useSeatMap';

interface Props {
  event: EventInfo;
  map: SeatMap;
  category: number | null;
  viewRef: RefObject<MapView | null>;
  onSeat: (ordinal: number) => void;
  onSection: (section: number) => void;
}

export function MapCanvas({ event, map, category, viewRef, onSeat, onSection }: Props) {
  const stage = useRef<HTMLDivElement>(null);
  const ground = useRef<HTMLCanvasElement>(null);
  const seats = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const theme = useMapTheme();
  const prices = useMemo(() => sectionPrices(event, map.scene.geometry), [event, map]);
  const latest = useRef({ onSeat, onSection, prices });
  const firstTheme = useRef(theme);

  // The view outlives what it is given: a new description of the event must not move the map.
  useEffect(() => {
    latest.current = { onSeat, onSection, prices };
    viewRef.current?.redraw();
  }, [onSeat, onSection, prices, viewRef]);

  useEffect(() => {
    const parts = { ground: ground.current, seats: seats.current, overlay: overlay.current };
    if (!stage.current || !parts.ground || !parts.seats || !parts.overlay) return undefined;
    const view = new MapView(
      stage.current,
      { ground: parts.ground, seats: parts.seats, overlay: parts.overlay },
      {
        ...map,
        theme: firstTheme.current,
        priceLabel: (section) => latest.current.prices[section] ?? '',
        onSeat: (ordinal) => latest.current.onSeat(ordinal),
        onSection: (section) => latest.current.onSection(section),
        onHover: setHover,
      },
    );
    viewRef.current = view;
    const hide = exposeHook(view, map.state);
    return () => {
      hide();
      view.destroy();
      viewRef.current = null;
    };
  }, [map, viewRef]);

  useEffect(() => viewRef.current?.setTheme(theme), [theme, viewRef, map]);
  useEffect(() => viewRef.current?.setCategory(category), [category, viewRef, map]);

  const layer = 'absolute inset-0 size-full';
  const control =
    'grid size-[44px] place-items-center bg-paper hover:bg-sunk first:rounded-t-md last:rounded-b-md';
  return (
    <div className="relative size-full overflow-hidden">
      <div
        ref={stage}
        role="application"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it takes keys: arrows, + - 0
        tabIndex={0}
        aria-label="Seat map. Arrow keys move it, plus and minus zoom, 0 shows everything. Seats can also be chosen in the list."
        className="absolute inset-0 touch-none focus-visible:-outline-offset-2"
      >
        <canvas ref={ground} aria-hidden className={layer} />
        <canvas ref={seats} aria-hidden className={layer} />
        <canvas ref={overlay} aria-hidden data-testid="seat-canvas" className={layer} />
      </div>
      <div className="absolute right-3 bottom-3 grid divide-y divide-line rounded-md border border-line-strong">
        <button
          type="button"
          aria-label="Zoom in"
          className={control}
          onClick={() => viewRef.current?.zoomBy(1.8)}
        >
          <Icon of={Plus} className="size-[18px]" />
        </button>
        <button
          type="button"
          aria-label="Zoom out"
          className={control}
          onClick={() => viewRef.current?.zoomBy(1 / 1.8)}
        >
          <Icon of={Minus} className="size-[18px]" />
        </button>
        <button
          type="button"
          aria-label="Show the whole hall"
          className={control}
          onClick={() => viewRef.current?.fit()}
        >
          <Icon of={Maximize} className="size-[18px]" />
        </button>
      </div>
      {hover && <Tip event={event} map={map} hover={hover} />}
    </div>
  );
}

const statusWords = ['Available', 'Held by someone', 'Sold', 'Not on sale'];

interface TipProps {
  event: EventInfo;
  map: SeatMap;
  hover: Hover;
}

function Tip({ event, map, hover }: TipProps) {
  const { geometry } = map.scene;
  const section = geometry.sections[hover.section];
  if (!section) return null;
  const ordinal = hover.seat >= 0 ? hover.seat : section.first;
  const title = hover.seat >= 0 ? nameOf(geometry, ordinal) : section.title;
  const price =
    hover.seat >= 0
      ? formatMoney(priceOf(event, geometry, ordinal), event.currency)
      : sectionPrices(event, geometry)[hover.section];
  const status =
    hover.seat >= 0
      ? map.state.isMine(ordinal)
        ? 'Held by you'
        : (statusWords[map.state.status[ordinal] ?? 0] ?? '')
      : `${count(map.state.available[hover.section] ?? 0)} left`;
  const below = hover.y < 90;
  return (
    <div
      aria-hidden
      className="pointer-events-none absolute z-10 grid w-max max-w-56 rounded-md bg-ink px-3 py-2 text-sm text-paper"
      style={{
        left: Math.min(Math.max(hover.x, 112), Math.max(112, hover.width - 112)),
        top: hover.y,
        transform: `translate(-50%, ${below ? '18px' : 'calc(-100% - 18px)'})`,
      }}
    >
      <span className="font-semibold">{title}</span>
      <span>
        {price} · {status}
      </span>
    </div>
  );
}
