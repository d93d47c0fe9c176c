import { refreshToken, tokenForRequest } from './http';
import { MessageParser, type ServerMessage } from './messages';
import { ApiError } from './problem';

async function open(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  for (let attempt = 0; ; attempt += 1) {
    const token = await tokenForRequest();
    const response = await fetch(`/api${path}`, {
      signal,
      headers: {
        Accept: 'text/event-stream',
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
    });
    if (response.ok && response.body) return response.body;
    if (response.status === 401 && attempt === 0) {
      await refreshToken(token);
      continue;
    }
    throw new ApiError(response.status, { detail: 'The live connection was refused.' });
  }
}

const LONGEST_PAUSE_MS = 15_000;

/**
 * Follows a stream that needs the bearer token, which EventSource cannot send. Connects again with growing pauses
 * until the signal aborts or the server refuses; the caller keeps polling slowly beside it.
 */
export async function follow(
  path: string,
  onMessage: (message: ServerMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  const stopped = () => signal.aborted;
  for (let failures = 0; !stopped();) {
    try {
      const reader = (await open(path, signal)).getReader();
      const decoder = new TextDecoder();
      const parser = new MessageParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        failures = 0;
        for (const message of parser.push(decoder.decode(value, { stream: true }))) {
          onMessage(message);
        }
      }
    } catch (error) {
      if (stopped() || (error instanceof ApiError && !error.transient)) return;
    }
    failures += 1;
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures)),
    );
  }
}
