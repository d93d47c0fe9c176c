import { onThisClock, type TimedLine } from '@/api/line';
import type { LineEntry } from '@/api/types';
import type { EventInfo } from '@/api/types';
import { saveFile } from '@/lib/download';
import { formatClock, formatMoment } from '@/lib/time';
import { useNow } from '@/lib/useNow';
import { count } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Countdown } from '@/ui/Countdown';
import { Notice } from '@/ui/Notice';
import { EmailMe } from './EmailMe';
import { Join } from './Join';

interface Props {
  event: EventInfo;
  line: TimedLine;
  entry: LineEntry | null | undefined;
  entryError: Error | null;
  joinAtOnce: boolean;
}

/** For whoever has no number: before the draw nobody has one, after it who joins gets the next. */
export function Lobby({ event, line, entry, entryError, joinAtOnce }: Props) {
  return (
    <>
      <Stage event={event} line={line} />
      {entry ? (
        <Joined event={event} line={line} entry={entry} />
      ) : (
        <Join event={event} line={line} atOnce={joinAtOnce} entryError={entryError} />
      )}
      <Steps event={event} line={line} />
    </>
  );
}

const titles: Record<TimedLine['phase'], string> = {
  closed: 'The lobby opens soon',
  lobby: 'The lobby is open',
  sealed: 'The lobby is closed, the draw is next',
  open: 'The line is moving',
  paused: 'The line is paused',
  sold_out: 'Every seat is taken',
  ended: 'The line has ended',
};

/** What comes next, and when by the server's clock. */
function Stage({ event, line }: { event: EventInfo; line: TimedLine }) {
  const next = nextMoment(line);
  return (
    <section aria-label="Where the sale is" className="grid gap-4">
      <div role="status" data-testid="line-phase" data-phase={line.phase}>
        <h2 className="display text-4xl">{titles[line.phase]}</h2>
      </div>
      {next && <Until event={event} line={line} {...next} />}
      {line.late !== '' && (
        <Notice tone="warn" title="The sale opens late" testId="line-late">
          {line.late}
        </Notice>
      )}
      {line.phase === 'paused' && <p>The organizer has paused it. It goes on in the same order.</p>}
      {line.phase === 'sold_out' && (
        <p>If someone gives seats back, the line goes on by itself, in the same order.</p>
      )}
      {line.phase === 'ended' && <p>Nobody can join it any more.</p>}
    </section>
  );
}

interface Moment {
  name: string;
  at: string;
}

function nextMoment(line: TimedLine): Moment | null {
  switch (line.phase) {
    case 'closed':
      return { name: 'The lobby opens', at: line.lobby_opens_at };
    case 'lobby':
      return { name: 'The lobby closes', at: line.seals_at };
    case 'sealed':
      return { name: 'The draw', at: line.on_sale_at };
    default:
      return null;
  }
}

function Until({ event, line, name, at }: Moment & { event: EventInfo; line: TimedLine }) {
  const endsAt = onThisClock(at, line);
  const now = useNow(true);
  return (
    <div className="grid gap-1 border-y border-line py-5">
      <p className="text-soft">
        {name} {formatMoment(at, event.timezone)}
      </p>
      <p className="display text-6xl md:text-7xl">
        {now < endsAt ? <Countdown endsAt={endsAt} /> : 'Any moment…'}
      </p>
    </div>
  );
}

const EARLY = 'You need not do anything until the draw, and it does not matter how early you came.';
const LATE =
  'The lobby had closed before you joined: your number comes after those of everybody in the draw.';

function Joined({ event, line, entry }: { event: EventInfo; line: TimedLine; entry: LineEntry }) {
  const isComing = !['closed', 'lobby', 'sealed'].includes(line.phase);
  const isOver = line.phase === 'ended';
  const save = () =>
    saveFile(new Blob([entry.receipt], { type: 'text/plain' }), `receipt-${event.id}.txt`);
  return (
    <section aria-label="Your entry" className="grid gap-4" data-testid="line-joined">
      <Notice tone="ok" title="You are in">
        {isComing && !isOver && 'Your number is on its way.'}
        {!isComing &&
          `${entry.in_draw === false ? LATE : EARLY} You may close this page: your place belongs to your account, on every device.`}
        {isOver && 'Your number was not called.'}
      </Notice>
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
        <Button kind="secondary" onClick={save}>
          Save the receipt
        </Button>
        <p className="text-sm text-soft">Joined {formatMoment(entry.joined_at, event.timezone)}</p>
      </div>
      {!isOver && <EmailMe eventId={event.id} entry={entry} />}
    </section>
  );
}

/** What will happen, before it has. */
function Steps({ event, line }: { event: EventInfo; line: TimedLine }) {
  if (!['closed', 'lobby', 'sealed'].includes(line.phase)) return null;
  const at = (moment: string) => formatClock(moment, event.timezone);
  const steps = [
    [
      `Lobby, from ${at(line.lobby_opens_at)}`,
      'Join when you like. Who comes first has no better chance than who comes last.',
    ],
    [
      `Lobby closes, ${at(line.seals_at)}`,
      'The list is sealed. Who joins later stands behind everybody on it.',
    ],
    [`Draw, ${at(line.on_sale_at)}`, 'Chance makes the list a line: everybody gets a number.'],
    [
      'Your turn',
      'The line is called in order, as fast as the shop can serve. Then you choose your seats and pay.',
    ],
  ];
  return (
    <section aria-label="What will happen" className="grid gap-3">
      <h2 className="display text-3xl">What will happen</h2>
      <ol className="divide-y divide-line border-y border-line">
        {steps.map(([name, words], index) => (
          <li key={name} className="grid grid-cols-[2rem_1fr] gap-x-3 py-3">
            <span aria-hidden className="display text-2xl text-soft">
              {count(index + 1)}
            </span>
            <p>
              <span className="block font-medium">{name}</span>
              <span className="text-soft">{words}</span>
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}
