import { useEffect, useState } from 'react';
import type { EventInfo } from '@/api/types';
import { count } from '@/lib/words';
import type { SeatState } from '@/lib/hall/state';
import { mix } from '@/lib/hall/theme';
import { useHall, type Hall } from '@/lib/hall/useHall';
import { useMapTheme } from '@/lib/hall/useTheme';
import { ErrorState } from '@/ui/ErrorState';
import { Skeleton } from '@/ui/Skeleton';
import { AsTable, Row } from './AsTable';
import { cellsOf, soldShare, STEPS, stepOf, tallyOf, type Cell } from './heat';

const LOOK_MS = 1000;
const SHARES = [0.12, 0.3, 0.5, 0.75, 1];
const BLOCKED = -1;

/** The hall by how much of it is sold. */
export function HeatMap({ event }: { event: EventInfo }) {
  const { hall, connection, error, refetch } = useHall(event);
  if (error) return <ErrorState error={error} what="The hall" onRetry={() => void refetch()} />;
  if (!hall) return <Skeleton label="Loading the hall" className="h-64" />;
  return (
    <section aria-label="The hall" className="grid gap-4">
      <h2 className="display text-3xl">The hall</h2>
      {connection === 'lost' && (
        <p className="text-warn">No connection: the hall may look different by now.</p>
      )}
      <Picture hall={hall} />
    </section>
  );
}

type Paths = ReadonlyMap<number, string>;

/** What is drawn, by its step, as of the last look: the state may change many times a second. */
function usePaths({ scene, state }: Hall): Paths | null {
  const [paths, setPaths] = useState<Paths | null>(null);
  useEffect(() => {
    const cells = cellsOf(scene);
    let seen = -1;
    const look = () => {
      if (!state.known || state.revision === seen) return;
      seen = state.revision;
      setPaths(pathsOf(cells, state));
    };
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [scene, state]);
  return paths;
}

function pathsOf(cells: Cell[], state: SeatState): Paths {
  const paths = new Map<number, string>();
  for (const { outline, seats } of cells) {
    const share = soldShare(tallyOf(seats, state));
    const step = share === null ? BLOCKED : stepOf(share);
    const corners = outline.map(([x, y]) => `${String(x)} ${String(y)}`).join('L');
    paths.set(step, `${paths.get(step) ?? ''}M${corners}Z`);
  }
  return paths;
}

function Picture({ hall }: { hall: Hall }) {
  const { scene } = hall;
  const paths = usePaths(hall);
  const theme = useMapTheme();
  const { x0, y0, x1, y1 } = scene.bounds;
  const strongest = theme.prices[2] ?? theme.ink;
  const color = (step: number) =>
    step === BLOCKED ? theme.line : mix(theme.paper, strongest, SHARES[step] ?? 1);
  if (!paths) return <p className="text-soft">What is sold is not known yet.</p>;
  return (
    <>
      <svg
        role="img"
        aria-label="The hall, in stronger colour where more is sold. The table below has the figures."
        data-testid="heat-map"
        viewBox={`${String(x0)} ${String(y0)} ${String(x1 - x0)} ${String(y1 - y0)}`}
        className="max-h-[28rem] w-full"
      >
        {scene.geometry.shapes.map((shape, index) => (
          <rect
            key={index}
            x={shape.x}
            y={shape.y}
            width={shape.width}
            height={shape.height}
            transform={`rotate(${String(shape.rotation)} ${String(shape.x + shape.width / 2)} ${String(shape.y + shape.height / 2)})`}
            fill="none"
            stroke={theme.soft}
            vectorEffect="non-scaling-stroke"
          />
        ))}
        {[...paths].map(([step, d]) => (
          <path
            key={step}
            d={d}
            data-step={step}
            fill={color(step)}
            stroke={theme.line}
            vectorEffect="non-scaling-stroke"
          />
        ))}
      </svg>
      <ul aria-label="Share sold" className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-soft">
        {STEPS.map((words, step) => (
          <li key={words} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden
              className="size-4 border border-line-strong"
              style={{ background: color(step) }}
            />
            {words} sold
          </li>
        ))}
      </ul>
      <Sections hall={hall} />
    </>
  );
}

function Sections({ hall: { scene, state } }: { hall: Hall }) {
  return (
    <AsTable title="The hall" columns={['Section', 'Sold', 'Held', 'Free', 'Share sold']}>
      {scene.geometry.sections.map((section, index) => {
        const seats = Array.from({ length: section.count }, (_, seat) => section.first + seat);
        const tally = tallyOf(seats, state);
        const share = soldShare(tally);
        const figures = [tally.sold, tally.held, tally.free].map(count);
        figures.push(share === null ? 'Not on sale' : `${String(Math.floor(100 * share))} %`);
        return <Row key={section.id || index} name={section.title} figures={figures} />;
      })}
    </AsTable>
  );
}
