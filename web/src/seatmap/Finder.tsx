import type { EventInfo } from '@/api/types';
import { cx } from '@/lib/cx';
import { formatMoney } from '@/lib/money';
import { count } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Stepper } from '@/ui/Stepper';
import { mostSeats } from './basket';
import { priceColor } from '@/lib/hall/theme';
import type { SeatMap } from './useSeatMap';
import { useMapTheme } from '@/lib/hall/useTheme';

interface Props {
  event: EventInfo;
  map: SeatMap;
  quantity: number;
  category: number | null;
  onQuantity: (value: number) => void;
  onCategory: (value: number | null) => void;
  onFind: () => void;
}

/** Free seats per category, counted from the live map. */
function availableByCategory({ state, scene }: SeatMap): number[] {
  const result = scene.geometry.categories.map(() => 0);
  const { category } = scene.geometry;
  for (let i = 0; i < category.length; i += 1) {
    const index = category[i] ?? 0;
    if (state.isFree(i)) result[index] = (result[index] ?? 0) + 1;
  }
  return result;
}

export function Finder(props: Props) {
  const { event, map, quantity, category, onQuantity, onCategory, onFind } = props;
  const theme = useMapTheme();
  const left = availableByCategory(map);
  const rows = map.scene.geometry.categories
    .map(({ name }, index) => ({ name, index, price: event.prices[name] }))
    .filter((row) => row.price !== undefined)
    .sort((a, b) => (b.price ?? 0) - (a.price ?? 0));

  return (
    <section aria-label="Find seats" className="grid gap-4">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h2 className="display text-2xl">How many?</h2>
        <Stepper
          label="Number of seats"
          value={quantity}
          min={1}
          max={mostSeats(event)}
          onChange={onQuantity}
        />
      </div>
      <fieldset>
        <legend className="sr-only">Price category</legend>
        <Choice
          checked={category === null}
          onPick={() => onCategory(null)}
          name="Any price"
          note={map.state.known ? `${count(left.reduce((sum, n) => sum + n, 0))} left` : ''}
        />
        {rows.map((row) => (
          <Choice
            key={row.name}
            checked={category === row.index}
            onPick={() => onCategory(row.index)}
            color={priceColor(theme, row.index)}
            name={row.name}
            price={formatMoney(row.price ?? 0, event.currency)}
            note={leftWords(map.state.known, left[row.index] ?? 0)}
          />
        ))}
      </fieldset>
      <Button
        kind="secondary"
        wide
        disabled={!map.state.known}
        onClick={onFind}
        data-testid="find-best"
      >
        {quantity === 1 ? 'Find the best seat' : `Find the best ${String(quantity)} seats`}
      </Button>
    </section>
  );
}

function leftWords(known: boolean, left: number): string {
  if (!known) return '';
  return left === 0 ? 'Sold out' : `${count(left)} left`;
}

interface ChoiceProps {
  checked: boolean;
  onPick: () => void;
  color?: string;
  name: string;
  price?: string;
  note: string;
}

function Choice({ checked, onPick, color, name, price, note }: ChoiceProps) {
  return (
    <label
      className={cx(
        'flex min-h-11 cursor-pointer flex-wrap items-center gap-x-3 border-t border-line px-1 py-1.5 last:border-b has-focus-visible:outline-2 has-focus-visible:outline-focus',
        checked && 'bg-sunk',
      )}
    >
      <input
        type="radio"
        name="category"
        checked={checked}
        onChange={onPick}
        className="size-4 accent-ink"
      />
      <span
        aria-hidden
        className={cx('size-3.5 shrink-0 rounded-full', !color && 'hidden')}
        style={{ background: color }}
      />
      <span className="min-w-24 grow basis-0 text-[0.9375rem] font-medium wrap-anywhere">
        {name}
      </span>
      <span className="shrink-0 text-sm text-soft">{note}</span>
      {price && <span className="min-w-16 shrink-0 text-right text-sm font-semibold">{price}</span>}
    </label>
  );
}
