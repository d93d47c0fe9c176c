import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import { eventQuery, inventoryQuery } from '@/api/queries';
import { useOpening } from '@/api/useOpening';
import { usePresale } from '@/api/usePresale';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatMoment } from '@/lib/time';
import { useNow } from '@/lib/useNow';
import { count } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { Countdown } from '@/ui/Countdown';
import { Progress } from '@/ui/Progress';
import { LineBar } from './LineBar';

/** The one main action of the page, always in sight; or why there is none. */
export function SaleBar({ event }: { event: EventInfo }) {
  return (
    <div className="sticky bottom-0 border-t border-line bg-paper">
      <div className="mx-auto flex min-h-20 w-full max-w-6xl flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3 md:px-8">
        <Content event={event} />
      </div>
    </div>
  );
}

const SOLD: EventInfo['state'][] = ['scheduled', 'on_sale', 'sold_out'];

function Content({ event }: { event: EventInfo }) {
  const presale = usePresale(event);
  if (presale.isOpen) return <OnSale event={event} />;
  if (event.line.mode === 'on' && SOLD.includes(event.state)) return <LineBar event={event} />;
  switch (event.state) {
    case 'on_sale':
      return <OnSale event={event} />;
    case 'scheduled':
      return <Scheduled event={event} />;
    case 'publishing':
      return <Publishing event={event} />;
    case 'sold_out':
      return (
        <Words title="Sold out">
          <Link
            to="/events/$eventId"
            params={{ eventId: event.id }}
            reloadDocument
            className={buttonClass('secondary')}
          >
            Look again
          </Link>
        </Words>
      );
    case 'ended':
      return <Words title="This event is over" />;
    case 'cancelled':
      return <Words title="This event was cancelled" note="Every ticket is refunded in full." />;
    case 'draft':
      return <Words title="Draft" note="Only you can see this page." />;
  }
}

function Words({ title, note, children }: { title: string; note?: string; children?: ReactNode }) {
  return (
    <>
      <p className="leading-tight">
        <span className="block display text-2xl">{title}</span>
        {note && <span className="text-sm text-soft">{note}</span>}
      </p>
      {children}
    </>
  );
}

function OnSale({ event }: { event: EventInfo }) {
  return (
    <>
      <p className="leading-tight">
        <span className="block text-sm text-soft">from</span>
        <span className="block display text-3xl">
          {formatMoney(event.price_from_minor, event.currency)}
        </span>
      </p>
      <Link
        to="/events/$eventId/seats"
        params={{ eventId: event.id }}
        search={{}}
        data-testid="choose-seats"
        className={`${buttonClass()} px-8!`}
      >
        Choose seats
      </Link>
    </>
  );
}

function Scheduled({ event }: { event: EventInfo }) {
  const opensAt = useOpening(event.id);
  const now = useNow(opensAt !== null);
  return (
    <>
      <Words
        title="On sale soon"
        {...(event.on_sale_at ? { note: formatMoment(event.on_sale_at, event.timezone) } : {})}
      />
      {opensAt !== null && (
        <p className="display text-3xl">
          {now < opensAt ? <Countdown endsAt={opensAt} /> : 'Opening…'}
        </p>
      )}
    </>
  );
}

function Publishing({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const { data } = useQuery(inventoryQuery(event.id));
  const ready = data?.state === 'ready';
  useEffect(() => {
    if (ready) void client.invalidateQueries({ queryKey: eventQuery(event.id).queryKey });
  }, [client, event.id, ready]);
  return (
    <div className="grid w-full gap-2">
      <p className="text-[0.9375rem]">
        Seats are being prepared
        {data && `: ${count(data.generated)} of ${count(data.total)}`}
      </p>
      <Progress label="Seats prepared" value={data?.generated ?? 0} max={data?.total ?? 1} />
    </div>
  );
}
