import { ChevronRight } from 'lucide';
import { Fragment, memo, useMemo, useState, type KeyboardEvent } from 'react';
import type { EventInfo } from '@/api/types';
import { cx } from '@/lib/cx';
import { formatMoney } from '@/lib/money';
import { capitalized, count, rowName, seatName } from '@/lib/words';
import { Icon } from '@/ui/Icon';
import { priceOf, sectionPrices } from './basket';
import { seatLabel, type Run } from '@/lib/hall/geometry';
import { priceColor } from '@/lib/hall/theme';
import { Standing } from './Standing';
import type { Picker } from './usePicker';
import type { SeatMap } from './useSeatMap';
import { useMapTheme } from '@/lib/hall/useTheme';

interface Props {
  event: EventInfo;
  map: SeatMap;
  category: number | null;
  section: number | null;
  onSection: (section: number | null) => void;
  picker: Picker;
}

/** The same live seats in words, section by section: everything the canvas offers, by keyboard and ear. */
export function SeatList({ event, map, category, section, onSection, picker }: Props) {
  const { geometry } = map.scene;
  const prices = useMemo(() => sectionPrices(event, geometry), [event, geometry]);
  const offered = new Set(
    geometry.runs
      .filter((run) => category === null || run.category === category)
      .map((run) => run.section),
  );
  geometry.sections.forEach((item, index) => {
    if (category === null || item.category === category) offered.add(index);
  });
  return (
    <div className="size-full overflow-y-auto px-4 py-4 md:px-8">
      <h2 className="mb-3 display text-2xl">Sections</h2>
      <ul className="border-b border-line">
        {geometry.sections.map((item, index) => {
          if (!offered.has(index)) return null;
          const left = map.state.available[index] ?? 0;
          const open = section === index;
          return (
            <li key={item.id} className="border-t border-line">
              <button
                type="button"
                aria-expanded={open}
                data-testid="section-option"
                className="flex min-h-12 w-full items-center gap-3 py-2 text-left hover:bg-sunk"
                onClick={() => onSection(open ? null : index)}
              >
                <Icon
                  of={ChevronRight}
                  className={cx('size-4 shrink-0 transition-transform', open && 'rotate-90')}
                />
                <span className="grow font-medium">{item.title}</span>
                <span className="text-sm text-soft">
                  {left === 0 ? 'Sold out' : `${count(left)} left`}
                </span>
                <span className="min-w-20 text-right text-sm font-semibold">{prices[index]}</span>
              </button>
              {open &&
                (item.kind === 'standing' ? (
                  <div className="pb-4">
                    <Standing
                      event={event}
                      state={map.state}
                      section={index}
                      onQuantity={picker.setStanding}
                    />
                  </div>
                ) : (
                  <Rows {...{ event, map, category, section: index, picker }} />
                ))}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

interface RowsProps {
  event: EventInfo;
  map: SeatMap;
  category: number | null;
  section: number;
  picker: Picker;
}

function Rows({ event, map, category, section, picker }: RowsProps) {
  const { geometry } = map.scene;
  const rows = new Map<string, Run[]>();
  for (const run of geometry.runs) {
    if (run.section !== section || (category !== null && run.category !== category)) continue;
    const name = capitalized(rowName({ row: run.row, row_label: run.rowLabel })) || 'Seats';
    rows.set(name, [...(rows.get(name) ?? []), run]);
  }
  const { status, selected } = map.state;
  return (
    <div className="grid gap-1 pb-5">
      {[...rows].map(([row, runs]) => {
        const ordinals = runs.flatMap((run) =>
          Array.from({ length: run.count }, (_, index) => run.first + index),
        );
        const state = ordinals
          .map((ordinal) =>
            selected.has(ordinal)
              ? 'm'
              : map.state.isMine(ordinal)
                ? 'h'
                : String(status[ordinal] ?? 0),
          )
          .join('');
        return (
          <Row
            key={row}
            name={row}
            ordinals={ordinals}
            state={state}
            event={event}
            map={map}
            toggle={picker.toggle}
          />
        );
      })}
    </div>
  );
}

interface RowProps {
  name: string;
  ordinals: number[];
  /** One character a seat: the row is drawn again only when this text changes. */
  state: string;
  event: EventInfo;
  map: SeatMap;
  toggle: (ordinal: number) => void;
}

const words: Record<string, string> = {
  '0': 'available',
  '1': 'held by someone',
  '2': 'sold',
  '3': 'not on sale',
  m: 'chosen',
  h: 'held by you',
};

const Row = memo(
  function Row({ name, ordinals, state, event, map, toggle }: RowProps) {
    const [active, setActive] = useState(0);
    const { geometry } = map.scene;
    const theme = useMapTheme();

    /** One tab stop a row; arrows go from seat to seat. */
    const onKeyDown = (key: KeyboardEvent<HTMLDivElement>) => {
      const to = {
        ArrowLeft: active - 1,
        ArrowRight: active + 1,
        Home: 0,
        End: ordinals.length - 1,
      }[key.key];
      if (to === undefined) return;
      key.preventDefault();
      const next = Math.min(ordinals.length - 1, Math.max(0, to));
      setActive(next);
      key.currentTarget.querySelectorAll<HTMLButtonElement>('button')[next]?.focus();
    };

    return (
      <div className="flex gap-3 [contain-intrinsic-height:48px] [content-visibility:auto]">
        <span className="w-12 shrink-0 pt-2.5 text-sm wrap-break-word text-soft sm:w-14">
          {name}
        </span>
        <div
          role="toolbar"
          aria-label={name}
          className="flex flex-wrap gap-1 py-0.5"
          onKeyDown={onKeyDown}
        >
          {ordinals.map((ordinal, index) => {
            const mine = state[index] === 'm';
            const own = state[index] === 'h';
            const free = state[index] === '0';
            const place = seatLabel(geometry, ordinal);
            const spoken = [name, seatName(place)].filter(Boolean).join(', ');
            const price = formatMoney(priceOf(event, geometry, ordinal), event.currency);
            const category = geometry.category[ordinal] ?? 0;
            const isNewPrice = geometry.category[ordinals[index - 1] ?? -1] !== category;
            return (
              <Fragment key={ordinal}>
                {isNewPrice && (
                  <span
                    aria-hidden
                    className="inline-flex items-center gap-1.5 self-center pr-1 text-sm font-medium not-first:ml-3"
                  >
                    <span
                      className="size-3 rounded-full"
                      style={{ background: priceColor(theme, category) }}
                    />
                    {price}
                  </span>
                )}
                <button
                  type="button"
                  data-testid="seat-option"
                  data-ordinal={ordinal}
                  data-status={words[state[index] ?? '0']}
                  aria-pressed={mine}
                  aria-disabled={!free && !mine}
                  aria-label={`${spoken}, ${price}, ${words[state[index] ?? '0'] ?? ''}`}
                  tabIndex={index === active ? 0 : -1}
                  onFocus={() => setActive(index)}
                  onClick={() => toggle(ordinal)}
                  className={cx(
                    'grid size-10 place-items-center rounded-full border text-sm font-medium',
                    mine && 'border-ink bg-ink text-paper',
                    free && 'border-line-strong hover:bg-sunk',
                    own && 'cursor-not-allowed border-2 border-ink text-ink',
                    !free &&
                      !mine &&
                      !own &&
                      'cursor-not-allowed border-dashed border-line text-soft line-through',
                  )}
                >
                  {place.number || '•'}
                </button>
              </Fragment>
            );
          })}
        </div>
      </div>
    );
  },
  (before, after) =>
    before.state === after.state && before.map === after.map && before.event === after.event,
);
