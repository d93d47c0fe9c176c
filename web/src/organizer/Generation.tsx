import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { eventQuery, inventoryQuery } from '@/api/queries';
import type { EventInfo } from '@/api/types';
import { count } from '@/lib/words';
import { Notice } from '@/ui/Notice';
import { Progress } from '@/ui/Progress';

/** Seats come into being in the background; the bar follows the server's own count. */
export function Generation({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const { data, error } = useQuery(inventoryQuery(event.id));
  const generated = data?.generated ?? 0;
  const total = data?.total ?? event.seats_total;
  const ready = data?.state === 'ready';

  useEffect(() => {
    if (!ready) return undefined;
    const refresh = () =>
      void client.invalidateQueries({ queryKey: eventQuery(event.id).queryKey });
    refresh();
    // The event learns of its seats by a message, a moment after the count is full.
    const timer = setInterval(refresh, 1000);
    return () => clearInterval(timer);
  }, [client, event.id, ready]);

  if (data?.state === 'failed') {
    return (
      <Notice tone="bad" title="The seats could not be created">
        {data.detail ?? 'The server gave no reason.'}
      </Notice>
    );
  }
  return (
    <section aria-label="Publishing" className="grid max-w-xl gap-3" data-testid="generation">
      <h2 className="display text-3xl">Creating the seats</h2>
      <Progress label="Seats created" value={generated} max={total} />
      <p role="status" className="text-soft">
        {count(generated)} of {count(total)}. You can leave this page; it goes on without you.
      </p>
      {error && <p className="text-sm text-bad">The progress is not known right now.</p>}
    </section>
  );
}
