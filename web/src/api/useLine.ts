import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { entryQuery, lineQuery, type TimedLine } from './line';
import type { LinePhase } from './types';
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
  const phase = useQuery({ ...lineQuery(eventId), enabled: false }).data?.phase;
  const spread = useSpread();
  const signedIn = useSession((session) => session.status === 'signed-in');
  return useQuery({
    ...entryQuery(eventId),
    enabled: signedIn,
    refetchIntervalInBackground: true,
    refetchInterval: ({ state: { data } }) =>
      data && data.number === null && phase !== undefined && isDrawn(phase)
        ? NUMBER_MS * spread
        : false,
  });
}
