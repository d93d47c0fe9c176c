import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import * as calls from '@/api/calls';
import { geometryQuery } from '@/api/queries';
import { follow } from '@/api/stream';
import type { EventInfo } from '@/api/types';
import { Feed, type Connection } from './feed';
import { decodeGeometry } from './geometry';
import { Scene } from './scene';
import { SeatState } from './state';

export interface Hall {
  scene: Scene;
  state: SeatState;
}

/** The event's hall, decoded once, and kept current for as long as the component is there. */
export function useHall(event: EventInfo) {
  const geometry = useQuery(geometryQuery(event.id, event.plan_hash));
  const [connection, setConnection] = useState<Connection>('connecting');

  const hall = useMemo((): Hall | null => {
    if (!geometry.data) return null;
    const decoded = decodeGeometry(geometry.data);
    return { scene: new Scene(decoded), state: new SeatState(decoded) };
  }, [geometry.data]);

  useEffect(() => {
    if (!hall) return undefined;
    const feed = new Feed(hall.state, {
      follow: (listener, signal) =>
        follow(calls.availabilityStreamPath(event.id), listener, signal, { anonymous: true }),
      fetchSnapshot: (signal) => calls.events.availability(event.id, signal),
      onConnection: setConnection,
    });
    feed.start();
    return () => feed.stop();
  }, [hall, event.id]);

  return { hall, connection, error: geometry.error, refetch: geometry.refetch };
}
