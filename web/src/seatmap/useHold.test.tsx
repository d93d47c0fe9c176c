import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it } from 'vitest';
import type { Hold } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { aHold, anEvent, aSeat } from '@/test/events';
import { aPass } from '@/test/line';
import { renderPage } from '@/test/render';
import { SeatState } from '@/lib/hall/state';
import { HELD } from '@/lib/hall/status';
import { smallHall } from '@/lib/hall/testing';
import { Problem } from './Problem';
import { useHold } from './useHold';
import { useMine } from './useMine';

const event = anEvent();
let state: SeatState;
let made: Hold[];
let keys: (string | null)[];

beforeEach(() => {
  signInAs('buyer');
  state = new SeatState(smallHall());
  state.load({ version: '1', status: new Uint8Array(25) });
  made = [];
  keys = [];
  answer('get', '/events/evt_1/sections/s1/seats', () =>
    HttpResponse.json({ items: Array.from({ length: 20 }, (_, i) => aSeat(i)), next_cursor: null }),
  );
  answer('get', '/holds', () => HttpResponse.json({ items: made, next_cursor: null }));
  answer('get', '/orders', () => HttpResponse.json({ items: [], next_cursor: null }));
});

function Picker() {
  const { place, busy, problem } = useHold(event, state);
  useMine(event, state);
  return (
    <>
      <button type="button" disabled={busy} onClick={() => void place()}>
        Hold
      </button>
      {problem && <Problem {...{ event, state, problem }} onTake={() => undefined} />}
    </>
  );
}

function choose(...ordinals: number[]) {
  state.select(ordinals);
  const page = renderPage(<Picker />);
  const press = async () => userEvent.click(await screen.findByRole('button', { name: 'Hold' }));
  const path = () => page.router.state.location.pathname;
  return { press, path };
}

/** The first request makes the hold; no request gets its answer. */
function loseAnswers(ordinals: number[]) {
  answer('post', '/events/evt_1/holds', ({ request }) => {
    keys.push(request.headers.get('idempotency-key'));
    made = [aHold('hld_1', ordinals)];
    return HttpResponse.error();
  });
}

it('goes on to the checkout when the answer was lost and the hold was made', async () => {
  const { press, path } = choose(3, 4);
  loseAnswers([3, 4]);
  await press();
  await waitFor(() => expect(path()).toBe('/checkout/hld_1'));
  expect(new Set(keys).size).toBe(1);
});

it('does not blame others for one’s own seats while nobody can say whose they are', async () => {
  const { press, path } = choose(3, 4);
  loseAnswers([3, 4]);
  answer('get', '/holds', () => HttpResponse.error());
  await press();
  expect(await screen.findByText(/don’t know yet/)).toBeInTheDocument();
  act(() => state.mark([3, 4, 9], HELD));
  await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
  expect(screen.queryByText(/Someone else/)).not.toBeInTheDocument();
  expect([...state.selected]).toEqual([3, 4]);
  answer('get', '/holds', () => HttpResponse.json({ items: made, next_cursor: null }));
  act(() => state.mark([12], HELD));
  await waitFor(() => expect(path()).toBe('/checkout/hld_1'));
});

it('says that somebody was faster when somebody was', async () => {
  const { press } = choose(3, 4);
  answer('post', '/events/evt_1/holds', () =>
    refusal(409, 'seats_taken', { taken: ['seat-3', 'seat-4'] }),
  );
  await press();
  expect(await screen.findByText(/Someone else just took/)).toBeInTheDocument();
  expect(state.selected.size).toBe(0);
});

it('says that the seats are one’s own when another tab holds them', async () => {
  const { press } = choose(3, 4);
  answer('post', '/events/evt_1/holds', () => {
    made = [aHold('hld_2', [3, 4])];
    return refusal(409, 'seats_taken', { taken: ['seat-3', 'seat-4'] });
  });
  await press();
  expect(await screen.findByText(/^You hold .* already$/)).toBeInTheDocument();
  expect(screen.queryByText(/Someone else/)).not.toBeInTheDocument();
  expect(state.isMine(3)).toBe(true);
});

it('marks what one holds', async () => {
  made = [aHold('hld_1', [0, 1]), aHold('hld_2', [10, 11, 12])];
  state.mark([0, 1, 10, 11, 12], HELD);
  choose();
  await waitFor(() => expect([...state.mine]).toEqual([0, 1, 10, 11, 12]));
});

it('says so at once where there is no network', async () => {
  const { press } = choose(3);
  answer('get', '/events/evt_1/sections/s1/seats', () => HttpResponse.error());
  answer('get', '/holds', () => HttpResponse.error());
  await press();
  expect(await screen.findByText(/did not answer/)).toBeInTheDocument();
  expect(screen.getByRole('button', { name: 'Hold' })).toBeEnabled();
});

/** Answers a hold by the pass that it has. */
function holdsWith(good: string) {
  const sent: (string | null)[] = [];
  answer('post', '/events/evt_1/holds', ({ request }) => {
    keys.push(request.headers.get('idempotency-key'));
    const pass = request.headers.get('x-line-pass');
    sent.push(pass);
    if (pass !== good) return refusal(403, 'line_required');
    return HttpResponse.json(aHold('hld_1', [3, 4]), { status: 201 });
  });
  return sent;
}

it('gets a pass where it has none or an old one, and holds with that', async () => {
  const { press, path } = choose(3, 4);
  const sent = holdsWith('pass-2');
  answer('post', '/events/evt_1/line/pass', () => HttpResponse.json(aPass('pass-2')));
  await press();
  await waitFor(() => expect(path()).toBe('/checkout/hld_1'));
  expect(sent).toEqual([null, 'pass-2']);
  expect(new Set(keys).size).toBe(2);
});

it('leads to the line when the turn is over', async () => {
  const { press, path } = choose(3, 4);
  holdsWith('none');
  answer('post', '/events/evt_1/line/pass', () => refusal(409, 'line_closed'));
  await press();
  await waitFor(() => expect(path()).toBe('/events/evt_1/line'));
});

it('says that nothing is held while the line is away', async () => {
  const { press } = choose(3, 4);
  holdsWith('none');
  answer('post', '/events/evt_1/line/pass', () => refusal(503, 'overloaded'));
  await press();
  expect(await screen.findByTestId('hold-problem')).toHaveTextContent('without it no seat is held');
  expect([...state.selected]).toEqual([3, 4]);
});
