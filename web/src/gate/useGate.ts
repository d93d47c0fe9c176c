import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import { randomId } from '@/api/intent';
import type { CheckinRequest, GateFigures } from '@/api/types';
import { check } from './check';
import { isSilent } from './connection';
import { listedAt } from './list';
import { current, gate, idle } from './machine';
import type { Direction } from './settings';
import { signal } from './signal';
import { directionOf } from './standing';
import { records, type Pass, type TicketRecord } from './store';
import { sync } from './sync';
import { wordsOf, type Place, type Verdict } from './verdict';

const READ_MS = 1200;
const SYNC_MS = 10_000;
const SYNC_WHILE_SILENT_MS = 2000;

/** Somebody this device let in without a network, and the server would not have. */
export interface Refused extends Pass {
  ticketId: string;
}

/** The gate's screen for one place: what is shown, and what this device has admitted there. */
export function useGate(place: Place, direction: Direction) {
  const [state, dispatch] = useReducer(gate, idle);
  const { here, house, refresh, hasChecked } = useHouse(place.event?.id);
  const checked = current(state);

  useEffect(() => {
    if (!checked) return;
    let left = false;
    const decided = (verdict: Verdict) => {
      if (left) return;
      signal(wordsOf(verdict).look);
      dispatch({ type: 'decided', number: checked.number, verdict });
    };
    void check(checked.scan).then(async (verdict) => {
      await refresh();
      decided(verdict);
      hasChecked();
    });
    return () => {
      left = true;
    };
  }, [checked, hasChecked, refresh]);

  const hasNext = state.shown.kind === 'verdict' && state.waiting.length > 0;
  useEffect(() => {
    if (!hasNext) return;
    const timer = setTimeout(() => dispatch({ type: 'seen' }), READ_MS);
    return () => clearTimeout(timer);
  }, [hasNext]);

  const eventId = place.event?.id;
  const scanned = useCallback(
    (code: string, changes: Partial<CheckinRequest> = {}) =>
      dispatch({
        type: 'scanned',
        scan: {
          code,
          gate: place.gate,
          scan_id: randomId(),
          scanned_at: new Date().toISOString(),
          ...(eventId === undefined ? {} : { event_id: eventId }),
          ...(direction === 'out' ? { direction } : {}),
          ...changes,
        },
      }),
    [direction, eventId, place.gate],
  );

  const all = here.flatMap(({ passes }) => passes);
  const mine = here.filter((one) => eventId === undefined || one.eventId === eventId);
  return {
    shown: state.shown,
    behind: Math.max(0, state.waiting.length - 1),
    scanned,
    admitted: mine
      .flatMap(({ passes }) => passes)
      .filter((pass) => directionOf(pass.scan) === 'in' && pass.state !== 'refused').length,
    queued: all.filter(({ state }) => state === 'queued').length,
    refused: mine.flatMap(({ ticketId, passes }): Refused[] =>
      passes.filter(({ state }) => state === 'refused').map((pass) => ({ ...pass, ticketId })),
    ),
    ...house,
  };
}

interface House {
  figures: GateFigures | null;
  problem: string | null;
  silent: boolean;
  /** When the list was last heard; null where it never was. */
  listedAt: number | null;
}

const nothing: House = { figures: null, problem: null, silent: false, listedAt: null };

/** The device's records and what the house says; what is queued is sent as soon as the server answers. */
function useHouse(eventId: string | undefined) {
  const [here, setHere] = useState<TicketRecord[]>([]);
  const [house, setHouse] = useState<House>(nothing);
  const isHere = useRef(true);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  const refresh = useCallback(async () => {
    const found = await records();
    if (isHere.current) setHere(found);
  }, []);
  const syncNow = useRef<() => void>(() => undefined);
  const wasSilent = useRef(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running = false;
    let left = false;
    const go = async () => {
      if (running) return;
      running = true;
      clearTimeout(timer);
      const { figures, problem } = await sync(eventId);
      const listed = eventId === undefined ? null : await listedAt(eventId);
      await refresh();
      running = false;
      if (left) return;
      const silent = isSilent();
      wasSilent.current = silent;
      setHouse((before) => ({
        figures: figures ?? before.figures,
        problem,
        silent,
        listedAt: listed,
      }));
      timer = setTimeout(now, silent ? SYNC_WHILE_SILENT_MS : SYNC_MS);
    };
    const now = () => void go();
    syncNow.current = now;
    now();
    window.addEventListener('online', now);
    return () => {
      left = true;
      clearTimeout(timer);
      window.removeEventListener('online', now);
    };
  }, [eventId, refresh]);

  /** A check tells too whether the server is there. */
  const hasChecked = useCallback(() => {
    if (isSilent() !== wasSilent.current) syncNow.current();
  }, []);
  return { here, house, refresh, hasChecked };
}
