import { AxiosError, AxiosHeaders } from 'axios';
import { describe, expect, it } from 'vitest';
import { parseRetryAfter, toApiError } from './problem';

const config = { headers: new AxiosHeaders() };
const answered = (status: number, data: unknown, headers = {}) =>
  new AxiosError('no', undefined, config, undefined, {
    status,
    data,
    headers,
    statusText: '',
    config,
  });

describe('problem documents', () => {
  it('keep their code, words, fields and extras', async () => {
    const body = { code: 'seats_taken', detail: 'Taken.', taken: ['a'], request_id: 'r1' };
    expect(await toApiError(answered(409, body))).toMatchObject({
      status: 409,
      code: 'seats_taken',
      message: 'Taken.',
      requestId: 'r1',
      body: { taken: ['a'] },
      transient: false,
    });
  });

  it('are read from the bytes of a failed download', async () => {
    const bytes = new TextEncoder().encode('{"code":"order_not_found"}').buffer;
    expect(await toApiError(answered(404, bytes))).toMatchObject({ code: 'order_not_found' });
  });

  it('survive answers that are no problem document', async () => {
    expect(await toApiError(answered(502, '<html>'))).toMatchObject({
      status: 502,
      transient: true,
    });
  });

  it('say when to come again', async () => {
    const error = await toApiError(answered(429, {}, { 'retry-after': '7' }));
    expect(error).toMatchObject({ retryAfterSeconds: 7, transient: true });
    const now = Date.parse('2026-11-22T20:00:00Z');
    expect(parseRetryAfter('Sun, 22 Nov 2026 20:00:30 GMT', now)).toBe(30);
    expect(parseRetryAfter('soon')).toBeNull();
  });
});
