import { describe, expect, it } from 'vitest';
import { apply, pack, unpack, type Listed } from './listed';
import { resultOf, standingOf, withPass } from './standing';
import type { TicketRecord } from './store';

const base64 = (...ids: string[]) =>
  btoa(String.fromCharCode(...(ids.join('').match(/../g) ?? []).map((byte) => parseInt(byte, 16))));

const [ONE, OTHER] = ['00112233445566ff', 'ffeeddccbbaa0099'] as const;
const nothing = { inside: '', outside: '', refunded: '', good: '', next: 'n', more: false };

describe('the list', () => {
  it('is packed and unpacked', () => {
    const states = new Map<string, Listed>([
      [ONE, 'inside'],
      [OTHER, 'refunded'],
    ]);
    expect(unpack(pack(states))).toEqual(states);
    expect(pack(states)).toHaveLength(18);
  });

  it('takes up what has changed, and says whether anything has', () => {
    const states = new Map<string, Listed>();
    expect(apply(states, { ...nothing, inside: base64(ONE, OTHER) })).toBe(true);
    expect(apply(states, { ...nothing, inside: base64(ONE) })).toBe(false);
    expect(apply(states, { ...nothing, outside: base64(OTHER), good: base64(ONE) })).toBe(true);
    expect([...states]).toEqual([
      [ONE, 'good'],
      [OTHER, 'outside'],
    ]);
  });

  it('of 80,000 tickets is packed in one piece', () => {
    const states = new Map<string, Listed>();
    for (let number = 0; number < 80_000; number += 1) {
      states.set(number.toString(16).padStart(16, '0'), 'inside');
    }
    expect(pack(states)).toHaveLength(720_000);
    expect(unpack(pack(states)).size).toBe(80_000);
  });
});

describe('how a ticket stands', () => {
  const TICKET = `tkt_0000000000000000${ONE}`;
  const scan = { code: 'c', gate: 'North', scan_id: '1', scanned_at: '2026-11-20T19:00:00Z' };
  const of = { ticketId: TICKET, eventId: 'evt_1' };
  const list = (at: number, state: Listed = 'good') => ({ at, state });
  const known = withPass(null, of, { scan, state: 'known' }, 100);
  const queued = withPass(null, of, { scan, state: 'queued' }, 0);

  it.each<[string, TicketRecord | null, ReturnType<typeof list> | null, Listed, string]>([
    ['nobody knows it', null, null, 'good', 'nobody'],
    ['the list has nothing of it', null, list(1), 'good', 'list'],
    ['the list alone knows it', null, list(1, 'refunded'), 'refunded', 'list'],
    ['this device alone knows it', known, null, 'inside', 'device'],
    ['this device knew later than the list', known, list(100), 'inside', 'device'],
    ['the list is newer', known, list(101, 'outside'), 'outside', 'list'],
    ['the list is newer, and the house has not heard of it', queued, list(101), 'inside', 'device'],
  ])('%s', (_, record, heard, state, by) => {
    expect(standingOf(record, heard)).toEqual({ state, by });
  });

  it.each([
    ['good', 'in', 'admitted'],
    ['inside', 'in', 'already_used'],
    ['outside', 'in', 'admitted'],
    ['refunded', 'in', 'refunded'],
    ['good', 'out', 'checked_out'],
    ['inside', 'out', 'checked_out'],
    ['outside', 'out', 'not_inside'],
    ['refunded', 'out', 'refunded'],
  ] as const)('%s, going %s: %s', (state, direction, result) => {
    expect(resultOf({ state, by: 'list' }, direction)).toBe(result);
  });
});
