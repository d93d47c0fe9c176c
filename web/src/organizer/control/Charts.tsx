import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { salesQuery } from '@/api/queries';
import type { EventInfo, LineHistory, Sales } from '@/api/types';
import { lineHistoryQuery } from '@/api/useLineControl';
import { formatMoney } from '@/lib/money';
import { count } from '@/lib/words';
import { ErrorState } from '@/ui/ErrorState';
import { Skeleton } from '@/ui/Skeleton';
import { Chart } from './Chart';
import type { Rows } from './series';

const MINUTE_S = 60;

/** The last hour of the line and its shop: the same after a reload and on another device. */
export function Charts({ event, until }: { event: EventInfo; until: string | null }) {
  const { data, error, refetch } = useQuery(lineHistoryQuery(event.id, until));
  const { data: sales } = useQuery(salesQuery(event.id));
  const charts = useMemo(() => data && chartsOf(data), [data]);
  const revenue = useMemo(() => sales && revenueOf(sales), [sales]);
  if (error && !data) {
    return <ErrorState error={error} what="The last hour" onRetry={() => void refetch()} />;
  }
  if (!charts || !data) return <Skeleton label="Loading the last hour" className="h-64" />;
  const shared = { timezone: event.timezone, seconds: data.point_seconds };
  return (
    <section aria-label="The last hour" className="grid gap-6">
      <h2 className="display text-3xl">The last hour</h2>
      <div className="grid gap-8 lg:grid-cols-2">
        <Chart {...shared} title="People" rows={charts.people} show={whole} />
        <Chart {...shared} title="Seats" rows={charts.seats} show={whole} />
        {revenue && (
          <Chart
            {...shared}
            title="Revenue a minute"
            rows={revenue}
            seconds={MINUTE_S}
            show={(minor) => formatMoney(Math.round(minor), event.currency)}
          />
        )}
        <Chart {...shared} title="A hold takes" rows={charts.holds} show={millis} />
        <Chart
          {...shared}
          title="Refused and failed, in ten seconds"
          rows={charts.refused}
          show={whole}
        />
      </div>
    </section>
  );
}

const whole = (value: number) => count(Math.round(value));
export const millis = (seconds: number) =>
  seconds < 0.01 ? `${(seconds * 1000).toFixed(1)} ms` : `${count(Math.round(seconds * 1000))} ms`;

function chartsOf(history: LineHistory) {
  const { at } = history;
  const rows = (...series: [name: string, values: (number | null)[]][]): Rows => ({
    at,
    series: series.map(([name, values]) => ({ name, values })),
  });
  return {
    people: rows(['Waiting', history.waiting], ['Inside', history.inside]),
    seats: rows(['Sold', history.seats_sold], ['Held', history.seats_held]),
    holds: rows(
      ['Half of them', history.hold_p50_seconds],
      ['95 of 100', history.hold_p95_seconds],
    ),
    refused: rows(['Refusals', history.refusals], ['Failed payments', history.payment_failures]),
  };
}

function revenueOf({ per_minute: minutes }: Sales): Rows {
  return {
    at: minutes.map((minute) => Date.parse(minute.at) / 1000),
    series: [{ name: 'Revenue', values: minutes.map((minute) => minute.gross_minor) }],
  };
}
