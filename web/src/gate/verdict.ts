import type { Checkin } from '@/api/types';

export type Verdict =
  | { kind: 'answer'; checkin: Checkin; at: string }
  | { kind: 'unchecked'; code: string; scanId: string; scannedAt: string; why: string };

type Look = 'go' | 'stop' | 'wait';

export interface VerdictWords {
  word: string;
  look: Look;
}

/** One word that can be read from two metres away. */
export const resultWords: Record<Checkin['result'], VerdictWords> = {
  admitted: { word: 'Admit', look: 'go' },
  already_used: { word: 'Already used', look: 'stop' },
  wrong_event: { word: 'Wrong event', look: 'stop' },
  refunded: { word: 'Refunded', look: 'stop' },
  invalid: { word: 'Invalid', look: 'stop' },
};

export const uncheckedWords: VerdictWords = { word: 'Not checked', look: 'wait' };
