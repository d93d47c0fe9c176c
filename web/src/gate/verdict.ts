import type { Checkin, EventInfo } from '@/api/types';
import type { OfflineResult } from './standing';

/** What happened to a scan. Without a network this device decides what it can, and says what it can't. */
export type Verdict =
  | { kind: 'answer'; checkin: Checkin }
  | {
      kind: 'offline';
      result: OfflineResult | 'wrong_event' | 'invalid';
      why: string;
    }
  | { kind: 'unchecked'; why: string };

/** Each has its colour, shape, sound and vibration. */
export type Look = 'go' | 'out' | 'stop' | 'wait';

export interface VerdictWords {
  word: string;
  look: Look;
}

/** One word that can be read from two metres away. */
const resultWords: Record<Checkin['result'], VerdictWords> = {
  admitted: { word: 'Admit', look: 'go' },
  already_used: { word: 'Already used', look: 'stop' },
  wrong_event: { word: 'Wrong event', look: 'stop' },
  refunded: { word: 'Refunded', look: 'stop' },
  invalid: { word: 'Invalid', look: 'stop' },
  checked_out: { word: 'Out', look: 'out' },
  not_inside: { word: 'Not inside', look: 'stop' },
};

const unchecked: VerdictWords = { word: 'Not checked', look: 'wait' };

export function wordsOf(verdict: Verdict): VerdictWords {
  switch (verdict.kind) {
    case 'answer':
      return resultWords[verdict.checkin.result];
    case 'offline':
      return resultWords[verdict.result];
    case 'unchecked':
      return unchecked;
  }
}

/** The event that a gate belongs to, kept on the device so that it is known without a network. */
export type GateEvent = Pick<EventInfo, 'id' | 'title' | 'venue' | 'starts_at' | 'timezone'>;

export interface Place {
  gate: string;
  /** `null` is a supervisor's choice: tickets of any event. */
  event: GateEvent | null;
}

/** The result of a verdict, whoever gave it. */
export const resultOf = (verdict: Verdict) =>
  verdict.kind === 'answer'
    ? verdict.checkin.result
    : verdict.kind === 'offline'
      ? verdict.result
      : verdict.kind;
