import { onlineManager } from '@tanstack/react-query';
import axios from 'axios';
import { useSyncExternalStore } from 'react';

const PROBE_TIMEOUT_MS = 5000;
const PROBE_PAUSE_MS = 3000;

/**
 * Whether the server answers, as far as this tab knows: kept in the query library's own manager, which loads again what
 * is on screen once the connection is back. A lost answer alone proves little, so it only makes this ask.
 */
let watching = false;
let asking = false;
let next: ReturnType<typeof setTimeout> | undefined;

function settle(online: boolean): void {
  clearTimeout(next);
  onlineManager.setOnline(online);
  if (online) return;
  const pause = PROBE_PAUSE_MS * (0.75 + Math.random() / 2);
  next = setTimeout(() => void ask(), pause);
}

/** Whether the server answers right now; any answer will do, "about to stop" too. */
export async function isReachable(): Promise<boolean> {
  try {
    await axios.get('/healthz', { timeout: PROBE_TIMEOUT_MS, validateStatus: () => true });
    return true;
  } catch {
    return false;
  }
}

async function ask(): Promise<void> {
  if (asking) return;
  asking = true;
  settle(await isReachable());
  asking = false;
}

/** An answer came, whatever it said. */
export function heard(): void {
  if (watching && !onlineManager.isOnline()) settle(true);
}

/** No answer came to a request. */
export function unheard(): void {
  if (watching) void ask();
}

/** From now on the connection is watched; returns how to stop that. */
export function watchConnection(): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  watching = true;
  onlineManager.setEventListener(() => {
    window.addEventListener('offline', () => settle(false), { signal });
    window.addEventListener('online', () => void ask(), { signal });
    return () => stop.abort();
  });
  if (!navigator.onLine) settle(false);
  return () => {
    watching = false;
    clearTimeout(next);
    stop.abort();
    onlineManager.setOnline(true);
  };
}

export function useOnline(): boolean {
  return useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
  );
}
