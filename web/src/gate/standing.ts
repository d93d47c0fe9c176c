import type { CheckinRequest } from '@/api/types';
import type { Heard, Listed } from './listed';
import type { Pass, TicketRecord } from './store';

/** How a ticket stands, as far as this device can know. */
export interface Standing {
  state: Listed;
  /** Who says so: this device's own scans, the list of the house, or nobody. */
  by: 'device' | 'list' | 'nobody';
}

/** Own scans that the house has not heard of count before its list; else whichever is newer. */
export function standingOf(record: TicketRecord | null, heard: Heard | null): Standing {
  const own = record && ownState(record);
  if (own && (isQueued(record) || !heard || heard.at <= record.heardAt)) {
    return { state: own, by: 'device' };
  }
  if (heard) return { state: heard.state, by: 'list' };
  return { state: 'good', by: 'nobody' };
}

const ownState = (record: TicketRecord): Listed => (record.inside ? 'inside' : 'outside');

export const isQueued = (record: TicketRecord) =>
  record.passes.some(({ state }) => state === 'queued');

export type OfflineResult = 'admitted' | 'already_used' | 'refunded' | 'checked_out' | 'not_inside';

/** What a scan without a network gets. Who leaves by a ticket that nobody has seen came in at another gate. */
export function resultOf({ state }: Standing, direction: 'in' | 'out'): OfflineResult {
  if (state === 'refunded') return 'refunded';
  if (direction === 'in') return state === 'inside' ? 'already_used' : 'admitted';
  return state === 'outside' ? 'not_inside' : 'checked_out';
}

export const directionOf = (scan: CheckinRequest) => scan.direction ?? 'in';

/** What a supervisor may let in all the same. */
export const isOverridable = (result: string) => result === 'already_used' || result === 'refunded';

export const goesThrough = (result: string) => result === 'admitted' || result === 'checked_out';

/** The record after somebody went through. */
export function withPass(
  record: TicketRecord | null,
  of: Pick<TicketRecord, 'ticketId' | 'eventId'>,
  pass: Pass,
  heardAt: number,
): TicketRecord {
  const { scan } = pass;
  return {
    ...of,
    inside: directionOf(scan) === 'in',
    at: scan.scanned_at,
    gate: scan.gate,
    heardAt: Math.max(heardAt, record?.heardAt ?? 0),
    passes: [...(record?.passes ?? []), pass],
  };
}

/** The record after the server has answered for a scan that was queued. */
export function settled(
  record: TicketRecord,
  scanId: string,
  answer: NonNullable<Pass['answer']>,
  heardAt: number,
): TicketRecord {
  const passes = record.passes.map((pass): Pass => {
    if (pass.scan.scan_id !== scanId || pass.state !== 'queued') return pass;
    // That somebody left whom the house did not know inside harms nobody.
    const isWrong = directionOf(pass.scan) === 'in' && answer.result !== 'admitted';
    return { ...pass, state: isWrong ? 'refused' : 'known', answer };
  });
  return { ...record, heardAt, passes };
}
