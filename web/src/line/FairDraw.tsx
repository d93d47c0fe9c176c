import { auditPath, proofPath, type TimedLine } from '@/api/line';
import type { LineEntry } from '@/api/types';
import { isDrawn } from '@/api/useLine';
import { CheckDraw } from './CheckDraw';
import { SaveButton } from '@/ui/SaveButton';

const link = 'font-medium underline underline-offset-4';

/** Everything that somebody needs who does not believe the draw. */
export function FairDraw({ line, entry }: { line: TimedLine; entry: LineEntry | null }) {
  const drawn = isDrawn(line.phase) && line.root !== null;
  const values = [
    ['Commitment', line.commitment],
    ['Root of the sealed list', line.root],
    ['Your entrant', entry?.entrant ?? null],
  ].filter((value): value is [string, string] => value[1] !== null);
  return (
    <details className="group border-y border-line py-4" data-testid="fair-draw">
      <summary className="min-h-6 display text-3xl">How the draw can be checked</summary>
      <div className="grid gap-4 pt-4 text-[0.9375rem]">
        <p>
          The secret of the draw was fixed before anybody joined, and the list of those who joined
          is sealed before the draw. Note these values, and compare them with the audit afterwards.
        </p>
        <dl className="grid gap-3">
          {values.map(([name, value]) => (
            <div key={name}>
              <dt className="text-sm text-soft">{name}</dt>
              <dd className="font-mono text-xs">{value}</dd>
            </div>
          ))}
        </dl>
        {drawn ? (
          <>
            <CheckDraw line={line} entry={entry} />
            <p>
              You need not believe this page. The{' '}
              <a href={auditPath(line.event_id)} download="audit.json" className={link}>
                audit
              </a>{' '}
              has all that is needed to repeat the draw.{' '}
              <a href="/verify-draw.py" download className={link}>
                verify-draw.py
              </a>{' '}
              does so with Python alone:
            </p>
            <code className="rounded-md bg-sunk p-3 text-xs wrap-anywhere">
              python3 verify-draw.py audit.json{entry ? ' YOUR_ENTRANT' : ''}
            </code>
            {entry && (
              <SaveButton path={proofPath(line.event_id)} name={`proof-${line.event_id}.json`}>
                Your own proof
              </SaveButton>
            )}
          </>
        ) : (
          <p className="text-soft">
            After the draw, the audit with which everybody can repeat it is here, and the script
            that does so.
          </p>
        )}
      </div>
    </details>
  );
}
