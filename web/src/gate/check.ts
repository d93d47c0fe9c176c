import { gate } from '@/api/gate';
import { randomId } from '@/api/intent';
import { ApiError } from '@/api/problem';
import type { CheckinRequest } from '@/api/types';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted } from '@/lib/words';
import { canVerify, eventMark, readCode } from './codes';
import { admitOnce, keepKeys, knownKeys, remember } from './store';
import type { Verdict } from './verdict';

const isAway = (error: ApiError) => [0, 502, 503, 504].includes(error.status);

/** Asks the server; where it does not answer, decides what can be decided without it. */
export async function check(scan: CheckinRequest): Promise<Verdict> {
  try {
    // The scan itself is what makes a repetition the same one, so each attempt has a key of its own.
    const checkin = await gate.check(scan, randomId());
    if (checkin.result === 'admitted' && checkin.ticket) {
      await remember({
        ticketId: checkin.ticket.id,
        eventId: checkin.ticket.event_id,
        at: scan.scanned_at,
        gate: scan.gate,
        scan,
        state: 'known',
      });
    }
    return { kind: 'answer', checkin };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return isAway(error) ? checkOffline(scan) : { kind: 'unchecked', why: whyNot(error) };
  }
}

function whyNot(error: ApiError): string {
  if (error.status === 429) {
    return `Too many checks at once. Try again in ${counted(error.retryAfterSeconds ?? 5, 'second')}.`;
  }
  return error.message;
}

/** Only a ticket whose signature holds, for the gate's event, and not seen by this device. */
async function checkOffline(scan: CheckinRequest): Promise<Verdict> {
  const { event_id: eventId } = scan;
  if (!eventId) {
    return unchecked(
      'No network: without it a ticket can be checked for one event only. Choose it.',
    );
  }
  if (!(await canVerify())) {
    return unchecked(
      'No network, and this browser cannot verify tickets by itself. It can at an https address.',
    );
  }
  const keys = await knownKeys();
  if (keys.length === 0) {
    return unchecked('No network, and this device has not been online at the gate before.');
  }
  const reading = await readCode(scan.code, keys);
  if (!reading) return offline('invalid', 'This is not a ticket of this house.');
  if (reading.eventMark !== (await eventMark(eventId))) {
    return offline('wrong_event', 'This ticket is for another event.');
  }
  const earlier = await admitOnce({
    ticketId: reading.ticketId,
    eventId,
    at: scan.scanned_at,
    gate: scan.gate,
    scan,
    state: 'queued',
  });
  if (earlier) {
    const when = formatMoment(earlier.at, localTimeZone);
    return offline('already_used', `This device admitted it ${when} at ${earlier.gate}.`);
  }
  return offline(
    'admitted',
    'No network: the ticket is genuine and was not scanned on this device. Whether another gate admitted it, or it was refunded, is known only later.',
  );
}

const unchecked = (why: string): Verdict => ({ kind: 'unchecked', why });

const offline = (
  result: Extract<Verdict, { kind: 'offline' }>['result'],
  why: string,
): Verdict => ({ kind: 'offline', result, why });

/** Fetches what is needed to decide without a network, while there is one. */
export async function prepareOffline(): Promise<void> {
  try {
    await keepKeys(await gate.keys());
  } catch (error) {
    // Those that are known stay good; without any, a scan without a network says so.
    if (!(error instanceof ApiError)) throw error;
  }
}
