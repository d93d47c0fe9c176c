import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import * as calls from '@/api/calls';
import { eventQuery, geometryQuery } from '@/api/queries';
import { follow } from '@/api/stream';
import type { EventInfo } from '@/api/types';
import { Feed, type Connection, type FeedParts } from './feed';
import { decodeGeometry } from './geometry';
import { Scene } from './scene';
import { SeatState } from './state';

export interface Hall {
  scene: Scene;
  state: SeatState;
}

/**
 * The event's hall, decoded once, and kept current for as long as the component is there. Where its plan was amended,
 * the event is fetched again, and with its new layout the hall is decoded anew.
 */
export function useHall(event: EventInfo) {
  const client = useQueryClient();
  const layout = event.layout_version;
  const geometry = useQuery(geometryQuery(event.id, layout));
  const [connection, setConnection] = useState<Connection>('connecting');

  const hall = useMemo((): Hall | null => {
    if (!geometry.data) return null;
    const decoded = decodeGeometry(geometry.data);
    return { scene: new Scene(decoded), state: new SeatState(decoded) };
  }, [geometry.data]);

  useEffect(() => {
    if (!hall) return undefined;
    const path = calls.availabilityStreamPath(event.id, layout);
    const parts: FeedParts = {
      follow: (listener, signal) => follow(path, listener, signal, { anonymous: true }),
      fetchSnapshot: (signal) => calls.events.availability(event.id, signal),
      onLayout: () => void client.invalidateQueries(eventQuery(event.id)),
      onConnection: setConnection,
    };
    const feed = new Feed(hall.state, parts, layout);
    feed.start();
    return () => feed.stop();
  }, [hall, event.id, layout, client]);

  return { hall, connection, error: geometry.error, refetch: geometry.refetch };
}
