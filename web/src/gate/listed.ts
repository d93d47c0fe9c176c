import type { GateList } from '@/api/types';

/** What the house said of a ticket; one that is not listed is good. */
export type Listed = 'good' | 'inside' | 'outside' | 'refunded';

/** What the list says of one ticket; `at` is when it was last asked for, by this device's clock. */
export interface Heard {
  at: number;
  state: Listed;
}

const STATES: readonly Listed[] = ['good', 'inside', 'outside', 'refunded'];
const ID_CHARACTERS = 16;
const ID_BYTES = 8;
/** A ticket is told by the last eight bytes of its id. */
export const shortId = (ticketId: string) => ticketId.slice(-ID_CHARACTERS);

/** One byte for the state behind each id: a full house of 80,000 is 720 kB. */
export function pack(states: ReadonlyMap<string, Listed>): Uint8Array {
  const packed = new Uint8Array(states.size * (ID_BYTES + 1));
  let at = 0;
  for (const [id, state] of states) {
    for (let byte = 0; byte < ID_BYTES; byte += 1) {
      packed[at + byte] = parseInt(id.slice(byte * 2, byte * 2 + 2), 16);
    }
    packed[at + ID_BYTES] = STATES.indexOf(state);
    at += ID_BYTES + 1;
  }
  return packed;
}

export function unpack(packed: Uint8Array): Map<string, Listed> {
  const states = new Map<string, Listed>();
  for (let at = 0; at < packed.length; at += ID_BYTES + 1) {
    const state = STATES[packed[at + ID_BYTES] ?? 0];
    if (state) states.set(hex(packed.subarray(at, at + ID_BYTES)), state);
  }
  return states;
}

const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Whether anything is other than before. */
export function apply(states: Map<string, Listed>, page: GateList): boolean {
  let changed = false;
  for (const state of STATES) {
    const bytes = Uint8Array.from(atob(page[state]), (one) => one.charCodeAt(0));
    for (let at = 0; at < bytes.length; at += ID_BYTES) {
      const id = hex(bytes.subarray(at, at + ID_BYTES));
      changed ||= (states.get(id) ?? 'good') !== state;
      states.set(id, state);
    }
  }
  return changed;
}
