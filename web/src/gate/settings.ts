import type { GateEvent, Place } from './verdict';

const GATE = 'houseful.gate';
const EVENT = 'houseful.gate.event';
const DIRECTION = 'houseful.gate.direction';
const ANY = 'any';

/** What this device was set to; null where it was never set. Not every browser lets one remember. */
export function storedPlace(): Place | null {
  try {
    const event = localStorage.getItem(EVENT);
    const gate = localStorage.getItem(GATE);
    if (event === null || gate === null) return null;
    return { gate, event: event === ANY ? null : (JSON.parse(event) as GateEvent) };
  } catch {
    return null;
  }
}

export function storedGate(): string {
  try {
    return localStorage.getItem(GATE) ?? 'Gate 1';
  } catch {
    return 'Gate 1';
  }
}

export function storePlace({ gate, event }: Place): void {
  try {
    localStorage.setItem(GATE, gate);
    localStorage.setItem(EVENT, event === null ? ANY : JSON.stringify(event));
  } catch {
    // Then it is asked for again after a reload.
  }
}

export type Direction = 'in' | 'out';

/** Whether this device lets in or out. */
export function storedDirection(): Direction {
  try {
    return localStorage.getItem(DIRECTION) === 'out' ? 'out' : 'in';
  } catch {
    return 'in';
  }
}

export function storeDirection(direction: Direction): void {
  try {
    localStorage.setItem(DIRECTION, direction);
  } catch {
    // Then it lets in after a reload.
  }
}
