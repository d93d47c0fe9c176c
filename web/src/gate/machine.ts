import type { CheckinRequest } from '@/api/types';
import type { Verdict } from './verdict';

/**
 * The gate's screen: idle → checking → verdict, and the scans that wait behind. While a ticket is checked nothing of the
 * one before is shown; each scan has a number, so that two equal verdicts are told apart.
 */
export interface GateState {
  shown:
    | { kind: 'idle' }
    | { kind: 'checking'; number: number }
    | { kind: 'verdict'; number: number; verdict: Verdict; scan: CheckinRequest };
  /** The one that is being checked, if any, comes first. */
  waiting: Numbered[];
  number: number;
}

export interface Numbered {
  number: number;
  scan: CheckinRequest;
}

export type Happening =
  | { type: 'scanned'; scan: CheckinRequest }
  | { type: 'decided'; number: number; verdict: Verdict }
  /** The last verdict was there long enough to be read. */
  | { type: 'seen' };

export const idle: GateState = { shown: { kind: 'idle' }, waiting: [], number: 0 };

const isChecking = (state: GateState) => state.shown.kind === 'checking';

export function gate(state: GateState, event: Happening): GateState {
  switch (event.type) {
    case 'scanned': {
      const number = state.number + 1;
      const waiting = [...state.waiting, { number, scan: event.scan }];
      const next = { ...state, number, waiting };
      return state.waiting.length === 0 ? { ...next, shown: { kind: 'checking', number } } : next;
    }
    case 'decided': {
      const [current, ...waiting] = state.waiting;
      if (!isChecking(state) || current?.number !== event.number) return state;
      return {
        ...state,
        waiting,
        shown: {
          kind: 'verdict',
          number: event.number,
          verdict: event.verdict,
          scan: current.scan,
        },
      };
    }
    case 'seen': {
      const [next] = state.waiting;
      if (isChecking(state) || !next) return state;
      return { ...state, shown: { kind: 'checking', number: next.number } };
    }
  }
}

/** What is to be sent to be checked now. */
export function current(state: GateState): Numbered | null {
  return isChecking(state) ? (state.waiting[0] ?? null) : null;
}
