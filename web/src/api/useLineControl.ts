import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { http } from './http';
import { idempotent } from './intent';
import type { LineControl, LineHistory, LineOrder } from './types';
import { follow } from './stream';

const path = (event: string) => `/events/${encodeURIComponent(event)}/control`;

/** cut: the figures are old, and come again by themselves. refused: they never come. */
export type Contact = 'opening' | 'live' | 'cut' | 'refused';

/** The live figures of a line, for its organizer. */
export function useLineControl(eventId: string) {
  const [figures, setFigures] = useState<LineControl | null>(null);
  const [contact, setContact] = useState<Contact>('opening');
  useEffect(() => {
    const stop = new AbortController();
    const listener = {
      onMessage: ({ event, data }: { event?: string | undefined; data: string }) => {
        if (event !== 'control') return;
        setFigures(JSON.parse(data) as LineControl);
        setContact('live');
      },
      onCut: () => setContact('cut'),
    };
    void follow(path(eventId), listener, stop.signal).then(() => {
      if (!stop.signal.aborted) setContact('refused');
    });
    return () => stop.abort();
  }, [eventId]);
  return { figures, contact, setFigures };
}

/** The last hour; asked for anew when the figures say that it has a point more. */
export const lineHistoryQuery = (eventId: string, until: string | null) =>
  queryOptions({
    queryKey: ['line-history', eventId, until],
    queryFn: async () => (await http.get<LineHistory>(`${path(eventId)}/history`)).data,
    placeholderData: keepPreviousData,
    staleTime: 'static',
    gcTime: 0,
  });

/** Does something with the line; the same press is never carried out twice. */
export const actOnLine = async (event: string, order: LineOrder, key: string) =>
  (await http.post<LineControl>(path(event), order, idempotent(key))).data;
