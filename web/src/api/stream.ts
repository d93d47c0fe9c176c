import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { heard, unheard } from './connection';
import { refreshToken, tokenForRequest } from './http';
import { ApiError, parseRetryAfter } from './problem';

/** The server says something every 15 seconds at least, if only that it is still there. */
const SILENCE_MS = 32_000;
const OPENING_MS = 8000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;
/** A connection that lived this long was a good one: the next failure is the first again. */
const GOOD_MS = 10_000;

export interface Listener {
  /** A message that throws ends its connection: only the beginning of a new one can mend what it was meant for. */
  onMessage: (message: EventSourceMessage) => void;
  /** The connection is gone, silent or refused. Unless it was refused for good it is opened again. */
  onCut?: () => void;
}

interface Options {
  /** Public data: send no token. */
  anonymous?: boolean;
}

async function open(path: string, signal: AbortSignal, anonymous: boolean) {
  for (let attempt = 0; ; attempt += 1) {
    const token = anonymous ? null : await tokenForRequest();
    const response = await fetch(`/api${path}`, {
      signal,
      headers: {
        Accept: 'text/event-stream',
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
    });
    heard();
    if (response.ok && response.body) return response.body.getReader();
    if (response.status === 401 && attempt === 0 && !anonymous) {
      await refreshToken(token);
      continue;
    }
    const wait = parseRetryAfter(response.headers.get('retry-after'));
    throw new ApiError(response.status, { detail: 'The live connection was refused.' }, wait);
  }
}

/** One connection, until it ends, falls silent or is stopped. Any byte is a sign of life. */
async function listen(
  path: string,
  listener: Listener,
  stop: AbortSignal,
  anonymous: boolean,
): Promise<void> {
  const end = new AbortController();
  const { signal } = end;
  const abort = () => end.abort();
  stop.addEventListener('abort', abort, { signal });
  window.addEventListener('offline', abort, { signal });
  let watchdog = setTimeout(abort, OPENING_MS);
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(abort, SILENCE_MS);
  };
  try {
    const reader = await open(path, signal, anonymous);
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: listener.onMessage });
    for (;;) {
      alive();
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(watchdog);
    abort();
  }
}

/** Until the time has passed, the network is back, or nobody waits any more. */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const { signal } = over;
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      over.abort();
      resolve();
    }
    stop.addEventListener('abort', done, { signal });
    window.addEventListener('online', done, { signal });
  });
}

/** Everybody's connection may have been cut at the same moment, so nobody comes back at the same moment. */
export function pauseBeforeReconnecting(failures: number, random: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.25 + 0.75 * random);
}

/**
 * Follows server-sent messages until the signal aborts or the server refuses for good. With fetch, because EventSource
 * can send no token, hides the server's signs of life, and does not notice when they stop.
 */
export async function follow(
  path: string,
  listener: Listener,
  stop: AbortSignal,
  { anonymous = false }: Options = {},
): Promise<void> {
  const stopped = () => stop.aborted;
  for (let failures = 0; !stopped();) {
    const begun = Date.now();
    let wait = 0;
    let refused = false;
    try {
      await listen(path, listener, stop, anonymous);
    } catch (error) {
      // Whatever ended it, the connection is opened again, unless the server will not have it.
      if (error instanceof ApiError) {
        refused = !error.transient;
        wait = (error.retryAfterSeconds ?? 0) * 1000;
      } else if (!stopped()) {
        unheard();
      }
    }
    if (stopped()) return;
    listener.onCut?.();
    if (refused) return;
    failures = Date.now() - begun > GOOD_MS ? 0 : failures + 1;
    await pause(Math.max(wait, pauseBeforeReconnecting(failures, Math.random())), stop);
  }
}
