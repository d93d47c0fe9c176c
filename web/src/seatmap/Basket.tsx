import { X } from 'lucide';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { counted } from '@/lib/words';
import { Icon } from '@/ui/Icon';
import { basketLines } from './basket';
import { priceColor } from '@/lib/hall/theme';
import type { SeatState } from '@/lib/hall/state';
import { useMapTheme } from '@/lib/hall/useTheme';

interface Props {
  event: EventInfo;
  state: SeatState;
  onRemove: (ordinals: number[]) => void;
}

export function Basket({ event, state, onRemove }: Props) {
  const theme = useMapTheme();
  const lines = basketLines(event, state);
  return (
    <section aria-label="Your choice" data-testid="basket">
      <ul className="divide-y divide-line border-y border-line">
        {lines.map((line) => (
          <li key={line.key} className="flex items-center gap-3 pl-1">
            <span
              aria-hidden
              className="size-3 shrink-0 rounded-full"
              style={{ background: priceColor(theme, line.category) }}
            />
            <span className="min-w-0 grow py-2 text-[0.9375rem] leading-snug">
              {line.name}
              <span className="block text-sm text-soft">
                {state.geometry.categories[line.category]?.name}
                {line.ordinals.length > 1 && ` · ${counted(line.ordinals.length, 'place')}`}
              </span>
            </span>
            <span className="text-sm font-semibold">
              {formatMoney(line.priceMinor, event.currency)}
            </span>
            <button
              type="button"
              aria-label={`Remove ${line.name}`}
              className="grid size-11 shrink-0 place-items-center rounded-md text-soft hover:bg-sunk hover:text-ink"
              onClick={() => onRemove(line.ordinals)}
            >
              <Icon of={X} className="size-4" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
