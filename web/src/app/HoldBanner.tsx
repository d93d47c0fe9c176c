import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useRouterState } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { pendingQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import { count, counted } from '@/lib/words';
import { Countdown } from '@/ui/Countdown';
import { heldUntil, rememberHeldUntil } from './heldUntil';

const barClass =
  'flex min-h-11 flex-wrap items-center justify-center gap-x-3 bg-ink px-4 text-[0.9375rem] text-paper';

/** Held seats run out wherever their holder is looking, so every page says so. */
export function HoldBanner() {
  const status = useSession((session) => session.status);
  const signedIn = status === 'signed-in';
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const client = useQueryClient();
  const { data, isPending } = useQuery({ ...pendingQuery(), enabled: signedIn });
  const [held] = useState(() => heldUntil() > Date.now());
  const isOver = status === 'anonymous';
  const last = data?.at(-1)?.endsAt ?? null;
  useEffect(() => {
    if (isOver || data) rememberHeldUntil(isOver ? null : last);
  }, [data, isOver, last]);

  if (path.startsWith('/checkout/') || path === '/gate') return null;
  const asking = status === 'starting' || (signedIn && isPending);
  if (asking && held) return <div aria-hidden className={barClass} />;
  if (!signedIn) return null;
  const [first] = data ?? [];
  if (!data || !first) return null;
  const seats = data.reduce((sum, pending) => sum + pending.seats.length, 0);
  return (
    <aside aria-label="Seats you hold" data-testid="hold-banner" className={barClass}>
      <span>
        You hold {counted(seats, 'seat')}
        {data.length > 1 ? `, ${count(first.seats.length)} of them for` : ' ·'}{' '}
        <Countdown
          key={first.holdId}
          endsAt={first.endsAt}
          className="font-semibold"
          onEnd={() => void client.invalidateQueries({ queryKey: pendingQuery().queryKey })}
        />
      </span>
      <Link
        to="/checkout/$holdId"
        params={{ holdId: first.holdId }}
        className="inline-flex min-h-11 items-center font-semibold underline underline-offset-4"
      >
        Continue
      </Link>
    </aside>
  );
}
