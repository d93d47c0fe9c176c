import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { askAround } from '@/lib/opening';
import { deadline } from '@/lib/time';
import { eventQuery } from './queries';

/**
 * When the sale opens on this device's clock, by the server's; null when it is open or nobody knows. Around that moment
 * the event is asked for until it is on sale, so that whatever shows it changes by itself.
 */
export function useOpening(eventId: string): number | null {
  const client = useQueryClient();
  const { data: event, dataUpdatedAt } = useQuery(eventQuery(eventId));
  const opensAt =
    event?.state === 'scheduled' && event.on_sale_at !== null
      ? deadline(event.on_sale_at, event.server_time, dataUpdatedAt)
      : null;
  useEffect(() => {
    if (opensAt === null) return undefined;
    return askAround(opensAt, () =>
      client.query({ ...eventQuery(eventId), staleTime: 0, retry: false }),
    );
  }, [client, eventId, opensAt]);
  return opensAt;
}
