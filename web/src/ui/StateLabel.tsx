import type { EventState, OrderStatus, Ticket } from '@/api/types';
import { cx } from '@/lib/cx';

type Tone = 'quiet' | 'ok' | 'warn' | 'bad';

const words: Record<EventState | OrderStatus | Ticket['status'], [string, Tone]> = {
  draft: ['Draft', 'quiet'],
  publishing: ['Being published', 'warn'],
  on_sale: ['On sale', 'ok'],
  scheduled: ['On sale soon', 'warn'],
  sold_out: ['Sold out', 'bad'],
  ended: ['Ended', 'quiet'],
  cancelled: ['Cancelled', 'bad'],
  awaiting_payment: ['Waiting for payment', 'warn'],
  processing: ['Payment in progress', 'warn'],
  confirmed: ['Confirmed', 'ok'],
  expired: ['Expired', 'quiet'],
  refunding: ['Being refunded', 'warn'],
  refunded: ['Refunded', 'quiet'],
  valid: ['Valid', 'ok'],
  used: ['Used', 'quiet'],
};

const tones: Record<Tone, string> = {
  quiet: 'text-soft',
  ok: 'text-ok',
  warn: 'text-warn',
  bad: 'text-bad',
};

export function StateLabel({ state }: { state: keyof typeof words }) {
  const [word, tone] = words[state];
  return (
    <span className={cx('inline-flex items-center gap-1.5 text-sm font-medium', tones[tone])}>
      <span aria-hidden className="size-1.5 rounded-full bg-current" />
      {word}
    </span>
  );
}
