import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { entryQuery, lineQuery, onThisClock, shareQuery, type TimedLine } from './line';
import type { LineEntry, LinePhase } from './types';
import { ApiError } from './problem';
import { useSession } from './session';

/** After the draw; before it nobody has a number. */
const NUMBERED: LinePhase[] = ['open', 'paused', 'sold_out', 'ended'];
const NUMBER_MS = 2500;
/** Where nobody has told. */
const SLOWEST_SECONDS = 15;

export const isDrawn = (phase: LinePhase) => NUMBERED.includes(phase);

/** How long to wait before the next look, as the server tells it: each step is from how many in front it counts. */
export function pollSeconds(
  steps: readonly (readonly [from: number, seconds: number])[],
  inFront: number,
): number {
  return steps.findLast(([from]) => from <= inFront)?.[1] ?? SLOWEST_SECONDS;
}

/** Everybody's own pace, a tenth faster or slower: who joined together does not ask together. */
const useSpread = () => useState(() => 0.9 + 0.2 * Math.random())[0];

/** The line as it moves, looked at as often as it asks for; in a tab that nobody looks at too. */
export function useLine(eventId: string, number: number | null) {
  const spread = useSpread();
  return useQuery({
    ...lineQuery(eventId),
    refetchIntervalInBackground: true,
    refetchInterval: ({ state: { data, error } }) => {
      if (data?.phase === 'ended') return false;
      const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) : 0;
      const told = data
        ? pollSeconds(data.poll_seconds, distanceOf(data, number))
        : SLOWEST_SECONDS;
      return Math.max(told, asked) * 1000 * spread;
    },
  });
}

/** How many have to be called until it is somebody's turn. Without a number: as far away as can be. */
export function distanceOf(line: TimedLine, number: number | null): number {
  return number === null ? line.line_length : Math.max(0, number - line.admitted_up_to);
}

/** How many are called before somebody is. */
export const inFront = (line: TimedLine, number: number) =>
  Math.max(0, distanceOf(line, number) - 1);

/** Whoever was called may go in, while the line is paused too. */
export const isTurn = (line: TimedLine, number: number) =>
  distanceOf(line, number) === 0 && (line.phase === 'open' || line.phase === 'paused');

/** The person's own entry, asked for again until it has its number. */
export function useEntry(eventId: string) {
  const line = useQuery({ ...lineQuery(eventId), enabled: false }).data;
  const spread = useSpread();
  const signedIn = useSession((session) => session.status === 'signed-in');
  const known = useQuery({ ...entryQuery(eventId), enabled: false }).data;
  const share = useShare(line, known);
  return useQuery({
    ...entryQuery(eventId),
    enabled: signedIn,
    refetchIntervalInBackground: true,
    refetchInterval: ({ state: { data } }) =>
      data && data.number === null && line && isDrawn(line.phase)
        ? Math.max(NUMBER_MS * spread, data.in_draw ? turnOf(line, share) - Date.now() : 0)
        : false,
  });
}

/** Where in the line somebody is who was drawn, from 0 to 1; by chance where this device can't compute it. */
function useShare(line: TimedLine | undefined, entry: LineEntry | null | undefined): number {
  const [chance] = useState(() => Math.random());
  return useQuery(shareQuery(line?.seed ?? null, entry?.entrant ?? null)).data ?? chance;
}

/** When somebody asks for the own number after the draw, on this device's clock: those in front ask first. */
function turnOf(line: TimedLine, share: number): number {
  if (!line.drawn_at) return 0;
  return onThisClock(line.drawn_at, line) + share * line.number_seconds * 1000;
}
