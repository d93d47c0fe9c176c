import type { ReactNode } from 'react';
import { cx } from '@/lib/cx';
import { PosterArt } from './PosterArt';
import { posterStyle } from './posterStyle';

interface Props {
  eventId: string;
  /** wide: art beside the words where there is room; tall: above them. */
  shape: 'wide' | 'tall';
  className?: string;
  children: ReactNode;
}

/** A block in the event's own colour. Words and art never overlap, so the words stay legible. */
export function Poster({ eventId, shape, className, children }: Props) {
  const { background, text } = posterStyle(eventId);
  const wide = shape === 'wide';
  return (
    <div
      className={cx('flex flex-col overflow-hidden', wide && 'md:flex-row-reverse', className)}
      style={{ background, color: text }}
    >
      <div className={cx('relative min-h-24 shrink-0 grow', wide && 'min-h-40 md:w-[36%]')}>
        <PosterArt eventId={eventId} className="absolute inset-0 size-full" />
      </div>
      {children}
    </div>
  );
}
