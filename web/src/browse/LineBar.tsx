import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { entryQuery, onThisClock, type TimedLine } from '@/api/line';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { useLine } from '@/api/useLine';
import { formatMoment } from '@/lib/time';
import { useNow } from '@/lib/useNow';
import { counted } from '@/lib/words';
import { buttonClass } from '@/ui/Button';
import { Countdown } from '@/ui/Countdown';

/** Where an event has a line, its main action is to join it, or to look at one's place. */
export function LineBar({ event }: { event: EventInfo }) {
  const { data: line } = useLine(event.id, null);
  const signedIn = useSession((session) => session.status === 'signed-in');
  const { data: entry } = useQuery({ ...entryQuery(event.id), enabled: signedIn });
  const isOpen = line !== undefined && line.phase !== 'closed' && line.phase !== 'ended';
  const joins = isOpen && signedIn && !entry;
  return (
    <>
      {line ? (
        <Next event={event} line={line} />
      ) : (
        <p className="display text-2xl">Sold by a line</p>
      )}
      <Link
        to="/events/$eventId/line"
        params={{ eventId: event.id }}
        search={joins ? { join: '1' } : {}}
        data-testid={joins ? 'join-line' : 'to-line'}
        className={`${buttonClass()} px-8!`}
      >
        {entry
          ? 'Your place in the line'
          : joins
            ? 'Join the line'
            : isOpen
              ? 'To the line'
              : 'How it works'}
      </Link>
    </>
  );
}

const titles: Record<TimedLine['phase'], string> = {
  closed: 'The lobby opens',
  lobby: 'The lobby is open until',
  sealed: 'The draw is made',
  open: 'On sale, by a line',
  paused: 'The line is paused',
  sold_out: 'Every seat is taken',
  ended: 'The line has ended',
};

function Next({ event, line }: { event: EventInfo; line: TimedLine }) {
  const at = {
    closed: line.lobby_opens_at,
    lobby: line.seals_at,
    sealed: line.on_sale_at,
    open: null,
    paused: null,
    sold_out: null,
    ended: null,
  }[line.phase];
  return (
    <>
      <p className="leading-tight">
        <span className="block display text-2xl">{titles[line.phase]}</span>
        <span className="text-sm text-soft">
          {at === null
            ? `${counted(line.line_length, 'person', 'people')} in the line`
            : formatMoment(at, event.timezone)}
        </span>
      </p>
      {at !== null && <Left endsAt={onThisClock(at, line)} />}
    </>
  );
}

function Left({ endsAt }: { endsAt: number }) {
  const now = useNow(true);
  return (
    <p className="display text-3xl">
      {now < endsAt ? <Countdown endsAt={endsAt} /> : 'Any moment…'}
    </p>
  );
}
