import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { delay, HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EventInfo, Line, LineEntry } from '@/api/types';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { aLine, anEntry } from '@/test/line';
import { renderPage } from '@/test/render';
import { LineOf } from './LinePage';

let line: Line;
let entry: LineEntry | null;
let looks: number;
const terms = { mode: 'on', lobby_opens_at: null, beacon: 'none', commitment: null } as const;

beforeEach(() => {
  line = aLine();
  entry = null;
  looks = 0;
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent({ line: terms })));
  answer('get', '/events/evt_1/line', () => {
    looks += 1;
    return HttpResponse.json({ ...line, server_time: new Date(serverNow()).toISOString() });
  });
  answer('get', '/events/evt_1/line/me', () =>
    entry ? HttpResponse.json(entry) : refusal(404, 'not_in_line'),
  );
});

afterEach(() => vi.useRealTimers());

let wrong = 0;
const serverNow = () => Date.now() - wrong;

const clock = () =>
  vi.useFakeTimers({
    toFake: ['Date', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
  });
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

const inLine = (number: number, changes: Partial<Line> = {}) => {
  signInAs('buyer');
  line = aLine({ phase: 'open', line_length: 5000, ...changes });
  entry = anEntry({ number, phase: 'open' });
};

const phase = async () => screen.findByTestId('line-phase');

it('counts down by the clock of the server', async () => {
  clock();
  wrong = 600_000;
  const seals = serverNow() + 90_000;
  line = aLine({ seals_at: new Date(seals).toISOString() });
  renderPage(<LineOf eventId="evt_1" />);
  await pass(1000);
  expect(screen.getByTestId('countdown')).toHaveTextContent('01:29');
  wrong = 0;
});

it('tells what will happen, and leads who is not signed in back here', async () => {
  const { router } = renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByText('The lobby is open')).toBeVisible();
  expect(screen.getByRole('region', { name: 'What will happen' })).toHaveTextContent(
    'no better chance',
  );
  await userEvent.click(screen.getByTestId('join-line'));
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
  expect(router.state.location.search).toEqual({ next: '/events/evt_1/line?join=1' });
});

it('joins, and shows the receipt and the values of the draw', async () => {
  signInAs('buyer');
  answer('post', '/events/evt_1/line', () => {
    entry = anEntry();
    return HttpResponse.json(entry, { status: 201 });
  });
  renderPage(<LineOf eventId="evt_1" />);
  await userEvent.click(await screen.findByTestId('join-line'));
  expect(await screen.findByTestId('line-joined')).toHaveTextContent('You are in');
  expect(screen.getByRole('button', { name: 'Save the receipt' })).toBeVisible();
  expect(screen.getByTestId('fair-draw')).toHaveTextContent(line.commitment);
  expect(screen.getByTestId('fair-draw')).toHaveTextContent('e1e1');
  expect(screen.queryByRole('link', { name: 'audit' })).not.toBeInTheDocument();
});

it('tells who joined after the lobby had closed that the number comes after the draw', async () => {
  signInAs('buyer');
  line = aLine({ phase: 'sealed' });
  entry = anEntry({ phase: 'sealed', in_draw: false });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByTestId('line-joined')).toHaveTextContent(
    'comes after those of everybody',
  );
});

it('joins without another press who had to sign in first', async () => {
  signInAs('buyer');
  let joins = 0;
  answer('post', '/events/evt_1/line', () => {
    joins += 1;
    return HttpResponse.json(anEntry(), { status: 201 });
  });
  renderPage(<LineOf eventId="evt_1" joinAtOnce />);
  expect(await screen.findByTestId('line-joined')).toBeVisible();
  expect(joins).toBe(1);
});

it('says why somebody has not joined', async () => {
  signInAs('buyer');
  answer('post', '/events/evt_1/line', () =>
    refusal(409, 'line_closed', { detail: 'The lobby of this event has not opened yet.' }),
  );
  renderPage(<LineOf eventId="evt_1" />);
  await userEvent.click(await screen.findByTestId('join-line'));
  expect(await screen.findByText('The lobby of this event has not opened yet.')).toBeVisible();
});

it('has no button before the lobby opens', async () => {
  line = aLine({ phase: 'closed' });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByText('The lobby opens soon')).toBeVisible();
  expect(screen.queryByTestId('join-line')).not.toBeInTheDocument();
});

it('says why a sale opens late', async () => {
  line = aLine({ phase: 'sealed', late: 'The draw waits for the organizer’s secret.' });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByTestId('line-late')).toHaveTextContent('waits for the organizer');
});

it('shows the number, who is in front, and the time from the measured rate', async () => {
  inLine(1204, {
    admitted_up_to: 4,
    per_minute: [100, 150, 200],
    seats_left: { Near: 900, Far: 700 },
  });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByTestId('line-number')).toHaveTextContent('1,204');
  expect(screen.getByTestId('people-in-front')).toHaveTextContent('1,199 people in front of you');
  expect(screen.getByTestId('line-estimate')).toHaveTextContent(/^(5|6) to 12 minutes$/);
  expect(screen.getByText('900 left')).toBeVisible();
  expect(screen.getByText(/You may close this page/)).toBeVisible();
  expect(await phase()).toHaveAttribute('role', 'status');
  expect(screen.queryByTestId('line-too-late')).not.toBeInTheDocument();
});

it('does not know the time while nothing was measured, and says when seats are likely gone', async () => {
  inLine(1204, { admitted_up_to: 4, seats_left: { Near: 0, Far: 30 } });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByTestId('line-estimate')).toHaveTextContent('not known yet');
  expect(screen.getByTestId('line-too-late')).toBeVisible();
  expect(screen.getByText('None left')).toBeVisible();
});

it('looks as often as it is told, says that it takes longer, and calls', async () => {
  clock();
  inLine(1004, { admitted_up_to: 4, per_minute: [100, 100, 100] });
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  expect(screen.getByTestId('line-estimate')).toHaveTextContent('9 to 10 minutes');
  expect(looks).toBe(1);
  line = { ...line, per_minute: [20, 40, 50] };
  await pass(4000);
  expect(looks).toBe(1);
  await pass(2000);
  expect(looks).toBe(2);
  expect(screen.getByText('It takes longer than we said before.')).toBeVisible();
  line = { ...line, admitted_up_to: 1004 };
  await pass(6000);
  expect(screen.getByTestId('your-turn')).toBeVisible();
  expect(document.title).toMatch(/^It is your turn/);
  expect(screen.getByTestId('choose-seats')).toHaveAttribute('href', '/events/evt_1/seats');
});

it('says in its title how many are in front', async () => {
  inLine(20, { admitted_up_to: 4 });
  renderPage(<LineOf eventId="evt_1" />);
  await waitFor(() => expect(document.title).toMatch(/^15 in front/));
});

it('looks at the event again when it is somebody’s turn, for the map to let in', async () => {
  inLine(4, { admitted_up_to: 4 });
  const states: EventInfo['state'][] = ['scheduled', 'scheduled', 'on_sale'];
  let asked = 0;
  answer('get', '/events/evt_1', () => {
    asked += 1;
    return HttpResponse.json(anEvent({ line: terms, state: states[asked - 1] ?? 'on_sale' }));
  });
  clock();
  renderPage(<LineOf eventId="evt_1" />);
  await pass(30_000);
  expect(screen.getByTestId('your-turn')).toBeVisible();
  expect(asked).toBe(3);
});

it('keeps the page while the server does not answer', async () => {
  clock();
  inLine(20, { admitted_up_to: 4 });
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  answer('get', '/events/evt_1/line', () => refusal(503, 'line_unknown'));
  await pass(12_000);
  expect(screen.getByTestId('line-stale')).toHaveTextContent('Your place is kept');
  expect(screen.getByTestId('line-number')).toHaveTextContent('20');
  answer('get', '/events/evt_1/line', () => HttpResponse.json(line));
  await pass(6000);
  expect(screen.queryByTestId('line-stale')).not.toBeInTheDocument();
});

it.each<[Line['phase'], RegExp]>([
  ['paused', /The line is paused/],
  ['sold_out', /Every seat is taken/],
  ['ended', /The line has ended/],
])('has words for a line that is %s', async (now, words) => {
  inLine(20, { phase: now, admitted_up_to: 4, message: 'Doors open at seven.' });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await phase()).toHaveTextContent(words);
  expect(screen.getByTestId('line-message')).toHaveTextContent('Doors open at seven.');
});

it('offers what repeats the draw after it', async () => {
  inLine(20, { root: 'ab'.repeat(32) });
  renderPage(<LineOf eventId="evt_1" />);
  await userEvent.click(await screen.findByText('How the draw can be checked'));
  expect(screen.getByRole('link', { name: 'audit' })).toHaveAttribute(
    'href',
    '/api/events/evt_1/line/audit',
  );
  expect(screen.getByRole('link', { name: 'verify-draw.py' })).toBeVisible();
  expect(screen.getByRole('button', { name: 'Your own proof' })).toBeVisible();
});

it('does not ask to join who has a place, while that is looked for', async () => {
  clock();
  inLine(20);
  useSession.setState({ status: 'starting' });
  answer('get', '/events/evt_1/line/me', async () => {
    await delay(1000);
    return HttpResponse.json(entry);
  });
  renderPage(<LineOf eventId="evt_1" />);
  const seen: boolean[] = [];
  const look = () => seen.push(screen.queryByTestId('join-line') !== null);
  await pass(300);
  look();
  act(() => useSession.setState({ status: 'signed-in' }));
  await pass(300);
  look();
  await pass(1000);
  look();
  expect(screen.getByTestId('line-number')).toHaveTextContent('20');
  expect(seen).toEqual([false, false, false]);
});

it('says so where the own place can’t be shown, and joins all the same', async () => {
  signInAs('buyer');
  answer('get', '/events/evt_1/line/me', () => refusal(429, 'too_many_requests'));
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByText('Your entry can’t be shown')).toBeVisible();
  expect(screen.getByTestId('join-line')).toBeEnabled();
});

it.each<[string, number, RegExp]>([
  ['no answer', 0, /did not answer. Press again/],
  ['too many', 429, /Try again in 7 seconds/],
  ['a shop at its limit', 503, /Try again in 7 seconds/],
])('says what to do when joining meets %s', async (_, status, words) => {
  signInAs('buyer');
  const refused = () => refusal(status, 'overloaded', {}, { 'Retry-After': '7' });
  answer('post', '/events/evt_1/line', status === 0 ? () => HttpResponse.error() : refused);
  clock();
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  act(() => screen.getByTestId('join-line').click());
  await pass(10_000);
  expect(screen.getByRole('alert')).toHaveTextContent(words);
  expect(screen.getByTestId('join-line')).toBeEnabled();
});

it('leads to signing in when the session has ended', async () => {
  signInAs('buyer');
  answer('post', '/events/evt_1/line', () => refusal(401, 'unauthenticated'));
  const { router } = renderPage(<LineOf eventId="evt_1" />);
  await userEvent.click(await screen.findByTestId('join-line'));
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
});

it('tells a screen reader what changes seldom, and not each step of the line', async () => {
  clock();
  inLine(1004, { admitted_up_to: 4, per_minute: [100, 100, 100] });
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  const spoken = () => screen.getAllByRole('status').map((one) => one.textContent);
  expect(spoken()).toEqual(['The line is moving.', 'Time until your turn9 to 10 minutes']);
  line = { ...line, admitted_up_to: 8 };
  await pass(6000);
  expect(screen.getByTestId('people-in-front')).toHaveTextContent('995 people');
  expect(spoken()).toEqual(['The line is moving.', 'Time until your turn9 to 10 minutes']);
});

it('lets in who was called while the line is paused', async () => {
  inLine(4, { phase: 'paused', admitted_up_to: 4 });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByTestId('your-turn')).toBeVisible();
  expect(await phase()).toHaveTextContent('It is your turn.');
});

it.each<[string, string, () => void]>([
  ['who has not joined', 'Join the line first', () => undefined],
  ['who waits', 'not your turn yet', () => inLine(20)],
  ['whose pass has ended', 'Your time to choose was over', () => inLine(4, { admitted_up_to: 4 })],
])('says why %s was led here', async (_, words, arrange) => {
  arrange();
  renderPage(<LineOf eventId="evt_1" fromSeats />);
  expect(await screen.findByTestId('line-why')).toHaveTextContent(words);
});

it('does not say any more that it is not the turn when it is', async () => {
  clock();
  inLine(20);
  renderPage(<LineOf eventId="evt_1" fromSeats />);
  await pass(500);
  expect(screen.getByTestId('line-why')).toBeVisible();
  line = { ...line, admitted_up_to: 20 };
  await pass(4000);
  expect(screen.getByTestId('your-turn')).toBeVisible();
  expect(screen.queryByTestId('line-why')).not.toBeInTheDocument();
});

it.each([
  ['ended', 'The line has ended'],
  ['sold_out', 'Every seat is taken'],
] as const)('has words for who comes to a line that is %s', async (now, words) => {
  line = aLine({ phase: now });
  renderPage(<LineOf eventId="evt_1" />);
  expect(await phase()).toHaveTextContent(words);
  expect(screen.queryByTestId('join-line') === null).toBe(now === 'ended');
});

it.each<[Line['phase'], RegExp]>([
  ['closed', /Nobody has to wait just now/],
  ['open', /The line is moving/],
])('has no draw where the line comes by itself; it is %s', async (now, words) => {
  line = aLine({ phase: now });
  const auto = { ...terms, mode: 'auto' } as const;
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent({ line: auto })));
  renderPage(<LineOf eventId="evt_1" fromSeats />);
  expect(await phase()).toHaveTextContent(words);
  expect(screen.queryByTestId('fair-draw')).not.toBeInTheDocument();
  expect(screen.queryByText('What will happen')).not.toBeInTheDocument();
  expect(screen.queryByTestId('choose-seats') !== null).toBe(now === 'closed');
  expect(screen.queryByTestId('join-line') !== null).toBe(now === 'open');
});

it('asks for the line again by itself, and does not flicker meanwhile', async () => {
  clock();
  answer('get', '/events/evt_1/line', () => refusal(503, 'line_unknown'));
  renderPage(<LineOf eventId="evt_1" />);
  await pass(5000);
  const seen: boolean[] = [];
  for (let second = 0; second < 40; second += 1) {
    await pass(1000);
    seen.push(screen.queryByText('This page goes on by itself.') !== null);
  }
  expect(seen).not.toContain(false);
  answer('get', '/events/evt_1/line', () => HttpResponse.json(line));
  await pass(40_000);
  expect(screen.getByText('The lobby is open')).toBeVisible();
});

it('says when the server has never told of the line', async () => {
  answer('get', '/events/evt_1/line', () => refusal(404, 'not_found'));
  renderPage(<LineOf eventId="evt_1" />);
  expect(await screen.findByText(/The line of this event does not exist/)).toBeVisible();
});
