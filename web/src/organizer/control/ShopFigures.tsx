import type { LineShop } from '@/api/types';
import { count, counted } from '@/lib/words';
import { millis } from './Charts';

const UNKNOWN = 'Not known';

/** How the shop behind the line does: what nobody has told is not known, and never nothing. */
export function ShopFigures({ shop }: { shop: LineShop }) {
  const { holds } = shop;
  const took = (seconds: number | null) => {
    if (holds === null) return UNKNOWN;
    return seconds === null ? 'No holds' : millis(seconds);
  };
  const rows = [
    ['Holds in the last minute', holds === null ? UNKNOWN : count(holds)],
    ['Half of the holds take at most', took(shop.hold_p50_seconds)],
    ['95 of 100 take at most', took(shop.hold_p95_seconds)],
    ['Oldest message not sent', age(shop.outbox_seconds)],
    ['A sale is applied after', age(shop.arrival_seconds)],
  ];
  return (
    <section aria-label="The shop" className="grid gap-6">
      <h2 className="display text-3xl">The shop</h2>
      <dl className="grid grid-cols-2 gap-6 sm:grid-cols-3">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt className="text-sm text-soft">{name}</dt>
            <dd className="display text-3xl md:text-4xl">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="grid gap-6 md:grid-cols-2">
        <Reasons
          title="Refused holds"
          none="No hold was refused."
          words={refusals}
          reasons={shop.refusals}
        />
        <Reasons
          title="Failed payments"
          none="No payment failed."
          words={failures}
          reasons={shop.payment_failures}
        />
      </div>
    </section>
  );
}

function age(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  if (seconds < 1) return 'Under a second';
  return counted(Math.round(seconds), 'second');
}

const refusals: Record<string, string> = {
  seats_taken: 'Somebody else had the seats',
  not_enough_seats: 'Not enough seats together or left',
  too_many_seats: 'Too many seats in one order',
  hold_limit: 'Holds too much unpaid',
  buyer_limit: 'Has all that one buyer may have',
  line_required: 'Without a pass of the line',
  access_code_required: 'Without an access code',
  not_on_sale: 'Not on sale',
  event_cancelled: 'The event is cancelled',
  event_ended: 'The event is over',
  unavailable: 'The shop did not answer',
};

const failures: Record<string, string> = {
  card_declined: 'The card was declined',
  insufficient_funds: 'Not enough money on the card',
  authentication_failed: 'Not approved by the buyer or the bank',
};

interface ReasonsProps {
  title: string;
  none: string;
  words: Record<string, string>;
  reasons: LineShop['refusals'];
}

function Reasons({ title, none, words, reasons }: ReasonsProps) {
  return (
    <div className="grid content-start gap-2">
      <h3 className="font-semibold">{title}</h3>
      {reasons === null && <p className="text-soft">{UNKNOWN}</p>}
      {reasons?.length === 0 && <p className="text-soft">{none}</p>}
      {reasons !== null && reasons.length > 0 && (
        <table aria-label={title} className="w-full text-[0.9375rem]">
          <thead>
            <tr className="border-b border-line text-left text-sm text-soft">
              <th scope="col" className="py-2 font-medium">
                Why
              </th>
              <th scope="col" className="py-2 pl-4 text-right font-medium">
                Last minute
              </th>
              <th scope="col" className="py-2 pl-4 text-right font-medium">
                In all
              </th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line border-b border-line">
            {reasons.map(({ reason, lately, total }) => (
              <tr key={reason}>
                <th scope="row" className="py-2 text-left font-normal">
                  {words[reason] ?? reason.replaceAll('_', ' ')}
                </th>
                <td className="py-2 pl-4 text-right">
                  {lately === null ? UNKNOWN : count(lately)}
                </td>
                <td className="py-2 pl-4 text-right font-semibold">{count(total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
