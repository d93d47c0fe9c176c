import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import * as calls from '@/api/calls';
import { Intent } from '@/api/intent';
import { ApiError } from '@/api/problem';
import { holdQuery, pendingQuery, seatsQuery, timedHold } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo, HoldRequest } from '@/api/types';
import { soleStandingSection } from './basket';
import { dropLost } from './losses';
import { HELD } from './map/status';
import type { SeatState } from './map/state';

/** taken: ordinals that somebody else has, already out of the selection; none if standing places were swapped. */
export type HoldProblem = { kind: 'taken'; taken: number[] } | { kind: 'refused'; error: ApiError };

/** Turns the selection into a hold and goes on to the checkout; signs in first where needed. */
export function useHold(event: EventInfo, state: SeatState) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const intent = useRef(new Intent());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<HoldProblem | null>(null);

  // Seats can go while one is still choosing. Not while holding: then it is this hold that takes them.
  useEffect(() => {
    if (busy) return undefined;
    return state.subscribe(() => {
      if (!state.known) return;
      const lost = [...state.selected].filter((ordinal) => !state.isFree(ordinal));
      if (lost.length === 0) return;
      const taken = dropLost(state, lost);
      if (taken.length > 0) setProblem({ kind: 'taken', taken });
    });
  }, [busy, state]);

  const namesOf = useCallback(
    async (ordinals: number[]): Promise<Map<number, string>> => {
      const sections = new Set(ordinals.map((ordinal) => state.geometry.section[ordinal] ?? 0));
      const names = new Map<number, string>();
      await Promise.all(
        [...sections].map(async (index) => {
          const section = state.geometry.sections[index];
          if (!section) return;
          const seats = await client.query({
            ...seatsQuery(event.id, section.id),
            staleTime: 'static',
          });
          for (const seat of seats) names.set(seat.ordinal, seat.id);
        }),
      );
      return names;
    },
    [client, event.id, state],
  );

  const place = useCallback(async () => {
    const ordinals = [...state.selected].sort((a, b) => a - b);
    if (ordinals.length === 0) return;
    if (useSession.getState().status === 'anonymous') {
      const back = `/events/${event.id}/seats?resume=hold`;
      await navigate({ to: '/sign-in', search: { next: back } });
      return;
    }
    setBusy(true);
    setProblem(null);
    let names = new Map<number, string>();
    try {
      const standing = soleStandingSection(state);
      let request: HoldRequest;
      if (standing === null) {
        names = await namesOf(ordinals);
        request = { seats: ordinals.flatMap((ordinal) => names.get(ordinal) ?? []) };
      } else {
        const section = state.geometry.sections[standing]?.id ?? '';
        request = { best_available: { section, quantity: ordinals.length } };
      }
      const hold = await intent.current.run(request, (key) =>
        calls.holds.place(event.id, request, key),
      );
      client.setQueryData(holdQuery(hold.hold_id).queryKey, timedHold(hold));
      void client.invalidateQueries({ queryKey: pendingQuery().queryKey });
      state.select([]);
      await navigate({ to: '/checkout/$holdId', params: { holdId: hold.hold_id } });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        const back = `/events/${event.id}/seats?resume=hold`;
        await navigate({ to: '/sign-in', search: { next: back } });
        return;
      }
      setProblem(settle(error, state, names));
    } finally {
      setBusy(false);
    }
  }, [client, event, namesOf, navigate, state]);

  return { place, busy, problem, dismiss: useCallback(() => setProblem(null), []) };
}

/** Takes lost seats out of the selection and shows them as taken, before the live map says so. */
function settle(error: ApiError, state: SeatState, names: Map<number, string>): HoldProblem {
  const ids = error.code === 'seats_taken' ? error.body['taken'] : null;
  if (!Array.isArray(ids)) return { kind: 'refused', error };
  const lost = new Set<unknown>(ids);
  const taken = [...state.selected].filter((ordinal) => lost.has(names.get(ordinal)));
  state.mark(taken, HELD);
  return { kind: 'taken', taken: dropLost(state, taken) };
}
