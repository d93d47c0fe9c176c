import type { ReactNode } from 'react';
import { cx } from '@/lib/cx';
import { useTitle } from '@/lib/useTitle';

interface Props {
  title: string;
  lead?: ReactNode;
  width?: 'narrow' | 'wide';
  children: ReactNode;
}

export function Page({ title, lead, width = 'wide', children }: Props) {
  useTitle(title);
  return (
    <div
      className={cx(
        'mx-auto grid w-full gap-8 px-4 pt-8 pb-20 md:px-8 md:pt-12',
        width === 'wide' ? 'max-w-6xl' : 'max-w-xl',
      )}
    >
      <header className="grid gap-2">
        <h1 className="display text-4xl md:text-5xl">{title}</h1>
        {lead && <div className="text-soft">{lead}</div>}
      </header>
      {children}
    </div>
  );
}
