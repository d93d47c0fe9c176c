import { describe, expect, it } from 'vitest';
import samples from '../../../tests/unit/tickets/ticket_codes.json';
import { canVerify, eventMark, readCode } from './codes';

const base64url = (hex: string) =>
  btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16))))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

describe('a ticket code without a network', () => {
  it.each(samples)('$how', async ({ scanned, key, ticket, event }) => {
    const expected =
      ticket === null ? null : { ticketId: ticket, eventMark: await eventMark(event) };
    expect(await readCode(scanned, [base64url(key)])).toEqual(expected);
  });

  it('is known by any of the keys, and by no other', async () => {
    const [{ scanned, key, ticket }] = samples as [(typeof samples)[number]];
    const other = base64url('11'.repeat(32));
    expect(await readCode(scanned, [other, base64url(key)])).toMatchObject({ ticketId: ticket });
    expect(await readCode(scanned, [other])).toBeNull();
    expect(await readCode(scanned, [])).toBeNull();
  });

  it('can be checked here', async () => {
    expect(await canVerify()).toBe(true);
  });
});
