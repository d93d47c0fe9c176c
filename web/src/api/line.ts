import { recall, remember } from '@/lib/tabMemory';
import { canHash, shareOf } from '@/lib/marks';
import { deadline } from '@/lib/time';
import { clockAhead } from '@/lib/serverClock';
import { queryOptions } from '@tanstack/react-query';
import { LARGE_TIMEOUT_MS } from './calls';
import { http } from './http';
import { idempotent, Intent } from './intent';
import type { Line, LineAudit, LineEntry, LinePass } from './types';
import { ApiError, isApiError } from './problem';
import { useSession } from './session';
import { withWork } from './work';

const path = (event: string) => `/events/${encodeURIComponent(event)}/line`;

export const auditPath = (event: string) => `/api${path(event)}/audit`;
export const lineAudit = async (event: string) =>
  (
    await http.get<LineAudit>(`${path(event)}/audit`, {
      anonymous: true,
      timeout: LARGE_TIMEOUT_MS,
    })
  ).data;
export const proofPath = (event: string) => `${path(event)}/proof`;

/** `aheadMs`: by how much the server's clock is ahead of this device's. */
export type TimedLine = Line & { aheadMs: number };

/** When one of a line's moments is, on this device's clock. */
export const onThisClock = (moment: string, { aheadMs }: TimedLine) => Date.parse(moment) - aheadMs;

const lineKey = (event: string) => ['line', event] as const;

export const lineQuery = (event: string) =>
  queryOptions({
    queryKey: lineKey(event),
    queryFn: async ({ client }): Promise<TimedLine> => {
      const { data } = await http.get<Line>(path(event), { anonymous: true });
      const before = client.getQueryData<TimedLine>(lineKey(event));
      return {
        ...data,
        aheadMs: clockAhead(data.server_time, Date.now(), before?.aheadMs ?? null),
      };
    },
  });

/** The person's own entry; null for who has not joined. */
export const entryQuery = (event: string) =>
  queryOptions({
    queryKey: ['line-entry', event],
    queryFn: async (): Promise<LineEntry | null> => {
      try {
        return (await http.get<LineEntry>(`${path(event)}/me`)).data;
      } catch (error) {
        if (isApiError(error) && error.status === 404) return null;
        throw error;
      }
    },
  });

/** Where in the line somebody is who was drawn, from 0 to 1, known before any number is. */
export const shareQuery = (seed: string | null, entrant: string | null) =>
  queryOptions({
    queryKey: ['line-share', seed, entrant],
    queryFn: () => shareOf(seed ?? '', entrant ?? ''),
    enabled: seed !== null && entrant !== null && canHash(),
    staleTime: 'static',
    networkMode: 'always',
  });

export const joinLine = (event: string) =>
  new Intent().run(null, (key) =>
    withWork(async (work) => {
      const headers = { ...idempotent(key).headers, ...work };
      return (await http.post<LineEntry>(path(event), {}, { headers })).data;
    }),
  );

/** Whether an email is to tell that the turn is near. Said twice it is the same. */
export const wantEmail = (event: string, wanted: boolean) =>
  wanted ? http.put(`${path(event)}/me/email`) : http.delete(`${path(event)}/me/email`);

/** The right to hold seats of an event, for one account and some minutes. */
export interface Pass {
  pass: string;
  user: string;
  /** On this device's clock. */
  endsAt: number;
}

const passes = new Map<string, Pass>();
const memory = (event: string) => `houseful.pass.${event}`;

function isPass(value: unknown): value is Pass {
  const { pass, user, endsAt } = (value ?? {}) as Partial<Record<keyof Pass, unknown>>;
  return typeof pass === 'string' && typeof user === 'string' && typeof endsAt === 'number';
}

/** The pass of whoever is signed in, while it is good: kept by this tab, over a reload too. */
export function passOf(event: string): Pass | null {
  const kept = passes.get(event) ?? recall(memory(event));
  const user = useSession.getState().user?.id;
  return isPass(kept) && kept.user === user && kept.endsAt > Date.now() ? kept : null;
}

function forgetPass(event: string): void {
  passes.delete(event);
  remember(memory(event), null);
}

/** Asks for a pass, or for a new one before the old one ends. */
async function claimPass(event: string): Promise<Pass> {
  const { data } = await http.post<LinePass>(`${path(event)}/pass`);
  const user = useSession.getState().user?.id ?? '';
  const pass = { pass: data.pass, user, endsAt: deadline(data.expires_at, data.server_time) };
  passes.set(event, pass);
  remember(memory(event), pass);
  return pass;
}

/** So long before a pass ends it is renewed. */
const RENEW_MS = 150_000;
const SOONEST_MS = 5000;

/** A pass that is good for a while, for as long as somebody chooses seats. */
export const passQuery = (event: string) =>
  queryOptions({
    queryKey: ['line-pass', event],
    queryFn: () => {
      const kept = passOf(event);
      return kept && kept.endsAt - Date.now() > RENEW_MS ? kept : claimPass(event);
    },
    refetchIntervalInBackground: true,
    refetchInterval: ({ state: { data, error } }) => {
      if (data) return Math.max(SOONEST_MS, data.endsAt - Date.now() - RENEW_MS);
      if (!isApiError(error) || !error.transient) return false;
      return Math.max(SOONEST_MS, (error.retryAfterSeconds ?? 0) * 1000);
    },
  });

/** Without a pass nothing was done, so that nobody has to wonder. */
const notAnswered = ({ retryAfterSeconds }: ApiError) =>
  new ApiError(
    503,
    {
      code: 'line_unknown',
      detail: 'The line does not answer just now, and without it no seat is held. Press again.',
    },
    retryAfterSeconds,
  );

/** Sends with the pass of the event's line. One that is refused is given up, and another one is asked for once. */
export async function withPass<T>(
  event: string,
  send: (pass: string | null) => Promise<T>,
): Promise<T> {
  try {
    return await send(passOf(event)?.pass ?? null);
  } catch (error) {
    if (!isApiError(error, 'line_required')) throw error;
    forgetPass(event);
    const { pass } = await claimPass(event).catch((refused: unknown) => {
      throw isApiError(refused) && refused.transient ? notAnswered(refused) : refused;
    });
    return send(pass);
  }
}

const LINE_FIRST = ['not_your_turn', 'not_in_line', 'line_closed', 'line_required'];

/** Whether somebody has to go to the line instead of to the seats. */
export const leadsToLine = (error: ApiError) => LINE_FIRST.includes(error.code);
