import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import type { LineControl, LineOrder } from '@/api/types';
import type { EventInfo } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent, someSales } from '@/test/events';
import { SOLD } from '@/lib/hall/status';
import { encodeStatus, smallHallBytes } from '@/lib/hall/testing';
import { someFigures, someHistory } from '@/test/line';
import { renderPage } from '@/test/render';
import { ControlRoom } from './ControlPage';

// jsdom has no canvas.
vi.mock('./Plot', () => ({ default: () => null }));

let say: (figures: Partial<LineControl>) => void;
let cut: () => void;
let orders: LineOrder[];
let histories: number;

beforeEach(() => {
  signInAs('organizer');
  orders = [];
  histories = 0;
});

/** The control room of a line that has these figures, and whose server hears what is ordered. */
async function room(
  figures: Partial<LineControl> = {},
  line: Partial<EventInfo['line']> = {},
): Promise<void> {
  const terms = { mode: 'on', lobby_opens_at: null, beacon: 'none', commitment: null } as const;
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent({ line: { ...terms, ...line } })));
  answer('get', '/events/evt_1/control', () => {
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => {
        say = (changes) => {
          const data = JSON.stringify(someFigures({ ...figures, ...changes }));
          stream.enqueue(new TextEncoder().encode(`event: control\ndata: ${data}\n\n`));
        };
        cut = () => stream.error(new Error('cut'));
        say({});
      },
    });
    return new HttpResponse(body, { headers: { 'Content-Type': 'text/event-stream' } });
  });
  answer('get', '/events/evt_1/sales', () => HttpResponse.json(someSales()));
  answer('get', '/events/evt_1/sales/stream', () => refusal(503, 'overloaded'));
  answer('get', '/events/evt_1/control/history', () => {
    histories += 1;
    return HttpResponse.json(someHistory());
  });
  answer('get', '/events/evt_1/geometry', () => HttpResponse.arrayBuffer(smallHallBytes()));
  answer('get', '/events/evt_1/availability', () => {
    const status = Array.from({ length: 25 }, (_, seat) => (seat < 10 ? SOLD : 0));
    return HttpResponse.arrayBuffer(encodeStatus(status, 1n).buffer as ArrayBuffer);
  });
  answer('get', '/events/evt_1/availability/stream', () => refusal(503, 'overloaded'));
  answer('post', '/events/evt_1/control', async ({ request }) => {
    const order = (await request.json()) as LineOrder;
    orders.push(order);
    const phase = order.action === 'pause' ? 'paused' : 'open';
    return HttpResponse.json(someFigures({ ...figures, phase }));
  });
  renderPage(<ControlRoom eventId="evt_1" />);
  await screen.findByTestId('control-phase');
}

const press = (name: string) => userEvent.click(screen.getByRole('button', { name }));
const confirm = () => userEvent.click(screen.getByTestId('control-confirm'));
const figure = (name: string) => screen.getByText(name).nextElementSibling;
const phase = () => screen.getByTestId('control-phase');
const actions = () =>
  within(screen.getByRole('group', { name: 'Actions' }))
    .queryAllByRole('button')
    .map((button) => button.textContent)
    .filter((name) => !/^Yes|Leave it/.test(name));

it('shows the figures, and each that follows', async () => {
  await room({ phase: 'open', rate: 2, reason: 'seats' });
  expect(phase()).toHaveTextContent('Open');
  expect(screen.getByRole('region', { name: 'Phase and rate' })).toHaveTextContent(
    '120 a minute: only as many as there can be seats for',
  );
  expect(screen.getByText('8 of 12')).toBeVisible();
  expect(figure('Seats left')).toHaveTextContent('15');
  expect(figure('Called lately, a minute')).toHaveTextContent('100 to 130');
  expect(await screen.findByText('7 sold, 4 held right now, 14 free, of 25 seats')).toBeVisible();
  act(() => say({ phase: 'sold_out', inside: 3, seats_left: { Near: 0, Far: 0 } }));
  await waitFor(() => expect(phase()).toHaveTextContent('Sold out'));
  expect(figure('Seats left')).toHaveTextContent('0');
});

it('says what is not known yet, and that a sale opens late', async () => {
  await room({ seats_left: null, late: 'The draw waits for the organizer’s secret.' });
  expect(figure('Seats left')).toHaveTextContent('Not known');
  expect(figure('In the line')).toHaveTextContent('100');
  expect(screen.getByText(/waits for the organizer’s secret/)).toBeVisible();
});

it('says that its figures are old while the connection is cut, and goes on', async () => {
  await room();
  expect(screen.queryByTestId('control-cut')).not.toBeInTheDocument();
  act(() => cut());
  expect(await screen.findByTestId('control-cut')).toHaveTextContent('opened again by itself');
  expect(phase()).toHaveTextContent('Open');
  await waitFor(() => expect(screen.queryByTestId('control-cut')).not.toBeInTheDocument());
});

it('says so when the figures never come again', async () => {
  await room();
  answer('get', '/events/evt_1/control', () => refusal(404, 'not_found'));
  act(() => cut());
  await waitFor(() => expect(screen.getByTestId('control-cut')).toHaveTextContent('Reload'));
});

it('says why there is no room', async () => {
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent()));
  answer('get', '/events/evt_1/control', () => refusal(404, 'not_found'));
  renderPage(<ControlRoom eventId="evt_1" />);
  expect(await screen.findByText(/no line yet, or it is not yours/)).toBeVisible();
});

it.each<[LineControl['phase'], string[]]>([
  ['closed', ['Cap the rate', 'Write a message', 'Close the line']],
  ['lobby', ['Cap the rate', 'Write a message', 'Close the line']],
  ['sealed', ['Cap the rate', 'Write a message', 'Close the line']],
  ['open', ['Pause', 'Cap the rate', 'Write a message', 'Close the line']],
  ['paused', ['Resume', 'Cap the rate', 'Write a message', 'Close the line']],
  ['sold_out', ['Pause', 'Cap the rate', 'Write a message', 'Close the line']],
])('offers what can be done with a line that is %s', async (now, offered) => {
  await room({ phase: now });
  expect(actions()).toEqual(offered);
});

it('says that a line which comes by itself stands by', async () => {
  await room({ phase: 'closed' }, { mode: 'auto' });
  expect(phase()).toHaveTextContent('Standing by: nobody has to wait');
});

it('offers nothing when the line has ended', async () => {
  await room({ phase: 'ended' });
  expect(screen.queryByRole('group', { name: 'Actions' })).not.toBeInTheDocument();
});

it('asks once more, pauses, and offers to resume', async () => {
  await room();
  await press('Pause');
  expect(screen.getByText(/Nobody else is called/)).toBeVisible();
  expect(orders).toEqual([]);
  await confirm();
  await waitFor(() => expect(phase()).toHaveTextContent('Paused'));
  expect(orders).toEqual([{ action: 'pause' }]);
  await press('Resume');
  await confirm();
  await waitFor(() => expect(phase()).toHaveTextContent('Open'));
  expect(orders[1]).toEqual({ action: 'resume' });
});

it('does nothing when that is chosen', async () => {
  await room();
  await press('Close the line');
  expect(screen.getByText(/cannot be undone/)).toBeVisible();
  await press('Leave it');
  expect(screen.queryByText(/cannot be undone/)).not.toBeInTheDocument();
  expect(orders).toEqual([]);
});

it.each<[name: string, field: string, typed: string, order: LineOrder]>([
  ['Cap the rate', 'People a minute, at most', '90', { action: 'rate_cap', rate_cap: 1.5 }],
  ['Cap the rate', 'People a minute, at most', '0', { action: 'rate_cap', rate_cap: 0 }],
  ['Cap the rate', 'People a minute, at most', '', { action: 'rate_cap', rate_cap: null }],
  [
    'Write a message',
    'Message to everybody who waits',
    'Doors at 7.',
    { action: 'message', message: 'Doors at 7.' },
  ],
  ['Write a message', 'Message to everybody who waits', '', { action: 'message', message: '' }],
])('%s: %s %j', async (name, field, typed, order) => {
  await room({ rate_cap: 2, message: 'Before' });
  await press(name);
  const input = screen.getByLabelText(field);
  await userEvent.clear(input);
  if (typed !== '') await userEvent.type(input, typed);
  await confirm();
  await waitFor(() => expect(orders).toEqual([order]));
});

it('reveals the organizer’s secret between the seal and the draw', async () => {
  await room({ phase: 'sealed' }, { beacon: 'pair', commitment: 'c0'.repeat(32) });
  await press('Reveal your secret');
  await userEvent.type(screen.getByLabelText('Your secret, in hex'), ' ab12 ');
  await confirm();
  await waitFor(() => expect(orders).toEqual([{ action: 'reveal', secret: 'ab12' }]));
});

it('shows a mistake at its field, and keeps what was typed', async () => {
  await room();
  answer('post', '/events/evt_1/control', () =>
    refusal(422, 'invalid', {
      detail: 'Some fields need a correction.',
      errors: { message: 'is too long' },
    }),
  );
  await press('Write a message');
  const input = screen.getByLabelText('Message to everybody who waits');
  await userEvent.type(input, 'Hello');
  await confirm();
  expect(await screen.findByText('is too long')).toBeVisible();
  expect(input).toBeInvalid();
  expect(input).toHaveValue('Hello');
});

it('says that the line is in another phase by now', async () => {
  await room();
  answer('post', '/events/evt_1/control', () =>
    refusal(409, 'wrong_phase', { detail: 'The line is paused already.' }),
  );
  await press('Pause');
  await confirm();
  expect(await screen.findByRole('alert')).toHaveTextContent('The line is paused already.');
});

it('does the same once, however often it is pressed without an answer', async () => {
  await room();
  const keys: (string | null)[] = [];
  answer('post', '/events/evt_1/control', ({ request }) => {
    keys.push(request.headers.get('idempotency-key'));
    return HttpResponse.error();
  });
  await press('Pause');
  await confirm();
  expect(await screen.findByText(/Press again: it is not done twice/));
  const before = keys.length;
  await confirm();
  await waitFor(() => expect(keys.length).toBeGreaterThan(before));
  expect(new Set(keys).size).toBe(1);
});

it('tells who did what', async () => {
  const at = new Date().toISOString();
  const done = { at, user_id: 'usr_1', rate_cap: null, message: null };
  await room({
    acts: [
      { ...done, action: 'reveal' },
      { ...done, action: 'message', message: 'Doors at 7.' },
      { ...done, action: 'rate_cap', rate_cap: 1.5 },
      { ...done, action: 'pause', user_id: 'usr_7' },
    ],
  });
  const timeline = within(screen.getByTestId('control-timeline')).getAllByRole('listitem');
  expect(timeline.map((one) => one.textContent)).toEqual([
    expect.stringMatching(/^Secret revealed.*by you$/),
    expect.stringMatching(/^Message: “Doors at 7.”.*by you$/),
    expect.stringMatching(/^Capped at 90 a minute.*by you$/),
    expect.stringMatching(/^Paused.*by usr_7$/),
  ]);
});

const rowsOf = (name: string) =>
  within(screen.getByRole('table', { name }))
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.textContent);

it('shows how the shop does, and why holds and payments fail', async () => {
  await room();
  expect(figure('Holds in the last minute')).toHaveTextContent('40');
  expect(figure('Half of the holds take at most')).toHaveTextContent('4.0 ms');
  expect(figure('95 of 100 take at most')).toHaveTextContent('90 ms');
  expect(figure('Oldest message not sent')).toHaveTextContent('Under a second');
  expect(rowsOf('Refused holds')).toEqual(['Somebody else had the seats27']);
  expect(rowsOf('Failed payments')).toEqual(['The card was declined03']);
});

it('never shows what is not known as nothing', async () => {
  await room({
    seats_held: null,
    shop: {
      holds: null,
      hold_p50_seconds: null,
      hold_p95_seconds: null,
      refusals: null,
      payment_failures: [{ reason: 'a_new_one', lately: null, total: 3 }],
      outbox_seconds: null,
      arrival_seconds: null,
      seats_sold: null,
    },
  });
  const names = ['Seats held', 'Holds in the last minute', 'Half of the holds take at most'];
  for (const name of [...names, 'Oldest message not sent', 'A sale is applied after']) {
    expect(figure(name)).toHaveTextContent('Not known');
  }
  expect(screen.getByText('Refused holds').nextElementSibling).toHaveTextContent('Not known');
  expect(rowsOf('Failed payments')).toEqual(['a new oneNot known3']);
  act(() => say({ shop: { ...someFigures().shop, holds: 0, hold_p50_seconds: null } }));
  await waitFor(() =>
    expect(figure('Half of the holds take at most')).toHaveTextContent('No holds'),
  );
});

it('has the last hour as tables too, and asks for it again when it has a point more', async () => {
  await room({ history_until: '2027-01-15T08:00:00Z' });
  const people = await screen.findByRole('figure', { name: 'People' });
  expect(people).toHaveTextContent('Waiting: 40');
  await userEvent.click(within(people).getByText('People as a table'));
  const [, latest, first] = within(people).getAllByRole('row');
  expect(latest).toHaveTextContent(/09:01 GMT\+1408$/);
  expect(first).toHaveTextContent(/09:00 GMT\+1555$/);
  expect(screen.getByRole('figure', { name: 'A hold takes' })).toHaveTextContent(
    '95 of 100: 90 ms',
  );
  act(() => say({ history_until: '2027-01-15T08:00:10Z' }));
  await waitFor(() => expect(histories).toBe(2));
  act(() => say({ history_until: '2027-01-15T08:00:10Z', inside: 9 }));
  await waitFor(() => expect(screen.getByText('9 of 12')).toBeVisible());
  expect(histories).toBe(2);
});

it('shows the hall by how much of it is sold', async () => {
  await room();
  const map = await screen.findByTestId('heat-map');
  expect(map).toHaveAccessibleName(/stronger colour where more is sold/);
  const steps = [...map.querySelectorAll('path')].map((path) => path.dataset['step']);
  expect(steps.sort()).toEqual(['0', '4']);
  await userEvent.click(screen.getByText('The hall as a table'));
  expect(screen.getByRole('row', { name: 'Stalls 10 0 10 50 %' })).toBeVisible();
  expect(screen.getByRole('row', { name: 'Floor 0 0 5 0 %' })).toBeVisible();
});
