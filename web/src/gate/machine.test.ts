import { describe, expect, it } from 'vitest';
import type { CheckinRequest } from '@/api/types';
import { current, gate, idle, type GateState, type Happening } from './machine';
import type { Verdict } from './verdict';

const scan = (code: string): CheckinRequest => ({
  code,
  gate: 'North',
  scan_id: code,
  scanned_at: '2026-11-28T20:00:00Z',
});
const scanned = (code: string): Happening => ({ type: 'scanned', scan: scan(code) });
const verdict: Verdict = { kind: 'unchecked', why: 'no answer' };
const after = (...events: Happening[]) => events.reduce<GateState>(gate, idle);

describe('the gate', () => {
  it('shows nothing of the ticket before while one is checked', () => {
    const state = after(scanned('a'), { type: 'decided', number: 1, verdict }, scanned('b'));
    expect(state.shown).toEqual({ kind: 'checking', number: 2 });
    expect(current(state)?.scan.code).toBe('b');
  });

  it('numbers verdicts, so that two equal ones differ', () => {
    const first = after(scanned('a'), { type: 'decided', number: 1, verdict });
    const second = [scanned('a'), { type: 'decided', number: 2, verdict } as const].reduce(
      gate,
      first,
    );
    expect(first.shown).toMatchObject({ kind: 'verdict', number: 1, verdict });
    expect(second.shown).toMatchObject({ kind: 'verdict', number: 2, verdict });
  });

  it('checks one after the other, each verdict being seen before the next', () => {
    let state = after(scanned('a'), scanned('b'), scanned('c'));
    expect(current(state)?.number).toBe(1);
    expect(state.waiting).toHaveLength(3);
    state = gate(state, { type: 'decided', number: 1, verdict });
    expect(current(state)).toBeNull();
    state = gate(state, { type: 'seen' });
    expect(current(state)?.number).toBe(2);
    state = [
      { type: 'decided', number: 2, verdict } as const,
      { type: 'seen' } as const,
      { type: 'decided', number: 3, verdict } as const,
      { type: 'seen' } as const,
    ].reduce(gate, state);
    expect(state).toMatchObject({ waiting: [], shown: { kind: 'verdict', number: 3 } });
  });

  it('does not take a verdict that belongs to another ticket', () => {
    const state = after(scanned('a'), scanned('b'));
    expect(gate(state, { type: 'decided', number: 2, verdict })).toBe(state);
    const decided = gate(state, { type: 'decided', number: 1, verdict });
    expect(gate(decided, { type: 'decided', number: 1, verdict })).toBe(decided);
  });

  it('goes on checking when a verdict was seen that is gone already', () => {
    const state = after(scanned('a'));
    expect(gate(state, { type: 'seen' })).toBe(state);
    expect(gate(idle, { type: 'seen' })).toBe(idle);
  });
});
