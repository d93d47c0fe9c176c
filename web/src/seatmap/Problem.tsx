import { Link } from '@tanstack/react-router';
import type { EventInfo } from '@/api/types';
import { formatMoment } from '@/lib/time';
import { counted, listed } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { mostSeats, nameOf } from './basket';
import { suggest } from './map/best';
import type { SeatState } from '@/lib/hall/state';
import type { HoldProblem } from './useHold';

interface Props {
  event: EventInfo;
  state: SeatState;
  problem: HoldProblem;
  onTake: (ordinals: number[]) => void;
}

/** Why the hold was refused, and what can be done about it. */
export function Problem({ event, state, problem, onTake }: Props) {
  switch (problem.kind) {
    case 'taken':
      return <Taken {...{ event, state, onTake }} taken={problem.taken} />;
    case 'mine':
      return <Mine state={state} mine={problem.mine} holdId={problem.holdId} />;
    case 'unknown':
      return (
        <Notice
          tone="warn"
          title="We don’t know yet whether the seats are held"
          testId="hold-problem"
        >
          The server did not answer. Press the button again: it repeats the same request and cannot
          hold seats twice.
        </Notice>
      );
    case 'refused':
      return (
        <Notice tone="bad" title="The seats are not held" testId="hold-problem">
          {refusalWords(problem, event)}
        </Notice>
      );
  }
}

function Mine({ state, mine, holdId }: { state: SeatState; mine: number[]; holdId: string }) {
  const names = [...new Set(mine.map((ordinal) => nameOf(state.geometry, ordinal)))];
  return (
    <Notice title={`You hold ${listed(names)} already`} testId="hold-problem">
      <Link
        to="/checkout/$holdId"
        params={{ holdId }}
        className="inline-flex min-h-6 items-center font-semibold underline underline-offset-4"
      >
        Continue with what you hold
      </Link>
    </Notice>
  );
}

function refusalWords(problem: HoldProblem & { kind: 'refused' }, event: EventInfo): string {
  const { error } = problem;
  const { available, limit, limit_of: limitOf, on_sale_at: onSale, opens_at: opens } = error.body;
  switch (error.code) {
    case 'not_enough_seats':
      return typeof available === 'number'
        ? `Only ${counted(available, 'place')} are left there.`
        : error.message;
    case 'hold_limit':
      return typeof limit === 'number' && limitOf !== 'seats'
        ? `You have ${counted(limit, 'hold')} of this event running. Pay for one or give one back first.`
        : error.message;
    case 'not_on_sale':
      return typeof onSale === 'string'
        ? `The sale opens ${formatMoment(onSale, event.timezone)}.`
        : error.message;
    case 'access_code_required':
      return 'Seats are for those with an access code now. Enter yours on the event’s page.';
    case 'presale_not_open':
      return typeof opens === 'string'
        ? `Your presale opens ${formatMoment(opens, event.timezone)}.`
        : error.message;
    case 'presale_over':
      return typeof onSale === 'string'
        ? `Your presale is over. Everybody can buy from ${formatMoment(onSale, event.timezone)} on.`
        : error.message;
    default:
      return error.status === 429
        ? `Too many requests right now. Try again in ${counted(error.retryAfterSeconds ?? 5, 'second')}; your choice stays here.`
        : error.message;
  }
}

interface TakenProps {
  event: EventInfo;
  state: SeatState;
  taken: number[];
  onTake: (ordinals: number[]) => void;
}

function Taken({ event, state, taken, onTake }: TakenProps) {
  const { geometry } = state;
  if (taken.length === 0) {
    return (
      <Notice tone="warn" title="Others took those places" testId="hold-problem">
        We chose other places in the same area. Press the button again to hold them.
      </Notice>
    );
  }
  const names = [...new Set(taken.map((ordinal) => nameOf(geometry, ordinal)))];
  const first = taken[0] ?? 0;
  const free =
    state.selected.size + taken.length <= mostSeats(event)
      ? (suggest(state, {
          quantity: taken.length,
          category: geometry.category[first] ?? 0,
          section: geometry.section[first] ?? 0,
          avoid: state.selected,
          near: { x: geometry.x[first] ?? 0, y: geometry.y[first] ?? 0 },
        })?.ordinals ?? [])
      : [];
  return (
    <Notice tone="bad" title="Someone else was faster" testId="hold-problem">
      <p>
        Someone else just took {listed(names)}. {taken.length === 1 ? 'It is' : 'They are'} out of
        your choice.
      </p>
      {free.length > 0 && (
        <Button kind="secondary" className="mt-3" onClick={() => onTake(free)}>
          Take {listed(free.map((ordinal) => nameOf(geometry, ordinal)))} at the same price
        </Button>
      )}
    </Notice>
  );
}
