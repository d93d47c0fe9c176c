import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useRouterState } from '@tanstack/react-router';
import { pendingQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import { counted } from '@/lib/words';
import { Countdown } from '@/ui/Countdown';

/** Held seats run out wherever their holder is looking, so every page says so. */
export function HoldBanner() {
  const signedIn = useSession((session) => session.status === 'signed-in');
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const client = useQueryClient();
  const { data } = useQuery({ ...pendingQuery(), enabled: signedIn });
  if (!signedIn || path.startsWith('/checkout/') || path === '/gate') return null;
  const pending = data?.[0];
  if (!pending) return null;
  return (
    <aside
      aria-label="Seats you hold"
      data-testid="hold-banner"
      className="flex min-h-11 flex-wrap items-center justify-center gap-x-3 bg-ink px-4 text-[0.9375rem] text-paper"
    >
      <span>
        You hold {counted(pending.seats, 'seat')} ·{' '}
        <Countdown
          key={pending.holdId}
          endsAt={pending.endsAt}
          className="font-semibold"
          onEnd={() => void client.invalidateQueries({ queryKey: pendingQuery().queryKey })}
        />
      </span>
      <Link
        to="/checkout/$holdId"
        params={{ holdId: pending.holdId }}
        className="inline-flex min-h-11 items-center font-semibold underline underline-offset-4"
      >
        Continue
      </Link>
    </aside>
  );
}
