import { expect, it } from 'vitest';
import published from '../../../tests/vectors/proof_of_work.json?raw';
import { solve } from './solver';

const vector = JSON.parse(published) as { challenge: never; counter: number };

it('finds the solution that the server knows', async () => {
  const payload = await solve(vector.challenge);
  const { solution } = JSON.parse(atob(payload ?? '')) as { solution: { counter: number } };
  expect(solution.counter).toBe(vector.counter);
});
