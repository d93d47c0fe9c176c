import { gate } from '@/api/gate';
import { randomId } from '@/api/intent';
import { ApiError } from '@/api/problem';
import type { GateFigures } from '@/api/types';
import { isSilent, wasHeard, wasSilent } from './connection';
import { refreshList } from './list';
import { settled } from './standing';
import { changeRecord, keepKeys, records, type Pass } from './store';

const AT_ONCE = 100;

export interface Heard {
  figures: GateFigures | null;
  /** Why something is not sent although the server answers. */
  problem: string | null;
}

/** Tells the server what it has not heard, and hears what it knows; raises `ApiError` where it does not answer. */
export async function sync(eventId: string | undefined): Promise<Heard> {
  try {
    await keepKeys(await gate.keys());
    wasHeard();
    const problem = await sendQueued();
    if (eventId === undefined) return { figures: null, problem };
    await refreshList(eventId);
    return { figures: await gate.figures(eventId), problem };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 0 || error.status >= 500) wasSilent();
    return { figures: null, problem: isSilent() ? null : error.message };
  }
}

/** Sends who went through without a network, oldest first. The words are why some of it can't be taken. */
async function sendQueued(): Promise<string | null> {
  for (;;) {
    const queued = (await records())
      .flatMap(({ ticketId, passes }) => passes.map((pass) => ({ ticketId, pass })))
      .filter(({ pass }) => pass.state === 'queued')
      .sort(({ pass: one }, { pass: other }) =>
        one.scan.scanned_at.localeCompare(other.scan.scanned_at),
      )
      .slice(0, AT_ONCE);
    if (queued.length === 0) return null;
    const answers = await gate.checkAll(
      queued.map(({ pass }) => pass.scan),
      randomId(),
    );
    const refusal = await settle(queued, answers);
    if (refusal !== null) return refusal;
  }
}

async function settle(
  queued: { ticketId: string; pass: Pass }[],
  answers: NonNullable<Pass['answer']>[],
): Promise<string | null> {
  const heardAt = Date.now();
  let refusal: string | null = null;
  for (const [index, { ticketId, pass }] of queued.entries()) {
    const answer = answers[index];
    if (!answer) throw new Error('The server answered fewer scans than it was sent.');
    if (answer.flags.includes('not_staff')) {
      // Nothing is kept of it there, so it stays here until the account is named or another one signs in.
      refusal = answer.reason ?? 'This account may not scan for this event.';
      continue;
    }
    await changeRecord(ticketId, (record) => {
      if (!record) throw new Error(`${ticketId} was sent and is not known here`);
      return settled(record, pass.scan.scan_id, answer, heardAt);
    });
  }
  return refusal;
}
