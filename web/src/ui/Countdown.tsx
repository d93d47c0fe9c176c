import { useEffect, useRef } from 'react';
import { formatRemaining, spokenRemaining } from '@/lib/time';
import { useNow } from '@/lib/useNow';

interface Props {
  endsAt: number;
  onEnd?: () => void;
  className?: string;
}

/** Ticks on screen; a screen reader can read it as a sentence but is not interrupted every second. */
export function Countdown({ endsAt, onEnd, className }: Props) {
  const now = useNow(true);
  const left = endsAt - now;
  const over = left <= 0;
  const end = useRef(onEnd);
  useEffect(() => {
    end.current = onEnd;
  }, [onEnd]);
  useEffect(() => {
    if (over) end.current?.();
  }, [over]);
  return (
    <time
      role="timer"
      className={className}
      data-testid="countdown"
      aria-label={`${spokenRemaining(left)} left`}
    >
      {formatRemaining(left)}
    </time>
  );
}
