import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { pendingQuery } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import type { SeatState } from '@/lib/hall/state';

/** Marks the person's own holds of the event on the map: the same list that the banner above it counts. */
export function useMine(event: EventInfo, state: SeatState): void {
  const signedIn = useSession((session) => session.status === 'signed-in');
  const { data } = useQuery({ ...pendingQuery(), enabled: signedIn });
  useEffect(() => {
    const here = signedIn ? (data ?? []).filter((pending) => pending.eventId === event.id) : [];
    state.setMine(here.flatMap(({ seats }) => seats.map((seat) => seat.ordinal)));
  }, [data, event.id, signedIn, state]);
}
