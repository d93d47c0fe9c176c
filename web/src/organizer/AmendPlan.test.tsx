import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it } from 'vitest';
import type { Amendment, AmendmentPreview } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { AmendmentState, AmendPlan } from './AmendPlan';

const event = anEvent({ seats_total: 300 });
const [stalls = 'Stalls'] = Object.keys(event.prices);
const seat = { seat_guid: 'A-1', category: stalls };
const plan = {
  name: 'Hall',
  categories: [{ name: stalls }],
  zones: [{ name: 'Stalls', rows: [{ seats: [seat] }] }],
};
const withBox = { ...plan, categories: [...plan.categories, { name: 'Box' }] };

let preview: AmendmentPreview;
let looked: unknown[];
let sent: { body: unknown; key: string | null }[];

const anAmendment = (more: Partial<Amendment> = {}): Amendment => ({
  number: 1,
  at: '2030-01-01T12:00:00Z',
  state: 'pending',
  seats_total: 301,
  detail: '',
  taken: [],
  ...more,
});

beforeEach(() => {
  signInAs('organizer');
  looked = [];
  sent = [];
  preview = {
    seats_total: 301,
    added: 2,
    moved: 3,
    renamed: 4,
    category: 5,
    removed: 1,
    changes: [
      {
        seat_id: 'C-9',
        kinds: ['renamed', 'moved'],
        from_place: 'Stalls, row C, seat 9',
        to_place: 'Stalls, row C, seat 9a',
      },
    ],
    taken: [],
  };
  answer('get', '/events/evt_1', () => HttpResponse.json(event));
  answer('post', '/events/evt_1/amendment-preview', async ({ request }) => {
    looked.push(await request.json());
    return HttpResponse.json(preview);
  });
});

async function dialog(
  reply: () => Response = () => HttpResponse.json({ amendment: anAmendment() }, { status: 202 }),
): Promise<void> {
  answer('post', '/events/evt_1/amendment', async ({ request }) => {
    sent.push({ body: await request.json(), key: request.headers.get('Idempotency-Key') });
    return reply();
  });
  renderPage(<AmendPlan event={event} />);
  await userEvent.click(await screen.findByTestId('amend'));
}

const press = (id: string) => userEvent.click(screen.getByTestId(id));
const choose = (content: unknown) =>
  userEvent.upload(
    screen.getByTestId('plan-file'),
    new File([JSON.stringify(content)], 'plan.json', { type: 'application/json' }),
  );

it('shows what will change before it does, and changes the plan once asked', async () => {
  await dialog();
  await choose(plan);
  await screen.findByText(/1 seat in 1 zone/);
  await press('amend-look');
  const told = await screen.findByTestId('amend-told');
  expect(told).toHaveTextContent('300 seats now, 301 then');
  expect(told).toHaveFocus();
  expect(
    within(screen.getByTestId('amend-counts')).getByText('Added').nextSibling,
  ).toHaveTextContent('2');
  expect(screen.getByText(/seat 9 → Stalls, row C, seat 9a/)).toBeInTheDocument();
  expect(looked).toEqual([{ plan, prices: {} }]);
  expect(sent).toEqual([]);
  await press('amend-confirm');
  await waitFor(() => expect(screen.queryByTestId('amend-confirm')).toBeNull());
  expect(sent.map(({ body }) => body)).toEqual([{ plan, prices: {} }]);
  expect(sent[0]?.key).not.toBeNull();
});

it('names the seats that somebody has, and can’t be confirmed', async () => {
  const what = 'Stalls, row A, seat 1 is sold: leave it as it is in the plan.';
  preview = {
    ...preview,
    taken: [
      {
        seat_id: 'A-1',
        place: 'Stalls, row A, seat 1',
        kinds: ['removed'],
        state: 'sold',
        order_id: 'ord_1',
        what_to_do: what,
      },
    ],
  };
  await dialog();
  await choose(plan);
  await screen.findByText(/1 seat in 1 zone/);
  await press('amend-look');
  expect(await screen.findByText(what)).toBeVisible();
  expect(screen.getByTestId('amend-told')).toHaveTextContent('Somebody has 1 seat');
  expect(screen.queryByTestId('amend-confirm')).toBeNull();
  await press('amend-back');
  expect(screen.getByTestId('plan-file')).toBeVisible();
});

it('asks for the price of a new category', async () => {
  await dialog();
  await choose({ ...withBox, zones: [{ rows: [{ seats: [{ ...seat, category: 'Box' }] }] }] });
  await press('amend-look');
  const price = await screen.findByLabelText(/^Box/);
  expect(price).toHaveAccessibleDescription(/An amount/);
  expect(looked).toEqual([]);
  await userEvent.type(price, '90');
  await press('amend-look');
  await screen.findByTestId('amend-told');
  expect(looked).toMatchObject([{ prices: { Box: 9000 } }]);
});

it('asks for the file first', async () => {
  await dialog();
  await press('amend-look');
  expect(screen.getByTestId('plan-file')).toHaveAccessibleDescription(/Choose the seating plan/);
  expect(looked).toEqual([]);
});

it('says what is wrong with the plan, and what the server refuses', async () => {
  await dialog(() => refusal(409, 'amendment_pending'));
  await choose(plan);
  await screen.findByText(/1 seat in 1 zone/);
  answer('post', '/events/evt_1/amendment-preview', () =>
    refusal(422, 'invalid_plan', { errors: { 'plan.zones': 'The plan has no seats.' } }),
  );
  await press('amend-look');
  expect(await screen.findByText('The plan has no seats.')).toBeVisible();
  answer('post', '/events/evt_1/amendment-preview', () => HttpResponse.json(preview));
  await press('amend-look');
  await screen.findByTestId('amend-told');
  await press('amend-confirm');
  expect(await screen.findByText('amendment_pending')).toBeVisible();
});

it('tells what becomes of it, and names who was faster', async () => {
  const states = [
    anAmendment(),
    anAmendment({
      state: 'refused',
      detail: 'The plan changes seats that somebody has: 1 sold. Nothing was changed.',
      taken: ['Stalls, row A, seat 1 is sold: leave it.'],
    }),
  ];
  answer('get', '/events/evt_1/amendment', () =>
    HttpResponse.json({ amendment: states.length > 1 ? states.shift() : states[0] }),
  );
  renderPage(<AmendmentState event={event} />);
  expect(await screen.findByText('The plan is being changed')).toBeVisible();
  expect(await screen.findByText('Stalls, row A, seat 1 is sold: leave it.')).toBeVisible();
  expect(screen.getByTestId('amendment')).toHaveAttribute('data-state', 'refused');
});

it('says nothing where the plan was never changed', async () => {
  answer('get', '/events/evt_1/amendment', () => HttpResponse.json({ amendment: null }));
  renderPage(<AmendmentState event={event} />);
  await waitFor(() => expect(screen.queryByTestId('amendment')).toBeNull());
});
