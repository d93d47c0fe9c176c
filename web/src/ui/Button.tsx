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
    'inline-flex min-h-11 max-w-full items-center justify-center gap-2 rounded-md py-1 text-center text-[0.9375rem] font-semibold',
    'select-none',
    'disabled:cursor-not-allowed disabled:border-line disabled:bg-sunk disabled:text-soft disabled:opacity-100',
    'aria-disabled:cursor-not-allowed aria-disabled:border-line aria-disabled:bg-sunk aria-disabled:text-soft aria-disabled:opacity-100',
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

export function Button({ kind, wide, busy, className, children, onClick, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      // Not `disabled` while busy: that would drop the focus on the body.
      aria-disabled={busy ? true : undefined}
      aria-busy={busy ? true : undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={cx(buttonClass(kind, wide), className)}
    >
      {busy ? `${busy}…` : children}
    </button>
  );
}
