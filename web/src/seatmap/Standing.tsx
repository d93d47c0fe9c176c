import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { count } from '@/lib/words';
import { Stepper } from '@/ui/Stepper';
import { mostSeats, priceOf } from './basket';
import type { SeatState } from '@/lib/hall/state';

interface Props {
  event: EventInfo;
  state: SeatState;
  section: number;
  onQuantity: (section: number, quantity: number) => void;
}

/** An area without seats is bought by number. */
export function Standing({ event, state, section, onQuantity }: Props) {
  const area = state.geometry.sections[section];
  if (!area) return null;
  const mine = [...state.selected].filter((ordinal) => state.geometry.section[ordinal] === section);
  const others = state.selected.size - mine.length;
  const left = state.available[section] ?? 0;
  return (
    <div
      role="group"
      aria-label={area.name}
      data-testid="standing"
      className="flex flex-wrap items-center justify-between gap-4 rounded-md border border-line p-3"
    >
      <div>
        <p className="font-semibold">{area.name}</p>
        <p className="text-sm text-soft">
          {formatMoney(priceOf(event, state.geometry, area.first), event.currency)} each · no fixed
          place · {count(left)} left
        </p>
      </div>
      <Stepper
        label={`Places in ${area.name}`}
        value={mine.length}
        min={0}
        max={Math.min(mostSeats(event) - others, left)}
        onChange={(quantity) => onQuantity(section, quantity)}
      />
    </div>
  );
}
