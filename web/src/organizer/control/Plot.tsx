import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useMapTheme } from '@/lib/hall/useTheme';
import { withGaps, type Rows } from './series';

interface Props {
  rows: Rows;
  /** Between two points. */
  seconds: number;
  colors: readonly string[];
  show: (value: number) => string;
  clock: (seconds: number) => string;
}

const HEIGHT_PX = 180;
const DASHES = [[], [6, 4], [2, 3]];
const AXIS_PX = 64;

/** The picture of a chart; what it says is in words and in a table beside it. */
export default function Plot({ rows, seconds, colors, show, clock }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ show, clock });
  const theme = useMapTheme();
  const names = rows.series.map(({ name }) => name).join('\n');

  useEffect(() => {
    latest.current = { show, clock };
  }, [show, clock]);

  useEffect(() => {
    const parent = place.current;
    if (!parent) return undefined;
    const axis = {
      stroke: theme.soft,
      grid: { stroke: theme.line, width: 1 },
      ticks: { show: false },
    };
    const font = `12px 'Inter Variable', sans-serif`;
    const made = new uPlot(
      {
        width: Math.max(parent.clientWidth, AXIS_PX),
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most) * 1.05] } },
        axes: [
          { ...axis, font, values: (_, ticks) => ticks.map((tick) => latest.current.clock(tick)) },
          {
            ...axis,
            font,
            size: AXIS_PX,
            values: (_, ticks) => ticks.map((tick) => latest.current.show(tick)),
          },
        ],
        series: [
          {},
          ...names.split('\n').map((label, index) => ({
            label,
            stroke: colors[index] ?? theme.ink,
            width: 2,
            dash: DASHES[index] ?? [],
            points: { show: false },
          })),
        ],
      },
      [[], ...names.split('\n').map(() => [])],
      parent,
    );
    plot.current = made;
    const resized = new ResizeObserver(() =>
      made.setSize({ width: Math.max(parent.clientWidth, AXIS_PX), height: HEIGHT_PX }),
    );
    resized.observe(parent);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, colors, theme]);

  useEffect(() => {
    const { at, series } = withGaps(rows, seconds);
    plot.current?.setData([at, ...series.map(({ values }) => values)]);
  }, [rows, seconds, names, colors, theme]);

  return <div ref={place} aria-hidden className="min-w-0" data-testid="plot" />;
}
