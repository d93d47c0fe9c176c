import { act, screen, waitFor } from '@testing-library/react';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { passOf } from '@/api/line';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { aLine, aPass } from '@/test/line';
import { renderPage } from '@/test/render';
import { GateWhenAwake, PassGate } from './PassGate';

// Passes are kept for the tab: each test has an event of its own.
let eventId = '';
let count = 0;
let claims = 0;

const claimed = (claim: () => Response) =>
  answer('post', `/events/${eventId}/line/pass`, () => {
    claims += 1;
    return claim();
  });

beforeEach(() => {
  count += 1;
  eventId = `evt_gate_${String(count)}`;
  claims = 0;
  signInAs('buyer');
});

afterEach(() => vi.useRealTimers());

const clock = () =>
  vi.useFakeTimers({
    toFake: ['Date', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
  });
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

const open = () =>
  renderPage(
    <PassGate eventId={eventId}>
      <p>Seats</p>
    </PassGate>,
  );

it('lets in who was called, and keeps the pass', async () => {
  claimed(() => HttpResponse.json(aPass('mine')));
  open();
  expect(await screen.findByText('Seats')).toBeVisible();
  expect(passOf(eventId)?.pass).toBe('mine');
});

it.each(['not_your_turn', 'not_in_line', 'line_closed'])(
  'leads to the line on %s',
  async (code) => {
    claimed(() => refusal(code === 'not_in_line' ? 404 : 409, code));
    const { router } = open();
    await waitFor(() => expect(router.state.location.pathname).toBe(`/events/${eventId}/line`));
    expect(router.state.location.search).toEqual({ from: 'seats' });
    expect(screen.queryByText('Seats')).not.toBeInTheDocument();
  },
);

it('leads to the line who has not signed in', async () => {
  useSession.setState({ status: 'anonymous', user: null });
  const { router } = open();
  await waitFor(() => expect(router.state.location.pathname).toBe(`/events/${eventId}/line`));
  expect(claims).toBe(0);
});

it('renews the pass for as long as somebody chooses', async () => {
  clock();
  claimed(() => HttpResponse.json(aPass(`pass-${String(claims)}`)));
  open();
  await pass(500);
  expect(screen.getByText('Seats')).toBeVisible();
  expect(claims).toBe(1);
  for (let minute = 0; minute < 60; minute += 1) {
    await pass(60_000);
    expect(passOf(eventId)).not.toBeNull();
  }
  expect(claims).toBeGreaterThan(6);
  expect(claims).toBeLessThan(12);
});

it('keeps the seats while the line does not renew the pass', async () => {
  clock();
  claimed(() => HttpResponse.json(aPass()));
  open();
  await pass(500);
  claimed(() => refusal(503, 'overloaded'));
  await pass(900_000);
  expect(screen.getByText('Seats')).toBeVisible();
  claimed(() => HttpResponse.json(aPass('later')));
  await pass(60_000);
  expect(passOf(eventId)?.pass).toBe('later');
});

it('asks again by itself while the line is away', async () => {
  clock();
  claimed(() => refusal(503, 'overloaded', {}, { 'Retry-After': '10' }));
  open();
  await pass(5000);
  expect(screen.getByText('Briefly unavailable')).toBeVisible();
  expect(screen.getByText('This page goes on by itself.')).toBeVisible();
  claimed(() => HttpResponse.json(aPass()));
  await pass(15_000);
  expect(screen.getByText('Seats')).toBeVisible();
});

it.each<[string, () => Response]>([
  ['stands by', () => HttpResponse.json(aLine({ phase: 'closed' }))],
  ['cannot be asked', () => refusal(404, 'not_found')],
])('lets in without a pass while a line of mode auto %s', async (_, told) => {
  answer('get', `/events/${eventId}/line`, told);
  renderPage(
    <GateWhenAwake eventId={eventId}>
      <p>Seats</p>
    </GateWhenAwake>,
  );
  expect(await screen.findByText('Seats')).toBeVisible();
  expect(claims).toBe(0);
});

it('asks for a pass while a line of mode auto is awake', async () => {
  answer('get', `/events/${eventId}/line`, () => HttpResponse.json(aLine({ phase: 'open' })));
  claimed(() => refusal(404, 'not_in_line'));
  const { router } = renderPage(
    <GateWhenAwake eventId={eventId}>
      <p>Seats</p>
    </GateWhenAwake>,
  );
  await waitFor(() => expect(router.state.location.pathname).toBe(`/events/${eventId}/line`));
});
