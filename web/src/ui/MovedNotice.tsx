import type { ReactNode } from 'react';
import { formatMoment } from '@/lib/time';
import { Notice } from './Notice';

interface Props {
  move: {
    from_starts_at: string;
    from_venue: string;
    starts_at: string;
    venue: string;
    message: string;
  };
  timezone: string;
  /** What follows from it for the reader. */
  children?: ReactNode;
}

/** The event is at another time or place than it was: from when and where to when and where, and why. */
export function MovedNotice({ move, timezone, children }: Props) {
  const isLater = move.from_starts_at !== move.starts_at;
  const isElsewhere = move.from_venue !== move.venue;
  const said = (startsAt: string, venue: string) =>
    [isLater ? formatMoment(startsAt, timezone) : '', isElsewhere ? venue : '']
      .filter((part) => part !== '')
      .join(', ');
  return (
    <Notice
      tone="warn"
      title={isLater ? 'This event has a new date' : 'This event has a new place'}
      testId="moved"
    >
      <p>
        It was moved from {said(move.from_starts_at, move.from_venue)} to{' '}
        <strong>{said(move.starts_at, move.venue)}</strong>.
      </p>
      <p className="mt-2 whitespace-pre-line">“{move.message}”</p>
      {children}
    </Notice>
  );
}
