import {
  CircleCheckBig,
  LoaderCircle,
  OctagonX,
  ScanLine,
  SquareArrowRight,
  TriangleAlert,
} from 'lucide';
import { formatMoment, localTimeZone } from '@/lib/time';
import { placeName } from '@/lib/words';
import { Icon } from '@/ui/Icon';
import type { GateState } from './machine';
import type { Direction } from './settings';
import { resultOf, wordsOf, type Look, type Verdict } from './verdict';

const colors: Record<Look, string> = {
  go: 'bg-[#0b6b34] text-white',
  out: 'bg-[#14509e] text-white',
  stop: 'bg-[#b00d1e] text-white',
  wait: 'bg-[#f2b824] text-[#14161a]',
};
/** Circle, square, octagon, triangle: told apart without colour and from afar. */
const icons = { go: CircleCheckBig, out: SquareArrowRight, stop: OctagonX, wait: TriangleAlert };

/** Only a verdict has a colour: while a ticket is checked the screen says nothing of the one before. */
export function screenColors(shown: GateState['shown']): string {
  return shown.kind === 'verdict' ? colors[wordsOf(shown.verdict).look] : '';
}

interface ViewProps {
  shown: GateState['shown'];
  behind: number;
  direction: Direction;
}

export function VerdictView({ shown, behind, direction }: ViewProps) {
  switch (shown.kind) {
    case 'idle':
      return (
        <Neutral icon={<Icon of={ScanLine} className="size-16" strokeWidth={1.25} />}>
          {direction === 'in' ? 'Ready for the first ticket' : 'Ready for who leaves'}
        </Neutral>
      );
    case 'checking':
      return (
        <Neutral icon={<Icon of={LoaderCircle} className="size-16" strokeWidth={1.25} />}>
          <span data-testid="gate-checking">Checking…</span>
          <Counter number={shown.number} behind={behind} />
        </Neutral>
      );
    case 'verdict':
      // A new number is a new element: it flashes and is announced, however equal its words.
      return (
        <VerdictWordsView
          key={shown.number}
          number={shown.number}
          verdict={shown.verdict}
          behind={behind}
        />
      );
  }
}

function Neutral({ icon, children }: { icon: React.ReactNode; children: React.ReactNode }) {
  return (
    <div role="status" className="mx-auto grid w-full max-w-4xl gap-3 text-soft">
      {icon}
      <p className="grid gap-2 display text-5xl md:text-7xl">{children}</p>
    </div>
  );
}

function Counter({ number, behind }: { number: number; behind: number }) {
  return (
    <span className="text-lg font-medium md:text-2xl" data-testid="gate-number">
      Scan {number}
      {behind > 0 && ` · ${String(behind)} waiting`}
    </span>
  );
}

interface Props {
  number: number;
  verdict: Verdict;
  behind: number;
}

/** Colour, icon and word say the same thing, so any one of them is enough. */
function VerdictWordsView({ number, verdict, behind }: Props) {
  const { word, look } = wordsOf(verdict);
  const icon = icons[look];
  return (
    <div
      role="alert"
      data-testid="gate-verdict"
      data-result={resultOf(verdict)}
      data-number={number}
      className="mx-auto grid w-full max-w-4xl animate-flash gap-4"
    >
      <Icon of={icon} className="size-24 md:size-36" strokeWidth={2.5} />
      <p className="display text-7xl uppercase md:text-[9rem]">{word}</p>
      <div className="grid gap-1 text-lg md:text-2xl">
        {verdict.kind === 'answer' ? <Answer verdict={verdict} /> : <p>{verdict.why}</p>}
      </div>
      <Counter number={number} behind={behind} />
    </div>
  );
}

function Answer({ verdict }: { verdict: Extract<Verdict, { kind: 'answer' }> }) {
  const { result, ticket, event, reason, flags, first_admission: first } = verdict.checkin;
  return (
    <>
      {event && (
        <p data-testid="gate-verdict-event">
          {event.title} · {formatMoment(event.starts_at, event.timezone)}
        </p>
      )}
      {ticket && (
        <p className="font-semibold">
          {placeName(ticket.seat)} · {ticket.seat.category}
        </p>
      )}
      {flags.includes('overridden') && <p data-testid="gate-overridden">Let in by a supervisor</p>}
      {flags.includes('not_supervisor') && (
        <p>Only the event&apos;s organizer or an administrator can let in.</p>
      )}
      {flags.includes('re_entry') && <p data-testid="gate-again">Comes in again</p>}
      {first && (
        <p>
          First admitted {formatMoment(first.at, localTimeZone)} at {first.gate}
        </p>
      )}
      {result === 'refunded' && <p>The money for this ticket went back.</p>}
      {result === 'not_inside' && <p>{reason}</p>}
      {result === 'invalid' && <p>{reason ?? 'No ticket has this code.'}</p>}
    </>
  );
}
