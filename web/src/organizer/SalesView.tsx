import { files } from '@/api/calls';
import type { EventInfo, Sales } from '@/api/types';
import { useSalesLive } from '@/api/useSalesLive';
import { formatMoney } from '@/lib/money';
import { formatClock } from '@/lib/time';
import { count, counted } from '@/lib/words';
import { ErrorState } from '@/ui/ErrorState';
import { SaveButton } from '@/ui/SaveButton';
import { Skeleton } from '@/ui/Skeleton';

export function SalesView({ event }: { event: EventInfo }) {
  const { data, error, refetch } = useSalesLive(event.id);
  if (error && !data) {
    return <ErrorState error={error} what="The sales figures" onRetry={() => void refetch()} />;
  }
  if (!data) return <Skeleton label="Loading sales" className="h-64" />;
  return (
    <section aria-label="Sales" className="grid gap-10">
      <Figures sales={data} />
      <Share sales={data} />
      <ByCategory sales={data} />
      {data.per_minute.length > 0 && <PerMinute sales={data} event={event} />}
      <div>
        <SaveButton path={files.ordersCsv(event.id)} name={`orders-${event.id}.csv`}>
          Orders as CSV
        </SaveButton>
      </div>
    </section>
  );
}

function Figures({ sales }: { sales: Sales }) {
  const figures = [
    ['Seats sold', count(sales.sold)],
    ['Sales', formatMoney(sales.gross_minor, sales.currency)],
    ['Orders', count(sales.orders)],
    ['Refunded', formatMoney(sales.refunded_minor, sales.currency)],
    ['Admitted', count(sales.admitted)],
  ];
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-6 border-y border-line py-6 md:grid-cols-5">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt className="text-sm text-soft">{name}</dt>
          <dd className="display text-4xl md:text-5xl">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Sold and held as shares of the house; the words below carry the numbers. */
function Share({ sales }: { sales: Sales }) {
  const percent = (value: number) =>
    `${String(sales.total > 0 ? (100 * value) / sales.total : 0)}%`;
  return (
    <div className="grid gap-2">
      <div aria-hidden className="flex h-4 overflow-hidden rounded-sm bg-line">
        <div className="bg-ink" style={{ width: percent(sales.sold) }} />
        <div className="bg-line-strong" style={{ width: percent(sales.held) }} />
      </div>
      <p className="text-sm text-soft">
        {count(sales.sold)} sold, {count(sales.held)} held right now, {count(sales.available)} free,
        of {counted(sales.total, 'seat')}
      </p>
    </div>
  );
}

function ByCategory({ sales }: { sales: Sales }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-[0.9375rem]">
        <thead>
          <tr className="border-b border-line text-left text-sm text-soft">
            <th scope="col" className="py-2 font-medium">
              Category
            </th>
            <th scope="col" className="py-2 pl-4 text-right font-medium">
              Sold
            </th>
            <th scope="col" className="py-2 pl-4 text-right font-medium">
              Of
            </th>
            <th scope="col" className="py-2 pl-4 text-right font-medium">
              Sales
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line border-b border-line">
          {sales.by_category.map((row) => (
            <tr key={row.category}>
              <th scope="row" className="py-2.5 text-left font-medium">
                {row.category}
              </th>
              <td className="py-2.5 pl-4 text-right">{count(row.sold)}</td>
              <td className="py-2.5 pl-4 text-right text-soft">{count(row.total)}</td>
              <td className="py-2.5 pl-4 text-right font-semibold">
                {formatMoney(row.gross_minor, sales.currency)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MINUTES = 60;

function PerMinute({ sales, event }: { sales: Sales; event: EventInfo }) {
  const minutes = sales.per_minute.slice(-MINUTES);
  const most = Math.max(1, ...minutes.map((minute) => minute.seats));
  const first = minutes[0];
  const last = minutes.at(-1);
  return (
    <figure className="grid gap-2">
      <figcaption className="flex flex-wrap justify-between gap-x-4 text-sm text-soft">
        <span>Seats sold per minute, at most {count(most)}</span>
        {first && last && (
          <span>
            {formatClock(first.at, event.timezone)} to {formatClock(last.at, event.timezone)}
          </span>
        )}
      </figcaption>
      <svg
        role="img"
        aria-label={`Seats sold per minute, at most ${count(most)}`}
        viewBox={`0 0 ${String(MINUTES * 10)} 100`}
        preserveAspectRatio="none"
        className="h-28 w-full border-b border-line text-ink"
      >
        {minutes.map((minute, index) => {
          const height = (96 * minute.seats) / most;
          return (
            <rect
              key={minute.at}
              x={index * 10 + 1}
              y={100 - height}
              width={8}
              height={height}
              fill="currentColor"
            />
          );
        })}
      </svg>
    </figure>
  );
}
