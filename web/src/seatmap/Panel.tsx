import { useState } from 'react';
import type { EventInfo } from '@/api/types';
import { cx } from '@/lib/cx';
import { formatMoney } from '@/lib/money';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { Basket } from './Basket';
import { basketLines } from './basket';
import { Finder } from './Finder';
import { Problem } from './Problem';
import { Standing } from './Standing';
import type { useHold } from './useHold';
import type { Picker } from './usePicker';
import type { SeatMap } from './useSeatMap';

interface Props {
  event: EventInfo;
  map: SeatMap;
  picker: Picker;
  hold: ReturnType<typeof useHold>;
  quantity: number;
  category: number | null;
  section: number | null;
  onQuantity: (value: number) => void;
  onCategory: (value: number | null) => void;
  onFind: () => void;
  onTake: (ordinals: number[]) => void;
}

/** Beside the map on a wide screen, a sheet below it on a phone; the one main action is always in sight. */
export function Panel(props: Props) {
  const { event, map, picker, hold, section } = props;
  const { state } = map;
  const chosen = state.selected.size;
  const total = basketLines(event, state).reduce((sum, line) => sum + line.priceMinor, 0);
  const [reopened, setReopened] = useState(false);
  // On a phone the finder makes room for the chosen seats.
  const finderOpen = chosen === 0 || reopened;
  const isStanding = section !== null && state.geometry.sections[section]?.kind === 'standing';

  return (
    <aside
      aria-label="Choose and hold"
      className="flex min-h-64 flex-col border-line bg-paper max-md:rounded-t-xl max-md:border-t md:min-h-0 md:w-[min(24rem,45vw)] md:shrink-0 md:border-l"
    >
      <div className="grid min-h-0 content-start gap-4 overflow-y-auto p-4 md:grow md:p-6">
        <div className={cx(!finderOpen && 'max-md:hidden')}>
          <Finder
            {...props}
            onFind={() => {
              props.onFind();
              setReopened(false);
            }}
          />
        </div>
        {!finderOpen && (
          <Button
            kind="plain"
            className="justify-self-start md:hidden"
            onClick={() => setReopened(true)}
          >
            Change number or price
          </Button>
        )}
        {isStanding && (
          <Standing
            event={event}
            state={state}
            section={section}
            onQuantity={(index, quantity) => {
              hold.dismiss();
              picker.setStanding(index, quantity);
            }}
          />
        )}
        {hold.problem && (
          <Problem event={event} state={state} problem={hold.problem} onTake={props.onTake} />
        )}
        {chosen > 0 && (
          <Basket
            event={event}
            state={state}
            onRemove={(ordinals) => {
              hold.dismiss();
              state.select([...state.selected].filter((ordinal) => !ordinals.includes(ordinal)));
            }}
          />
        )}
        {chosen === 0 && !hold.problem && (
          <p className="text-sm text-soft max-md:hidden">
            Or point at the map: a section brings you nearer, a seat goes into your choice.
          </p>
        )}
      </div>
      <div
        className={cx(
          'grid gap-2 border-t border-line p-4 md:p-6',
          chosen === 0 && !picker.said && 'max-md:hidden',
        )}
      >
        <div role="status" aria-live="polite">
          {picker.said &&
            (picker.said.tone === 'warn' ? (
              <Notice tone="warn">{picker.said.text}</Notice>
            ) : (
              <span className="sr-only">{picker.said.text}</span>
            ))}
        </div>
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <p className="leading-tight">
            <span className="block display text-2xl">
              {chosen > 0 ? formatMoney(total, event.currency) : 'No seats yet'}
            </span>
            {chosen > 0 && (
              <span className="text-sm text-soft">
                {counted(chosen, 'seat')}, all fees included
              </span>
            )}
          </p>
          <Button
            data-testid="hold-button"
            disabled={chosen === 0}
            busy={hold.busy && 'Holding'}
            onClick={() => void hold.place()}
          >
            {chosen === 0 ? 'Hold' : `Hold ${counted(chosen, 'seat')}`}
          </Button>
        </div>
      </div>
    </aside>
  );
}
