import type { SessionGrant } from './types';

export interface RefreshParts {
  /** Asks the server for a new pair; never goes through the interceptors. */
  request: () => Promise<SessionGrant>;
  current: () => string | null;
  accept: (grant: SessionGrant) => void;
  end: () => void;
  isRefusal: (error: unknown) => boolean;
  /** Runs the work while no other tab runs it. */
  exclusive: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Returns `refresh(failed)`: a token newer than the one that failed. However many callers ask at once, in however
 * many tabs, the server is asked once. Only the server's refusal ends the session; a network error does not.
 */
export function createRefresher(parts: RefreshParts): (failed: string | null) => Promise<string> {
  let running: Promise<string> | null = null;

  const newerThan = (failed: string | null) => {
    const token = parts.current();
    return token !== null && token !== failed ? token : null;
  };

  const run = (failed: string | null) =>
    parts.exclusive(async () => {
      const fromAnotherTab = newerThan(failed);
      if (fromAnotherTab) return fromAnotherTab;
      try {
        const grant = await parts.request();
        parts.accept(grant);
        return grant.access_token;
      } catch (error) {
        if (parts.isRefusal(error)) parts.end();
        throw error;
      }
    });

  return (failed) => {
    const newer = newerThan(failed);
    if (newer) return Promise.resolve(newer);
    running ??= run(failed).finally(() => {
      running = null;
    });
    return running;
  };
}

const CONTENDED_MS = 5;
const BROADCAST_GRACE_MS = 40;

/** Web Locks exist in secure contexts only; without them the server's grace for the previous token is the net. */
export async function exclusiveAcrossTabs<T>(work: () => Promise<T>): Promise<T> {
  if (!('locks' in navigator)) return work();
  const asked = performance.now();
  return navigator.locks.request('houseful-refresh', async () => {
    if (performance.now() - asked > CONTENDED_MS) {
      // Another tab has just been here; its broadcast with the new token may still be on the way.
      await new Promise((resolve) => setTimeout(resolve, BROADCAST_GRACE_MS));
    }
    return work();
  });
}
