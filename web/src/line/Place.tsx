import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { TimedLine } from '@/api/line';
import { eventQuery } from '@/api/queries';
import type { EventInfo, LineEntry } from '@/api/types';
import { distanceOf, inFront, isTurn } from '@/api/useLine';
import { useNow } from '@/lib/useNow';
import { count, counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { Progress } from '@/ui/Progress';
import { Bell, useBell } from './Bell';
import { EmailMe } from './EmailMe';
import { estimated, estimateWords, nextEstimate, type Estimate } from './estimate';

interface Props {
  event: EventInfo;
  line: TimedLine;
  entry: LineEntry;
  number: number;
}

/** Somebody's place in the line, from the draw until it is over. */
export function Place({ event, line, entry, number }: Props) {
  const bell = useBell(isTurn(line, number));
  return (
    <section aria-label="Your place" className="grid gap-6">
      <p className="leading-none">
        <span className="block text-soft">Your number</span>
        <span className="display text-7xl md:text-8xl" data-testid="line-number">
          {count(number)}
        </span>
        <span className="block pt-2 text-sm text-soft">
          of {count(line.line_length)} in the line
        </span>
      </p>
      <p role="status" data-testid="line-phase" data-phase={line.phase} className="sr-only">
        {spoken(line, number)}
      </p>
      <State event={event} line={line} entry={entry} number={number} bell={bell} />
    </section>
  );
}

/** For a screen reader, whenever it becomes otherwise: what moves with every look would interrupt without end. */
function spoken(line: TimedLine, number: number): string {
  if (line.phase === 'ended') return 'The line has ended.';
  if (line.phase === 'sold_out') return 'Every seat is taken.';
  if (isTurn(line, number)) return 'It is your turn.';
  return line.phase === 'paused' ? 'The line is paused.' : 'The line is moving.';
}

type BellState = ReturnType<typeof useBell>;

function State(props: Props & { bell: BellState }) {
  const { event, line, number } = props;
  if (line.phase === 'ended') {
    return (
      <Words title="The line has ended">
        Nobody is called any more. Thank you for your patience.
      </Words>
    );
  }
  if (line.phase === 'sold_out') {
    return (
      <Words title="Every seat is taken">
        Your number is kept. If someone gives seats back, the line goes on by itself, in the same
        order.
      </Words>
    );
  }
  if (isTurn(line, number)) return <Turn event={event} line={line} />;
  return (
    <>
      {line.phase === 'paused' && (
        <Words title="The line is paused">
          The organizer has paused it for a while. Your number is kept, and the line goes on in the
          same order.
        </Words>
      )}
      <Waiting {...props} />
    </>
  );
}

function Words({ title, children }: { title: string; children: string }) {
  return (
    <div className="grid gap-2">
      <h2 className="display text-4xl">{title}</h2>
      <p className="text-soft">{children}</p>
    </div>
  );
}

function Turn({ event, line }: { event: EventInfo; line: TimedLine }) {
  const client = useQueryClient();
  const eventId = event.id;
  const isKnown = event.state === 'on_sale';
  // What is known of the event is from before the sale opened, or before seats came back: the map would not let in.
  useEffect(() => {
    if (!isKnown) void client.invalidateQueries({ queryKey: eventQuery(eventId).queryKey });
  }, [client, eventId, isKnown, line]);
  return (
    <div className="grid justify-items-start gap-4" data-testid="your-turn">
      <h2 className="display text-4xl md:text-5xl">It is your turn</h2>
      <p>
        Choose your seats now. If you are late you still come in, but seats may be gone by then.
      </p>
      <Link
        to="/events/$eventId/seats"
        params={{ eventId }}
        search={{}}
        data-testid="choose-seats"
        className={`${buttonClass()} px-8!`}
      >
        Choose seats
      </Link>
    </div>
  );
}

function Waiting({ event, line, entry, number, bell }: Props & { bell: BellState }) {
  const distance = distanceOf(line, number);
  const before = inFront(line, number);
  return (
    <>
      <div className="grid gap-3">
        <h2 className="display text-4xl tabular-nums" data-testid="people-in-front">
          {before === 0 ? 'You are next' : `${counted(before, 'person', 'people')} in front of you`}
        </h2>
        <Progress
          label="How far the line has been called towards your number"
          value={Math.min(line.admitted_up_to, number)}
          max={number}
        />
      </div>
      {line.phase === 'open' && <Wait line={line} distance={distance} />}
      {isLikelyTooLate(line, before) && (
        <Notice tone="warn" testId="line-too-late">
          At this pace your turn comes when seats are likely gone.
        </Notice>
      )}
      <p className="text-soft">
        You may close this page: your number belongs to your account, on every device. While it is
        open, its title says how many are in front of you.
      </p>
      <Bell {...bell} />
      <EmailMe eventId={event.id} entry={entry} />
    </>
  );
}

/** Even if everybody in front takes one seat only, none is left. */
function isLikelyTooLate(line: TimedLine, before: number): boolean {
  if (line.seats_left === null) return false;
  return Object.values(line.seats_left).reduce((sum, seats) => sum + seats, 0) <= before;
}

function Wait({ line, distance }: { line: TimedLine; distance: number }) {
  const now = useNow(true);
  const said = useEstimate(line, distance);
  return (
    <p role="status" className="leading-tight">
      <span className="block text-soft">Time until your turn</span>
      <span className="block display text-3xl first-letter:uppercase" data-testid="line-estimate">
        {said ? estimateWords(said, now) : 'not known yet'}
      </span>
      {said?.isLonger && (
        <span className="block pt-1 text-sm text-warn">It takes longer than we said before.</span>
      )}
    </p>
  );
}

/** What is said of the time, carried from one look at the line to the next. */
function useEstimate(line: TimedLine, distance: number): Estimate | null {
  const [seen, setSeen] = useState<{ line: TimedLine; said: Estimate | null } | null>(null);
  if (seen?.line !== line) {
    const now = Date.parse(line.server_time) - line.aheadMs;
    const fresh = line.per_minute && estimated(distance, line.per_minute, now);
    setSeen({ line, said: fresh && nextEstimate(seen?.said ?? null, fresh, now) });
  }
  return seen?.said ?? null;
}
