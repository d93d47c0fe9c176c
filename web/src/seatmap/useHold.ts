import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import * as calls from '@/api/calls';
import { Intent } from '@/api/intent';
import { leadsToLine, withPass } from '@/api/line';
import { ApiError } from '@/api/problem';
import { holdQuery, pendingQuery, seatsQuery, timedHold, type Pending } from '@/api/queries';
import { useSession } from '@/api/session';
import type { EventInfo, HoldRequest } from '@/api/types';
import { soleStandingSection } from './basket';
import { dropLost } from './losses';
import { HELD } from '@/lib/hall/status';
import type { SeatState } from '@/lib/hall/state';

/**
 * taken: ordinals that somebody else has, already out of the selection; none if standing places were swapped. unknown:
 * no answer came, so the hold may have been made. mine: seats that the person holds already.
 */
export type HoldProblem =
  | { kind: 'taken'; taken: number[] }
  | { kind: 'mine'; mine: number[]; holdId: string }
  | { kind: 'unknown' }
  | { kind: 'refused'; error: ApiError };

/** An attempt whose outcome is not known: what it asked for, and the holds that were there before. */
interface Attempt {
  ordinals: number[];
  standing: number | null;
  before: Set<string>;
}

/** Turns the selection into a hold and goes on to the checkout; signs in first where needed. */
export function useHold(event: EventInfo, state: SeatState) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const intent = useRef(new Intent());
  const open = useRef<Attempt | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<HoldProblem | null>(null);
  const { id: eventId, layout_version: layout } = event;

  const goOn = useCallback(
    async (holdId: string) => {
      open.current = null;
      void client.invalidateQueries({ queryKey: pendingQuery().queryKey });
      state.select([]);
      await navigate({ to: '/checkout/$holdId', params: { holdId } });
    },
    [client, navigate, state],
  );

  /** The person's holds of this event by the server, and on the map; null while nobody can say. */
  const askForMine = useCallback(async (): Promise<Pending[] | null> => {
    if (useSession.getState().status === 'anonymous') return [];
    try {
      const all = await client.query({ ...pendingQuery(), staleTime: 0 });
      const here = all.filter((pending) => pending.eventId === eventId);
      state.setMine(here.flatMap(({ seats }) => seats.map((seat) => seat.ordinal)));
      return here;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return null;
    }
  }, [client, eventId, state]);

  // Seats can go while one is still choosing. Not while holding: then it is this hold that takes them.
  const sortOut = useCallback(
    async (lost: number[]) => {
      const mine = await askForMine();
      const attempt = open.current;
      const made = mine && attempt && madeBy(attempt, mine, state);
      const unchanged = attempt?.ordinals.length === state.selected.size;
      if (made && unchanged && attempt.ordinals.every((ordinal) => state.selected.has(ordinal))) {
        await goOn(made.holdId);
        return;
      }
      // Not even whose seats these are is known: nothing is said about others.
      if (mine === null && attempt) return;
      setProblem((now) => part(state, lost, mine ?? []) ?? now);
    },
    [askForMine, goOn, state],
  );
  useEffect(() => {
    if (busy) return undefined;
    let asking = false;
    const look = () => {
      if (!state.known || asking) return;
      const lost = [...state.selected].filter((ordinal) => !state.isFree(ordinal));
      if (lost.length === 0) return;
      asking = true;
      void sortOut(lost).finally(() => {
        asking = false;
      });
    };
    look();
    return state.subscribe(look);
  }, [busy, sortOut, state]);

  const namesOf = useCallback(
    async (ordinals: number[]): Promise<Map<number, string>> => {
      const sections = new Set(ordinals.map((ordinal) => state.geometry.section[ordinal] ?? 0));
      const names = new Map<number, string>();
      await Promise.all(
        [...sections].map(async (index) => {
          const section = state.geometry.sections[index];
          if (!section) return;
          const seats = await client.query({
            ...seatsQuery(eventId, layout, section.id),
            staleTime: 'static',
            retry: false,
          });
          for (const seat of seats) names.set(seat.ordinal, seat.id);
        }),
      );
      return names;
    },
    [client, eventId, layout, state],
  );

  const place = useCallback(async () => {
    const ordinals = [...state.selected].sort((a, b) => a - b);
    if (ordinals.length === 0) return;
    const signIn = () =>
      navigate({ to: '/sign-in', search: { next: `/events/${eventId}/seats?resume=hold` } });
    if (useSession.getState().status === 'anonymous') {
      await signIn();
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
      const known = client.getQueryData(pendingQuery().queryKey) ?? [];
      const before = open.current?.before ?? new Set(known.map((one) => one.holdId));
      open.current = { ordinals, standing, before };
      const hold = await withPass(eventId, (pass) =>
        intent.current.run(request, (key) => calls.holds.place(eventId, request, key, pass)),
      );
      client.setQueryData(holdQuery(hold.hold_id).queryKey, timedHold(hold));
      await goOn(hold.hold_id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        await signIn();
      } else if (leadsToLine(error)) {
        open.current = null;
        const search = { from: 'seats' };
        await navigate({ to: '/events/$eventId/line', params: { eventId }, search });
      } else if (isUndecided(error)) {
        const mine = await askForMine();
        const made = mine && open.current && madeBy(open.current, mine, state);
        if (made) await goOn(made.holdId);
        else setProblem({ kind: 'unknown' });
      } else {
        if (!error.transient) open.current = null;
        setProblem(await settle(error, state, names, askForMine));
      }
    } finally {
      setBusy(false);
    }
  }, [askForMine, client, eventId, goOn, namesOf, navigate, state]);

  return { place, busy, problem, dismiss: useCallback(() => setProblem(null), []) };
}

/** No answer, or one that leaves open what became of the request. */
function isUndecided(error: ApiError): boolean {
  if (error.code === 'line_unknown') return false;
  return error.status === 0 || error.status >= 500 || error.code === 'still_running';
}

/** The hold that an attempt made although its answer was lost. */
function madeBy(attempt: Attempt, mine: Pending[], state: SeatState): Pending | undefined {
  return mine.find(({ holdId, seats }) => {
    if (attempt.before.has(holdId)) return false;
    const ordinals = seats.map((seat) => seat.ordinal);
    return attempt.standing === null
      ? attempt.ordinals.every((ordinal) => ordinals.includes(ordinal))
      : ordinals.length === attempt.ordinals.length &&
          ordinals.every((ordinal) => state.geometry.section[ordinal] === attempt.standing);
  });
}

/** Takes lost seats out of the selection, one's own ones without blaming anybody. Null where there is nothing to say. */
function part(state: SeatState, lost: number[], mine: Pending[]): HoldProblem | null {
  const own = lost.filter((ordinal) => state.mine.has(ordinal));
  const others = lost.filter((ordinal) => !state.mine.has(ordinal) && !state.isFree(ordinal));
  if (own.length > 0) {
    state.select([...state.selected].filter((ordinal) => !own.includes(ordinal)));
  }
  const taken = others.length > 0 ? dropLost(state, others) : [];
  if (taken.length > 0) return { kind: 'taken', taken };
  const holder = mine.find(({ seats }) => seats.some((seat) => own.includes(seat.ordinal)));
  return holder ? { kind: 'mine', mine: own, holdId: holder.holdId } : null;
}

/** Takes lost seats out of the selection and shows them as taken, before the live map says so. */
async function settle(
  error: ApiError,
  state: SeatState,
  names: Map<number, string>,
  askForMine: () => Promise<Pending[] | null>,
): Promise<HoldProblem> {
  const ids = error.code === 'seats_taken' ? error.body['taken'] : null;
  if (!Array.isArray(ids)) return { kind: 'refused', error };
  const lost = new Set<unknown>(ids);
  const mine = (await askForMine()) ?? [];
  const taken = [...state.selected].filter((ordinal) => lost.has(names.get(ordinal)));
  state.mark(taken, HELD);
  return part(state, taken, mine) ?? { kind: 'taken', taken: [] };
}
