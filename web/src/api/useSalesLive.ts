import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { salesStreamPath } from './calls';
import { salesQuery } from './queries';
import { follow } from './stream';
import type { Sales } from './types';

/** The figures as they change: pushed by the server, and asked for now and then in case the stream is cut. */
export function useSalesLive(eventId: string) {
  const client = useQueryClient();
  useEffect(() => {
    const stop = new AbortController();
    void follow(
      salesStreamPath(eventId),
      {
        onMessage: ({ event, data }) => {
          if (event !== 'sales') return;
          client.setQueryData(salesQuery(eventId).queryKey, JSON.parse(data) as Sales);
        },
      },
      stop.signal,
    );
    return () => stop.abort();
  }, [client, eventId]);
  return useQuery(salesQuery(eventId));
}
