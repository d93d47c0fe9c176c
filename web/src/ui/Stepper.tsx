import { Minus, Plus } from 'lucide';
import { Icon } from './Icon';

interface Props {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
}

export function Stepper({ label, value, min, max, onChange }: Props) {
  const button =
    'grid size-11 place-items-center rounded-full border border-line-strong hover:bg-sunk disabled:border-line disabled:text-soft disabled:cursor-not-allowed';
  return (
    <div role="group" aria-label={label} className="flex items-center gap-2">
      <button
        type="button"
        className={button}
        aria-label="One fewer"
        disabled={value <= min}
        onClick={() => onChange(value - 1)}
      >
        <Icon of={Minus} className="size-4" />
      </button>
      <output className="w-9 text-center display text-3xl" aria-live="polite">
        {value}
      </output>
      <button
        type="button"
        className={button}
        aria-label="One more"
        disabled={value >= max}
        onClick={() => onChange(value + 1)}
      >
        <Icon of={Plus} className="size-4" />
      </button>
    </div>
  );
}
