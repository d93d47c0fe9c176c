import { gate } from '@/api/gate';
import { randomId } from '@/api/intent';
import { ApiError } from '@/api/problem';
import { admissions, remember, type Admission } from './store';

const AT_ONCE = 100;

/** Sends what was admitted without a network, oldest first; false while the server does not take it. */
export async function sendQueued(): Promise<boolean> {
  for (;;) {
    const queued = (await admissions())
      .filter((one) => one.state === 'queued')
      .sort((one, other) => one.at.localeCompare(other.at))
      .slice(0, AT_ONCE);
    if (queued.length === 0) return true;
    try {
      const answers = await gate.checkAll(
        queued.map((one) => one.scan),
        randomId(),
      );
      for (const [index, admission] of queued.entries()) {
        const answer = answers[index];
        if (!answer) throw new Error('The server answered fewer scans than it was sent.');
        await remember(settled(admission, answer));
      }
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  }
}

function settled(admission: Admission, answer: NonNullable<Admission['answer']>): Admission {
  const state = answer.result === 'admitted' ? 'known' : 'refused';
  return { ...admission, state, answer };
}
