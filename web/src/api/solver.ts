import { solveChallenge, type Challenge, type Payload } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/web/pbkdf2';

/** The most that somebody waits for; the server's costliest challenge takes a slow phone about half of it. */
const TIMEOUT_MS = 60_000;

/** The solution of a challenge as the server takes it in `X-Proof-Of-Work`, null where none was found in time. */
export async function solve(challenge: Challenge): Promise<string | null> {
  const solution = await solveChallenge({ challenge, deriveKey, timeout: TIMEOUT_MS });
  if (solution === null) return null;
  const payload: Payload = { challenge, solution };
  return btoa(JSON.stringify(payload));
}
