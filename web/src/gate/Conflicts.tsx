import type { GateFigures } from '@/api/types';

import { counted, placeName } from '@/lib/words';
import { formatMoment, localTimeZone } from '@/lib/time';
import type { Refused } from './useGate';

/** What was admitted without a network and refused by the server afterwards: somebody should know. */
export function OwnConflicts({ refused }: { refused: Refused[] }) {
  if (refused.length === 0) return null;
  return (
    <details className="rounded-md border border-bad px-4 py-3" data-testid="gate-refused">
      <summary className="font-semibold text-bad">
        {counted(refused.length, 'person was', 'people were')} admitted without a network and should
        not have been
      </summary>
      <ul className="mt-2 grid gap-1 text-sm">
        {refused.map((one) => (
          <li key={one.scan.scan_id}>
            {new Date(one.scan.scanned_at).toLocaleTimeString()}: {why(one)}
          </li>
        ))}
      </ul>
    </details>
  );
}

function why({ answer, ticketId }: Refused): string {
  if (!answer) return ticketId;
  const name = answer.ticket ? placeName(answer.ticket.seat) : ticketId;
  const first = answer.first_admission;
  if (first) return `${name} was admitted before, at ${first.gate}`;
  return `${name} is ${answer.result.replace('_', ' ')}. ${answer.reason ?? ''}`;
}

/** The same of all gates of the event, as the house knows it. */
export function HouseConflicts({ conflicts }: { conflicts: GateFigures['conflicts'] }) {
  if (conflicts.length === 0) return null;
  return (
    <details
      className="rounded-md border border-line-strong px-4 py-3"
      data-testid="gate-conflicts"
    >
      <summary className="font-semibold">
        {counted(conflicts.length, 'conflict')} at all gates of this event
      </summary>
      <ul className="mt-2 grid gap-1 text-sm">
        {conflicts.map((one) => (
          <li key={`${one.gate} ${one.at} ${one.ticket_id ?? ''}`}>
            {formatMoment(one.at, localTimeZone)}, {one.gate}:{' '}
            {one.seat ? placeName(one.seat) : (one.ticket_id ?? 'no ticket')},{' '}
            {one.result.replace('_', ' ')}
            {one.first_admission && ` (first admitted at ${one.first_admission.gate})`}
          </li>
        ))}
      </ul>
    </details>
  );
}
