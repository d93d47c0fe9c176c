import { useState } from 'react';
import { lineAudit, type TimedLine } from '@/api/line';
import type { LineEntry } from '@/api/types';
import { ApiError } from '@/api/problem';
import { count, counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { canHash } from '@/lib/marks';
import { faultsOf } from './draw';

interface Props {
  line: TimedLine;
  entry: LineEntry | null;
}

type Outcome = { kind: 'unread' } | { kind: 'checked'; places: number; faults: string[] };

/** Repeats the draw on this device, at a press: the audit of a large line is several megabytes. */
export function CheckDraw({ line, entry }: Props) {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const check = async () => {
    setBusy(true);
    setOutcome(null);
    try {
      const audit = await lineAudit(line.event_id);
      const { commitment, root, partner_commitment: partnerCommitment } = line;
      const faults = await faultsOf(audit, { commitment, root, partnerCommitment, own: entry });
      setOutcome({ kind: 'checked', places: audit.entrants.length, faults });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setOutcome({ kind: 'unread' });
    } finally {
      setBusy(false);
    }
  };
  if (!canHash()) return null;
  return (
    <div className="grid justify-items-start gap-3">
      <Button
        kind="secondary"
        busy={busy && 'Checking'}
        onClick={() => void check()}
        data-testid="check-draw"
      >
        Check the draw
      </Button>
      {outcome && <Result outcome={outcome} entry={entry} />}
    </div>
  );
}

function Result({ outcome, entry }: { outcome: Outcome; entry: LineEntry | null }) {
  if (outcome.kind === 'unread') {
    return (
      <Notice tone="bad" title="Not checked">
        The audit could not be loaded. Try again in a moment.
      </Notice>
    );
  }
  const { places, faults } = outcome;
  if (faults.length > 0) {
    return (
      <Notice tone="bad" title="The draw does not hold" testId="draw-fails">
        <ul>
          {faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
        <p className="pt-2">Keep the audit and your receipt, and ask the organizer about it.</p>
      </Notice>
    );
  }
  return (
    <Notice tone="ok" title="The draw holds" testId="draw-holds">
      This device has drawn {counted(places, 'place')} again, with the same numbers.
      {entry?.number != null &&
        (entry.number > places
          ? ' You joined after the draw, so your number comes after these.'
          : ` Yours is ${count(entry.number)}.`)}
    </Notice>
  );
}
