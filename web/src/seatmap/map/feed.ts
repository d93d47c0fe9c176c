import type { SeatState } from './state';
import { decodeStatusText } from './status';

export interface FeedParts {
  streamUrl: string;
  fetchSnapshot: (signal: AbortSignal) => Promise<ArrayBuffer>;
  onConnection: (connection: Connection) => void;
}

/** live: changes arrive as they happen; polling: every few seconds; lost: the map may be out of date. */
export type Connection = 'connecting' | 'live' | 'polling' | 'lost';

const POLL_MS = 4000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

/**
 * Keeps a SeatState current: by server-sent changes where possible, by polling the snapshot where not. A hidden page
 * lets go of its connection, since a browser has only six for the whole site.
 */
export class Feed {
  private source: EventSource | null = null;
  /** Since a snapshot came over the stream, a polled one may be older than what is on screen. */
  private streaming = false;
  private failures = 0;
  private poller: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly stopped = new AbortController();

  constructor(
    private readonly state: SeatState,
    private readonly parts: FeedParts,
  ) {}

  start(): void {
    const { signal } = this.stopped;
    document.addEventListener('visibilitychange', () => this.followVisibility(), { signal });
    window.addEventListener('online', () => this.connect(), { signal });
    // The first full picture does not wait for the stream to open.
    void this.poll();
    this.connect();
  }

  stop(): void {
    this.stopped.abort();
    this.disconnect();
  }

  private async poll(): Promise<void> {
    const { signal } = this.stopped;
    try {
      const bytes = await this.parts.fetchSnapshot(signal);
      if (this.streaming || signal.aborted) return;
      this.state.loadBytes(bytes);
      if (this.poller !== undefined) this.parts.onConnection('polling');
    } catch {
      // Whatever it was, the words beside the map say so, and the next round tries again.
      if (!signal.aborted && !this.streaming) this.parts.onConnection('lost');
    }
  }

  private followVisibility(): void {
    if (document.hidden) this.disconnect();
    else this.connect();
  }

  private disconnect(): void {
    this.source?.close();
    this.source = null;
    this.streaming = false;
    clearInterval(this.poller);
    clearTimeout(this.retry);
    this.poller = undefined;
  }

  /** Always a new EventSource: one that resumes by itself would build on a state that polling has replaced. */
  private connect(): void {
    if (this.stopped.signal.aborted) return;
    this.source?.close();
    this.streaming = false;
    const source = new EventSource(this.parts.streamUrl);
    this.source = source;
    const receive = (apply: (data: string) => void) => (event: MessageEvent<string>) => {
      try {
        apply(event.data);
      } catch {
        // A message that cannot be applied means that this copy is wrong; only a snapshot can mend it.
        this.fallBack(source);
      }
    };
    source.addEventListener(
      'snapshot',
      receive((data) => {
        this.state.load(decodeStatusText(data));
        this.becomeLive();
      }),
    );
    source.addEventListener(
      'delta',
      receive((data) => this.state.applyDelta(data)),
    );
    source.addEventListener('error', () => this.fallBack(source));
  }

  private becomeLive(): void {
    this.streaming = true;
    this.failures = 0;
    clearInterval(this.poller);
    this.poller = undefined;
    this.parts.onConnection('live');
  }

  private fallBack(source: EventSource): void {
    source.close();
    if (source !== this.source) return;
    this.streaming = false;
    if (this.poller === undefined) {
      this.poller = setInterval(() => void this.poll(), POLL_MS);
      void this.poll();
    }
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures);
    this.failures += 1;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), wait);
  }
}
