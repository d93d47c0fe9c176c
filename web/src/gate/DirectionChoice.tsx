import { cx } from '@/lib/cx';
import type { Direction } from './settings';

const words: Record<Direction, string> = { in: 'Letting in', out: 'Checking out' };

/** Who is checked out may come in again by the same ticket. */
export function DirectionChoice({
  direction,
  onChange,
}: {
  direction: Direction;
  onChange: (direction: Direction) => void;
}) {
  return (
    <fieldset className="flex gap-2" data-testid="gate-direction">
      <legend className="sr-only">What this gate does</legend>
      {(['in', 'out'] as const).map((one) => (
        <label
          key={one}
          className={cx(
            'flex min-h-11 grow cursor-pointer items-center gap-3 rounded-md border px-4',
            one === direction ? 'border-ink font-semibold' : 'border-line-strong',
          )}
        >
          <input
            type="radio"
            name="direction"
            className="size-5 shrink-0"
            checked={one === direction}
            onChange={() => onChange(one)}
          />
          {words[one]}
        </label>
      ))}
    </fieldset>
  );
}
