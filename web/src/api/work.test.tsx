import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import { answer, refusal } from '@/test/api';
import { account } from './account';

const solve = vi.hoisted(() => vi.fn<(challenge: unknown) => Promise<string | null>>());
vi.mock('./solver', () => ({ solve }));

const sent: (string | null)[] = [];

beforeEach(() => {
  sent.length = 0;
  solve.mockReset();
  answer('post', '/auth/register', ({ request }) => {
    const work = request.headers.get('x-proof-of-work');
    sent.push(work);
    if (work === 'solved') return HttpResponse.json({}, { status: 201 });
    return refusal(403, 'proof_of_work_required', { challenge: 'a challenge' });
  });
});

const register = () => account.register('bea@example.org', 'a long password', 'Bea');

it('is done where the server asks, and the request is sent once more with it', async () => {
  solve.mockResolvedValue('solved');
  await register();
  expect(solve.mock.calls).toEqual([['a challenge']]);
  expect(sent).toEqual([null, 'solved']);
});

it('is not done for ever', async () => {
  solve.mockResolvedValue('wrong');
  await expect(register()).rejects.toMatchObject({ code: 'proof_of_work_required' });
  expect(sent).toEqual([null, 'wrong']);
});

it('is given up where no solution is found in time', async () => {
  solve.mockResolvedValue(null);
  await expect(register()).rejects.toMatchObject({ code: 'proof_of_work_required' });
  expect(sent).toEqual([null]);
});

it('is not asked for by other refusals', async () => {
  answer('post', '/auth/register', () => refusal(422, 'validation_failed'));
  await expect(register()).rejects.toMatchObject({ code: 'validation_failed' });
  expect(solve).not.toHaveBeenCalled();
});
