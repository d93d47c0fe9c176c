import { ApiError } from './problem';

/** A UUID of version 4; `crypto.randomUUID` itself exists in secure contexts only. */
export function randomId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

const ATTEMPTS = 3;
const LONGEST_WAIT_MS = 4000;
/** After this long the person hears that there is no answer, rather than that it is tried once more. */
const PATIENCE_MS = 8000;

/** The server has not decided: it did not answer, or still works on an earlier attempt. */
const isOpen = (error: ApiError) =>
  [0, 502, 503].includes(error.status) || error.code === 'still_running';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * One thing a person wants done, however many requests that takes. The key stays the same until the server gives a
 * definite answer, so a repeated attempt can only replay the first; another payload is another intent.
 */
export class Intent {
  private key = randomId();
  private fingerprint: string | null = null;

  constructor(private readonly wait: (ms: number) => Promise<unknown> = pause) {}

  async run<T>(payload: unknown, send: (key: string) => Promise<T>): Promise<T> {
    const fingerprint = JSON.stringify(payload);
    if (this.fingerprint !== null && this.fingerprint !== fingerprint) this.key = randomId();
    this.fingerprint = fingerprint;
    const begun = Date.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await send(this.key);
        this.settle();
        return answer;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!isOpen(error) || attempt === ATTEMPTS || Date.now() - begun > PATIENCE_MS) {
          // An expired session or a transient failure leaves the intent open: the next press repeats it.
          if (!isOpen(error) && !error.transient && error.status !== 401) this.settle();
          throw error;
        }
        const asked = (error.retryAfterSeconds ?? 0) * 1000;
        await this.wait(Math.min(LONGEST_WAIT_MS, Math.max(asked, 400 * attempt)));
      }
    }
  }

  private settle(): void {
    this.key = randomId();
    this.fingerprint = null;
  }
}

export function idempotent(key: string): { headers: { 'Idempotency-Key': string } } {
  return { headers: { 'Idempotency-Key': key } };
}
