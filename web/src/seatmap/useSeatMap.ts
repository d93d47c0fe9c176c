import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import * as calls from '@/api/calls';
import { geometryQuery } from '@/api/queries';
import { follow } from '@/api/stream';
import type { EventInfo } from '@/api/types';
import { Feed, type Connection } from './map/feed';
import { decodeGeometry } from './map/geometry';
import { Scene } from './map/scene';
import { SeatState } from './map/state';
import { recallSelection, rememberSelection } from './selection';

export interface SeatMap {
  scene: Scene;
  state: SeatState;
}

/** The event's map, decoded once, and kept current for as long as the component is there. */
export function useSeatMap(event: EventInfo) {
  const geometry = useQuery(geometryQuery(event.id, event.plan_hash));
  const [connection, setConnection] = useState<Connection>('connecting');

  const map = useMemo((): SeatMap | null => {
    if (!geometry.data) return null;
    const decoded = decodeGeometry(geometry.data);
    const state = new SeatState(decoded);
    state.select(recallSelection(event).filter((ordinal) => ordinal < decoded.count));
    return { scene: new Scene(decoded), state };
  }, [geometry.data, event.id, event.plan_hash]);

  useEffect(() => {
    if (!map) return undefined;
    const feed = new Feed(map.state, {
      follow: (listener, signal) =>
        follow(calls.availabilityStreamPath(event.id), listener, signal, { anonymous: true }),
      fetchSnapshot: (signal) => calls.events.availability(event.id, signal),
      onConnection: setConnection,
    });
    feed.start();
    const unsubscribe = map.state.subscribe(() => rememberSelection(event, map.state.selected));
    return () => {
      feed.stop();
      unsubscribe();
    };
  }, [map, event.id, event.plan_hash]);

  return { map, connection, error: geometry.error, refetch: geometry.refetch };
}
