import { gate } from '@/api/gate';
import { randomId } from '@/api/intent';
import { ApiError } from '@/api/problem';
import type { CheckinRequest } from '@/api/types';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted } from '@/lib/words';
import { canVerify, eventMark, readCode, type Reading } from './codes';
import { isSilent, wasHeard, wasSilent } from './connection';
import { heardOf } from './list';
import type { Heard } from './listed';
import {
  directionOf,
  goesThrough,
  isOverridable,
  isQueued,
  resultOf,
  standingOf,
  withPass,
  type OfflineResult,
  type Standing,
} from './standing';
import { changeRecord, knownKeys, recordOf, type TicketRecord } from './store';
import type { Verdict } from './verdict';

const isAway = (error: ApiError) => [0, 502, 503, 504].includes(error.status);

/**
 * Asks the server; where it does not answer, decides what can be decided without it. A ticket of which the server has
 * not heard all that happened here is decided here: it would let in a second time.
 */
export async function check(scan: CheckinRequest): Promise<Verdict> {
  const reading = await readHere(scan);
  const record = reading && (await recordOf(reading.ticketId));
  // As it is before the server is asked: what the list learns meanwhile may be this very scan, whose answer was lost.
  const heard = reading && scan.event_id ? await heardOf(reading.ticketId, scan.event_id) : null;
  if (isSilent() || (record && isQueued(record))) return await checkOffline(scan, reading, heard);
  try {
    // The scan itself is what makes a repetition the same one, so each attempt has a key of its own.
    const checkin = await gate.check(scan, randomId());
    wasHeard();
    const { ticket } = checkin;
    if (ticket && goesThrough(checkin.result)) {
      const of = { ticketId: ticket.id, eventId: ticket.event_id };
      const pass = { scan, state: 'known' } as const;
      await changeRecord(ticket.id, (known) =>
        isSeen(known, scan) ? null : withPass(known, of, pass, Date.now()),
      );
    }
    return { kind: 'answer', checkin };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!isAway(error)) return unchecked(whyNot(error));
    wasSilent();
    return await checkOffline(scan, reading, heard);
  }
}

function whyNot(error: ApiError): string {
  if (error.status === 429) {
    return `Too many checks at once. Try again in ${counted(error.retryAfterSeconds ?? 5, 'second')}.`;
  }
  return error.message;
}

const isSeen = (record: TicketRecord | null, scan: CheckinRequest) =>
  record?.passes.some((pass) => pass.scan.scan_id === scan.scan_id) ?? false;

async function readHere(scan: CheckinRequest): Promise<Reading | null> {
  if (scan.by_name) return { ticketId: scan.code, eventMark: '' };
  if (!(await canVerify())) return null;
  return await readCode(scan.code, await knownKeys());
}

/** Only a ticket whose signature holds, for the gate's event, and that is good by what this device knows. */
async function checkOffline(
  scan: CheckinRequest,
  reading: Reading | null,
  heard: Heard | null,
): Promise<Verdict> {
  const { event_id: eventId } = scan;
  if (!eventId) {
    return unchecked(
      'No network: without it a ticket can be checked for one event only. Choose it.',
    );
  }
  if (scan.by_name && reading) return await decide(scan, { ...reading, eventId }, heard);
  if (!(await canVerify())) {
    return unchecked(
      'No network, and this browser cannot verify tickets by itself. It can at an https address.',
    );
  }
  if ((await knownKeys()).length === 0) {
    return unchecked('No network, and this device has not been online at the gate before.');
  }
  if (!reading) return offline('invalid', 'This is not a ticket of this house.');
  if (reading.eventMark !== (await eventMark(eventId))) {
    return offline('wrong_event', 'This ticket is for another event.');
  }
  return await decide(scan, { ...reading, eventId }, heard);
}

/** By what is known here; who goes through is remembered before it is said, in one step with looking. */
export async function decide(
  scan: CheckinRequest,
  { ticketId, eventId }: Pick<TicketRecord, 'ticketId' | 'eventId'>,
  heard: Heard | null,
): Promise<Verdict> {
  const direction = directionOf(scan);
  const verdicts: Verdict[] = [];
  await changeRecord(ticketId, (known) => {
    if (isSeen(known, scan)) {
      verdicts.push(offline(direction === 'in' ? 'admitted' : 'checked_out', 'No network.'));
      return null;
    }
    const standing = standingOf(known, heard);
    const judged = resultOf(standing, direction);
    // The house looks at who may, as soon as it hears of it.
    const overrides = Boolean(scan.override_reason) && isOverridable(judged);
    const result = overrides ? 'admitted' : judged;
    const why = overrides ? OVERRIDDEN : whyOffline(result, standing, known, heard);
    verdicts.push(offline(result, why));
    if (!goesThrough(result)) return null;
    const sent = { ...scan, decided_offline: true };
    return withPass(known, { ticketId, eventId }, { scan: sent, state: 'queued' }, 0);
  });
  return verdicts[0] ?? unchecked('This device could not decide.');
}

function whyOffline(
  result: OfflineResult,
  { by }: Standing,
  record: TicketRecord | null,
  heard: Heard | null,
): string {
  const list = heard ? `the list of ${clock(heard.at)}` : 'the list';
  switch (result) {
    case 'already_used':
      return by === 'device' && record
        ? `This device admitted it ${formatMoment(record.at, localTimeZone)} at ${record.gate}.`
        : `Admitted before, by ${list}.`;
    case 'refunded':
      return `Its money went back, by ${list}.`;
    case 'not_inside':
      return 'It was checked out before, and nobody came in by it since.';
    case 'checked_out':
      return 'No network: the way out is kept and sent later.';
    case 'admitted':
      return heard
        ? `No network: the ticket is genuine, and good by ${list}. Whether another gate admitted it since is known only later.`
        : 'No network: the ticket is genuine and was not scanned on this device. Whether another gate admitted it, or it was refunded, is known only later.';
  }
}

const OVERRIDDEN = 'No network: let in by a supervisor. The reason is kept and sent later.';

const clock = (at: number) =>
  new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

const unchecked = (why: string): Verdict => ({ kind: 'unchecked', why });

const offline = (
  result: Extract<Verdict, { kind: 'offline' }>['result'],
  why: string,
): Verdict => ({ kind: 'offline', result, why });
