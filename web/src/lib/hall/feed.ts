import type { SeatState } from './state';
import { decodeStatusText } from './status';

export interface FeedListener {
  onMessage: (message: { event?: string | undefined; data: string }) => void;
  onCut: () => void;
}

export interface StatusOfLayout {
  bytes: ArrayBuffer;
  /** Undefined where the server is of an older version. */
  layout: string | undefined;
}

export interface FeedParts {
  /** Keeps a connection open until the signal aborts, and says when it is not. */
  follow: (listener: FeedListener, signal: AbortSignal) => Promise<void>;
  fetchSnapshot: (signal: AbortSignal) => Promise<StatusOfLayout>;
  /** The seats that come now are those of another layout than this feed's. */
  onLayout: () => void;
  onConnection: (connection: Connection) => void;
}

/** live: changes arrive as they happen; polling: every few seconds; lost: the map may be out of date. */
export type Connection = 'connecting' | 'live' | 'polling' | 'lost';

const POLL_MS = 4000;

/**
 * Keeps a SeatState current: by server-sent changes where possible, by polling the snapshot where not. A hidden page
 * lets go of its connection, since a browser has only six for the whole site.
 */
export class Feed {
  /** Since a snapshot came over the stream, a polled one may be older than what is on screen. */
  private streaming = false;
  private poller: ReturnType<typeof setTimeout> | undefined;
  private listening: AbortController | null = null;
  private readonly stopped = new AbortController();

  constructor(
    private readonly state: SeatState,
    private readonly parts: FeedParts,
    private readonly layout: string,
  ) {}

  start(): void {
    const { signal } = this.stopped;
    document.addEventListener('visibilitychange', () => this.followVisibility(), { signal });
    // The first full picture does not wait for the stream to open.
    void this.poll();
    this.connect();
  }

  stop(): void {
    this.stopped.abort();
    this.disconnect();
  }

  private followVisibility(): void {
    this.disconnect();
    if (!document.hidden) this.connect();
  }

  private disconnect(): void {
    this.listening?.abort();
    this.listening = null;
    this.streaming = false;
    clearTimeout(this.poller);
    this.poller = undefined;
    if (!this.stopped.signal.aborted) this.parts.onConnection('connecting');
  }

  private connect(): void {
    this.listening = new AbortController();
    const { signal } = this.listening;
    void this.parts.follow(
      { onMessage: (message) => this.receive(message), onCut: () => this.fallBack() },
      signal,
    );
  }

  /** Throws for what cannot be applied: this copy is then wrong, and only the snapshot of a new connection mends it. */
  private receive({ event, data }: { event?: string | undefined; data: string }): void {
    if (event === 'layout') {
      this.parts.onLayout();
      throw new RangeError('The seats are those of another plan.');
    } else if (event === 'snapshot') {
      this.state.load(decodeStatusText(data));
      this.becomeLive();
    } else if (event === 'delta') {
      if (!this.streaming) throw new RangeError('A change came before the state that it changes.');
      this.state.applyDelta(data);
    }
  }

  private becomeLive(): void {
    this.streaming = true;
    clearTimeout(this.poller);
    this.poller = undefined;
    this.parts.onConnection('live');
  }

  private fallBack(): void {
    const wasLive = this.streaming;
    this.streaming = false;
    if (!navigator.onLine) this.parts.onConnection('lost');
    else if (wasLive) this.parts.onConnection('connecting');
    if (this.poller === undefined) this.pollLater();
  }

  /** Not at once and not in step: whatever cut this connection may have cut everybody's. */
  private pollLater(): void {
    this.poller = setTimeout(() => void this.pollAndGoOn(), POLL_MS * (0.5 + Math.random() / 2));
  }

  private async pollAndGoOn(): Promise<void> {
    const timer = this.poller;
    await this.poll();
    if (this.poller === timer && timer !== undefined) this.pollLater();
  }

  private async poll(): Promise<void> {
    const { signal } = this.stopped;
    try {
      const { bytes, layout } = await this.parts.fetchSnapshot(signal);
      if (this.streaming || signal.aborted) return;
      if (layout !== undefined && layout !== this.layout) {
        this.parts.onLayout();
        throw new RangeError('The seats are those of another plan.');
      }
      this.state.loadBytes(bytes);
      if (this.poller !== undefined) this.parts.onConnection('polling');
    } catch {
      // Whatever it was, the words beside the map say so, and the next round tries again.
      if (!signal.aborted && !this.streaming) this.parts.onConnection('lost');
    }
  }
}
