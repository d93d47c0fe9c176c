import { lazy, Suspense } from 'react';
import { useMapTheme } from '@/lib/hall/useTheme';
import { formatClock } from '@/lib/time';
import { Skeleton } from '@/ui/Skeleton';
import { AsTable, Row } from './AsTable';
import { byMinute, type Rows } from './series';

/** The library that draws comes when a chart is shown; without it the words and the table say the same. */
const Plot = lazy(() => import('./Plot').catch(() => ({ default: NoPlot })));

const NoPlot = () => (
  <p className="text-sm text-soft">The picture could not be loaded. Its table has the figures.</p>
);

interface Props {
  title: string;
  rows: Rows;
  seconds: number;
  timezone: string;
  show: (value: number) => string;
}

const DASHES = ['', '6 4', '2 3'];

/** Lines over the last hour, with what they are now in words, and all of it as a table. */
export function Chart({ title, rows, seconds, timezone, show }: Props) {
  const { ink, prices } = useMapTheme();
  const colors = prices.slice(2);
  const clock = (at: number) => formatClock(new Date(at * 1000).toISOString(), timezone);
  const said = (value: number | null | undefined) => (value == null ? 'not known' : show(value));
  return (
    <figure aria-label={title} className="grid min-w-0 gap-2" data-testid="chart">
      <figcaption className="grid gap-1">
        <span className="font-semibold">{title}</span>
        <ul className="flex flex-wrap gap-x-4 text-sm text-soft">
          {rows.series.map(({ name, values }, index) => (
            <li key={name} className="inline-flex items-center gap-1.5">
              <svg aria-hidden viewBox="0 0 24 4" className="h-1 w-6">
                <path
                  d="M0 2h24"
                  stroke={colors[index] ?? ink}
                  strokeWidth="3"
                  strokeDasharray={DASHES[index]}
                />
              </svg>
              {name}: {said(values.at(-1))}
            </li>
          ))}
        </ul>
      </figcaption>
      {rows.at.length < 2 ? (
        <p className="text-sm text-soft">It is drawn when there are two points.</p>
      ) : (
        <>
          <Suspense fallback={<Skeleton label={`Drawing ${title}`} className="h-[180px]" />}>
            <Plot {...{ rows, seconds, show, colors }} clock={(at) => short(clock(at))} />
          </Suspense>
          <AsTable title={title} columns={['Time', ...rows.series.map(({ name }) => name)]}>
            {byMinute(rows).map(({ at, values }) => (
              <Row key={at} name={clock(at)} figures={values.map(said)} />
            ))}
          </AsTable>
        </>
      )}
    </figure>
  );
}

/** On an axis the zone has no room: the table names it. */
const short = (clock: string) => clock.slice(0, 5);
