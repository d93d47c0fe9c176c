import type { LineAct } from '@/api/types';
import { formatMoment } from '@/lib/time';
import { count } from '@/lib/words';

interface Props {
  acts: LineAct[];
  me: string | undefined;
  timezone: string;
}

/** Who did what with the line, the latest first. */
export function Timeline({ acts, me, timezone }: Props) {
  return (
    <section aria-label="What was done" className="grid gap-3">
      <h2 className="display text-3xl">What was done</h2>
      {acts.length === 0 ? (
        <p className="text-soft">Nothing yet.</p>
      ) : (
        <ol className="divide-y divide-line border-y border-line" data-testid="control-timeline">
          {acts.map((act) => (
            <li key={`${act.at} ${act.action}`} className="grid gap-0.5 py-2.5">
              <span className="font-medium">{wordsOf(act)}</span>
              <span className="text-sm text-soft">
                {formatMoment(act.at, timezone)}, by {act.user_id === me ? 'you' : act.user_id}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function wordsOf({ action, rate_cap: cap, message }: LineAct): string {
  switch (action) {
    case 'pause':
      return 'Paused';
    case 'resume':
      return 'Resumed';
    case 'close':
      return 'Closed for good';
    case 'reveal':
      return 'Secret revealed';
    case 'rate_cap':
      return cap === null ? 'Cap removed' : `Capped at ${count(Math.round(cap * 60))} a minute`;
    case 'message':
      return message ? `Message: “${message}”` : 'Message removed';
    default:
      return action;
  }
}
