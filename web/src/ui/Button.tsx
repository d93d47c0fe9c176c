import type { ButtonHTMLAttributes } from 'react';
import { cx } from '@/lib/cx';

type Kind = 'primary' | 'secondary' | 'danger' | 'plain';

const kinds: Record<Kind, string> = {
  primary: 'bg-ink text-paper hover:opacity-85 border border-ink',
  secondary: 'border border-line-strong text-ink hover:bg-sunk',
  danger: 'border border-bad text-bad hover:bg-bad-wash',
  plain: 'text-ink underline underline-offset-4 decoration-line-strong hover:decoration-ink px-1',
};

/** The look alone, for links that act as the page's main step. */
export function buttonClass(kind: Kind = 'primary', wide = false): string {
  return cx(
    'inline-flex min-h-11 items-center justify-center gap-2 rounded-md text-[0.9375rem] font-semibold',
    'select-none',
    'disabled:cursor-not-allowed disabled:border-line disabled:bg-sunk disabled:text-soft disabled:opacity-100',
    kind !== 'plain' && 'px-5',
    kinds[kind],
    wide && 'w-full',
  );
}

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: Kind;
  wide?: boolean;
  /** What is going on while the button waits; also keeps it from being pressed twice. */
  busy?: string | false;
}

export function Button({ kind, wide, busy, className, children, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={Boolean(disabled) || Boolean(busy)}
      aria-busy={busy ? true : undefined}
      className={cx(buttonClass(kind, wide), className)}
    >
      {busy ? `${busy}…` : children}
    </button>
  );
}
