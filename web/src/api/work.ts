/** Proof of work: what a network with many requests is asked for before it may make accounts or join lines. */
import type { Challenge } from 'altcha-lib';
import { isApiError } from './problem';

const HEADER = 'X-Proof-Of-Work';

/** Sends a request. Where the server asks for work, solves its challenge and sends the request once more. */
export async function withWork<T>(
  send: (headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  try {
    return await send({});
  } catch (problem) {
    if (!isApiError(problem, 'proof_of_work_required')) throw problem;
    // The solver is loaded only by those who are asked.
    const { solve } = await import('./solver');
    const solution = await solve(problem.body['challenge'] as Challenge);
    if (solution === null) throw problem;
    return send({ [HEADER]: solution });
  }
}
