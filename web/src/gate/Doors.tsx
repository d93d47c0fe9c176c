import type { GateFigures } from '@/api/types';
import { counted } from '@/lib/words';

type GateCount = GateFigures['gates'][number];

/** Who is inside against what the house holds; and what each gate does, by the minute. */
export function Doors({ figures }: { figures: GateFigures }) {
  const { inside, capacity, sold, gates } = figures;
  return (
    <section aria-label="At the doors" className="grid gap-2">
      <p className="flex flex-wrap gap-x-4" data-testid="gate-inside">
        <strong>
          {inside.toLocaleString()} inside of {capacity.toLocaleString()}
        </strong>
        <span className="text-soft">{counted(sold, 'ticket')} sold</span>
      </p>
      <meter
        aria-label="How full the house is"
        min={0}
        max={Math.max(capacity, 1)}
        high={Math.max(capacity * 0.95, 1)}
        value={inside}
        className="h-3 w-full"
      />
      {gates.length > 0 && (
        <details data-testid="gate-doors">
          <summary className="min-h-6 font-semibold">Doors</summary>
          <table className="mt-2 w-full text-sm tabular-nums">
            <thead>
              <tr className="text-left text-soft">
                <th className="font-medium">Gate</th>
                <th className="text-right font-medium">In</th>
                <th className="text-right font-medium">Out</th>
                <th className="text-right font-medium">Refused</th>
                <th className="pl-4 font-medium">A minute</th>
              </tr>
            </thead>
            <tbody>
              {gates.map((one) => (
                <tr key={one.gate} className="border-t border-line">
                  <th scope="row" className="py-2 text-left font-medium wrap-anywhere">
                    {one.gate}
                  </th>
                  <td className="text-right">{one.admitted}</td>
                  <td className="text-right">{one.checked_out}</td>
                  <td className="text-right">{one.refused}</td>
                  <td className="pl-4">
                    <Minutes count={one} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}

const HEIGHT = 24;

function Minutes({ count: { gate, minutes } }: { count: GateCount }) {
  const most = Math.max(1, ...minutes.map(({ admitted }) => admitted));
  const last = minutes.at(-1)?.admitted ?? 0;
  return (
    <svg
      role="img"
      aria-label={`${gate}: ${String(last)} in the last minute, ${String(most)} at most in ${String(minutes.length)} minutes`}
      viewBox={`0 0 ${String(minutes.length * 4)} ${String(HEIGHT)}`}
      className="h-6 w-full max-w-40 fill-current"
      preserveAspectRatio="none"
    >
      {minutes.map(({ at, admitted }, place) => {
        const height = (admitted / most) * HEIGHT;
        return <rect key={at} x={place * 4} y={HEIGHT - height} width={3} height={height} />;
      })}
    </svg>
  );
}
