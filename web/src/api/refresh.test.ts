import { describe, expect, it, vi } from 'vitest';
import { createRefresher } from './refresh';
import type { SessionGrant } from './types';

const grant = (token: string): SessionGrant => ({
  access_token: token,
  token_type: 'Bearer',
  expires_in: 600,
  user: { id: 'u', email: 'a@example.org', name: 'A', roles: ['buyer'], email_verified: true },
});

class Refused extends Error {}

function set(start: string | null, request: () => Promise<SessionGrant>) {
  let token = start;
  const asked = vi.fn(request);
  const end = vi.fn(() => {
    token = null;
  });
  const refresh = createRefresher({
    request: asked,
    current: () => token,
    accept: (given) => {
      token = given.access_token;
    },
    end,
    isRefusal: (error) => error instanceof Refused,
    exclusive: async (work) => {
      await Promise.resolve();
      return work();
    },
  });
  return { refresh, asked, end, setToken: (value: string) => (token = value) };
}

describe('refreshing the access token', () => {
  it('asks once however many requests failed at the same time', async () => {
    const { refresh, asked } = set('old', () => Promise.resolve(grant('new')));
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh('old')));
    expect(new Set(answers)).toEqual(new Set(['new']));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('gives a late loser the newer token without asking', async () => {
    const { refresh, asked } = set('newer', () => Promise.resolve(grant('x')));
    expect(await refresh('old')).toBe('newer');
    expect(asked).not.toHaveBeenCalled();
  });

  it('uses the token that another tab brought while this one waited for the lock', async () => {
    const { refresh, asked, setToken } = set('old', () => Promise.resolve(grant('x')));
    const answer = refresh('old');
    setToken('from-another-tab');
    expect(await answer).toBe('from-another-tab');
    expect(asked).not.toHaveBeenCalled();
  });

  it('ends the session when the server refuses', async () => {
    const { refresh, end } = set('old', () => Promise.reject(new Refused()));
    await expect(refresh('old')).rejects.toBeInstanceOf(Refused);
    expect(end).toHaveBeenCalledTimes(1);
  });

  it('keeps the session when there is no answer, and asks again the next time', async () => {
    const { refresh, asked, end } = set('old', () => Promise.reject(new Error('network')));
    await expect(refresh('old')).rejects.toThrow('network');
    await expect(refresh('old')).rejects.toThrow('network');
    expect(end).not.toHaveBeenCalled();
    expect(asked).toHaveBeenCalledTimes(2);
  });
});
