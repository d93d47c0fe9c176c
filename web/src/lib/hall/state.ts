import { type Geometry } from './geometry';
import { AVAILABLE, decodeStatus, HELD, readDelta, type Snapshot } from './status';

/** What the map shows, apart from the view: status from the server and the person's own selection. */
export class SeatState {
  readonly status: Uint8Array;
  readonly available: Int32Array;
  /** Counts every visible change, so that views know when to draw or render again. */
  revision = 0;
  /** False until the first snapshot: an unknown seat must not look free. */
  known = false;
  private chosen = new Set<number>();
  private held: ReadonlySet<number> = new Set();
  private readonly listeners = new Set<() => void>();

  constructor(readonly geometry: Geometry) {
    this.status = new Uint8Array(geometry.count);
    this.available = new Int32Array(geometry.sections.length);
  }

  get selected(): ReadonlySet<number> {
    return this.chosen;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getRevision = (): number => this.revision;

  loadBytes(bytes: ArrayBuffer): void {
    this.load(decodeStatus(new Uint8Array(bytes)));
  }

  load(snapshot: Snapshot): void {
    if (snapshot.status.length !== this.geometry.count) {
      throw new RangeError('The status is of another plan.');
    }
    this.status.set(snapshot.status);
    this.available.fill(0);
    for (let i = 0; i < this.status.length; i += 1) {
      if (this.status[i] === AVAILABLE) this.count(i, 1);
    }
    this.known = true;
    this.changed();
  }

  applyDelta(base64: string): void {
    readDelta(base64, this.geometry.count, (ordinal, status) => this.put(ordinal, status));
    this.changed();
  }

  mark(ordinals: Iterable<number>, status: number): void {
    for (const ordinal of ordinals) this.put(ordinal, status);
    this.changed();
  }

  select(ordinals: Iterable<number>): void {
    this.chosen = new Set(ordinals);
    this.changed();
  }

  /** The person's own holds: known to them alone, and never part of what the server shows to everybody. */
  setMine(ordinals: Iterable<number>): void {
    this.held = new Set(ordinals);
    this.changed();
  }

  get mine(): ReadonlySet<number> {
    return this.held;
  }

  isMine(ordinal: number): boolean {
    return this.held.has(ordinal) && this.status[ordinal] === HELD;
  }

  isFree(ordinal: number): boolean {
    return this.known && this.status[ordinal] === AVAILABLE;
  }

  private put(ordinal: number, status: number): void {
    const before = this.status[ordinal];
    if (before === status) return;
    this.status[ordinal] = status;
    if (before === AVAILABLE) this.count(ordinal, -1);
    if (status === AVAILABLE) this.count(ordinal, 1);
  }

  private count(ordinal: number, by: number): void {
    const section = this.geometry.section[ordinal] ?? 0;
    this.available[section] = (this.available[section] ?? 0) + by;
  }

  private changed(): void {
    this.revision += 1;
    for (const listener of this.listeners) listener();
  }
}
