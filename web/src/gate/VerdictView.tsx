import { Check, CircleHelp, RotateCcw, ScanLine, X } from 'lucide-react';
import { formatMoment, localTimeZone } from '@/lib/time';
import { placeName } from '@/lib/words';
import { resultWords, uncheckedWords, type Verdict, type VerdictWords } from './verdict';

const colors: Record<VerdictWords['look'], string> = {
  go: 'bg-[#0b6b34] text-white',
  stop: 'bg-[#b00d1e] text-white',
  wait: 'bg-[#f2b824] text-[#14161a]',
};
const icons = { go: Check, stop: X, wait: CircleHelp };

const wordsOf = (verdict: Verdict) =>
  verdict.kind === 'answer' ? resultWords[verdict.checkin.result] : uncheckedWords;

export function verdictColors(verdict: Verdict | null): string {
  return verdict ? colors[wordsOf(verdict).look] : '';
}

interface Props {
  verdict: Verdict | null;
  checking: boolean;
  onRetry: (code: string, scanId: string, scannedAt: string) => void;
}

/** Colour, icon and word say the same thing, so any one of them is enough. */
export function VerdictView({ verdict, checking, onRetry }: Props) {
  if (!verdict) {
    return (
      <div className="mx-auto grid w-full max-w-4xl gap-3 text-soft">
        <ScanLine aria-hidden className="size-16" strokeWidth={1.25} />
        <p className="display text-5xl md:text-7xl">Ready for the first ticket</p>
      </div>
    );
  }
  const { word, look } = wordsOf(verdict);
  const Icon = icons[look];
  return (
    <div
      role="alert"
      aria-busy={checking}
      data-testid="gate-verdict"
      data-result={verdict.kind === 'answer' ? verdict.checkin.result : 'unchecked'}
      className="mx-auto grid w-full max-w-4xl gap-4"
    >
      <Icon aria-hidden className="size-24 md:size-36" strokeWidth={2.5} />
      <p className="display text-7xl uppercase md:text-[9rem]">{word}</p>
      <div className="grid gap-1 text-lg md:text-2xl">
        <Detail verdict={verdict} />
      </div>
      {verdict.kind === 'unchecked' && (
        <button
          type="button"
          className="inline-flex min-h-12 items-center gap-2 justify-self-start rounded-md border-2 border-current px-5 font-semibold"
          onClick={() => onRetry(verdict.code, verdict.scanId, verdict.scannedAt)}
        >
          <RotateCcw aria-hidden className="size-5" />
          Check the same ticket again
        </button>
      )}
    </div>
  );
}

function Detail({ verdict }: { verdict: Verdict }) {
  if (verdict.kind === 'unchecked') return <p>{verdict.why}</p>;
  const { result, ticket, first_admission: first } = verdict.checkin;
  return (
    <>
      {ticket && (
        <p className="font-semibold">
          {placeName(ticket.seat)} · {ticket.seat.category}
        </p>
      )}
      {first && (
        <p>
          First admitted {formatMoment(first.at, localTimeZone)} at {first.gate}
        </p>
      )}
      {result === 'wrong_event' && <p>This ticket is for another event.</p>}
      {result === 'refunded' && <p>The money for this ticket went back.</p>}
      {result === 'invalid' && <p>No ticket has this code.</p>}
    </>
  );
}
