import type { ReactNode } from 'react';

interface Props {
  title: string;
  testId?: string;
  children?: ReactNode;
}

/** Work that goes on elsewhere: says what, moves a little, promises nothing about how long. */
export function Waiting({ title, testId, children }: Props) {
  return (
    <section role="status" data-testid={testId} className="grid gap-3">
      <div aria-hidden className="h-1 overflow-hidden rounded-full bg-line">
        <div className="h-full w-1/3 animate-slide rounded-full bg-ink" />
      </div>
      <h2 className="display text-3xl">{title}</h2>
      {children && <p className="max-w-prose text-soft">{children}</p>}
    </section>
  );
}
