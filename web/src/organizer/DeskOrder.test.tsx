import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it } from 'vitest';
import type { DeskOrderDetails } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { aDeskOrder, aDeskSeat, anEntry } from '@/test/desk';
import { renderPage } from '@/test/render';
import { DeskOrderView } from './DeskOrderPage';

let details: DeskOrderDetails;
let sent: { path: string; body: unknown; key: string | null }[];
const ORDER = '/events/evt_1/orders/ord_1';

beforeEach(() => {
  signInAs('organizer');
  sent = [];
  details = {
    order: aDeskOrder(),
    seats: [
      aDeskSeat('A-1'),
      aDeskSeat('A-2'),
      aDeskSeat('A-3', { status: 'used', gate: 'North' }),
    ],
    emails: [{ kind: 'confirmed', state: 'refused', reason: 'There is no such mailbox.' }],
    history: [anEntry({ event: 'placed', by: 'buyer' })],
  };
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent()));
  answer('get', ORDER, () => HttpResponse.json(details));
});

/** The page, whose server keeps what it is told and answers as `reply` says. */
async function page(reply: () => Response = () => HttpResponse.json(details.order)): Promise<void> {
  for (const what of ['resend', 'buyer', 'refund', 'notes']) {
    answer('post', `${ORDER}/${what}`, async ({ request }) => {
      const key = request.headers.get('Idempotency-Key');
      sent.push({ path: what, body: await request.json(), key });
      return reply();
    });
  }
  renderPage(<DeskOrderView eventId="evt_1" orderId="ord_1" />);
  await screen.findByTestId('desk-history');
}

const press = (id: string) => userEvent.click(screen.getByTestId(id));
const type = async (id: string, text: string) => {
  await userEvent.clear(screen.getByTestId(id));
  if (text !== '') await userEvent.type(screen.getByTestId(id), text);
};

it('shows an order with its seats, emails and history', async () => {
  details.history = [
    anEntry({ event: 'placed', by: 'buyer' }),
    anEntry({ event: 'emailed', email_kind: 'confirmed', after: details.order.buyer }),
    anEntry({
      event: 'corrected',
      by: 'organizer',
      user_id: 'usr_1',
      before: { name: 'Bea', email: 'bea@example.org' },
      after: { name: 'Bea', email: 'bea@example.net' },
    }),
    anEntry({
      event: 'seats_refunded',
      by: 'admin',
      user_id: 'usr_9',
      text: 'ill',
      places: ['Row B, seat 1'],
      amount_minor: 3000,
    }),
  ];
  await page();
  expect(screen.getByRole('heading', { name: 'Bea Brandt' })).toBeVisible();
  expect(screen.getByText('There is no such mailbox.')).toBeVisible();
  expect(screen.getAllByTestId('desk-seat').map((seat) => seat.dataset['status'])).toEqual([
    'valid',
    'valid',
    'used',
  ]);
  const [refund, corrected, emailed, placed] = within(screen.getByTestId('desk-history'))
    .getAllByRole('listitem')
    .map((entry) => entry.textContent);
  expect(refund).toMatch(/Refunded €30: Row B, seat 1“ill”.*by an administrator \(usr_9\)/);
  expect(corrected).toMatch(/bea@example.org is now bea@example.net.*by you/);
  expect(emailed).toMatch(/Email with the tickets sent to bea@example.org.*by Houseful/);
  expect(placed).toMatch(/Placed.*by the buyer/);
});

it('sends the tickets again, once asked', async () => {
  await page();
  await press('desk-send-tickets-again');
  expect(sent).toEqual([]);
  details = {
    ...details,
    history: [...details.history, anEntry({ event: 'resent', by: 'organizer' })],
  };
  await press('desk-send-tickets-again-confirm');
  expect(await screen.findByText('Tickets put on their way again')).toBeVisible();
  expect(sent.map(({ path }) => path)).toEqual(['resend']);
  expect(sent[0]?.key).not.toBeNull();
});

it('corrects name and address, and says at the field what is wrong', async () => {
  let isRefused = true;
  await page(() => {
    const errors = { email: 'is not an e-mail address: it has no dot' };
    if (isRefused) return refusal(422, 'validation_failed', { errors });
    return HttpResponse.json(details.order);
  });
  await press('desk-correct-name-or-email');
  expect(screen.getByTestId('desk-name')).toHaveValue('Bea Brandt');
  await type('desk-email', 'a@b');
  await press('desk-correct-name-or-email-confirm');
  expect(await screen.findByText(/it has no dot/)).toBeVisible();
  expect(screen.getByTestId('desk-email')).toHaveAttribute('aria-invalid', 'true');
  isRefused = false;
  await type('desk-name', 'Bea Ott');
  await type('desk-email', 'bea@example.net');
  await userEvent.click(screen.getByLabelText('Send the tickets there'));
  await press('desk-correct-name-or-email-confirm');
  await waitFor(() => expect(screen.queryByTestId('desk-name')).not.toBeInTheDocument());
  expect(sent[1]?.body).toEqual({ name: 'Bea Ott', email: 'bea@example.net', resend: false });
  expect(sent[1]?.key).not.toBe(sent[0]?.key);
});

it('refunds the seats that are chosen, and tells the sum before', async () => {
  await page();
  await press('desk-refund');
  expect(screen.getAllByTestId('refund-seat')).toHaveLength(2);
  expect(screen.getByText(/1 ticket was used at the gate/)).toBeVisible();
  expect(screen.getByTestId('refund-sum')).toHaveTextContent('No seat is chosen.');
  await userEvent.click(screen.getAllByTestId('refund-seat')[1] as HTMLElement);
  expect(screen.getByTestId('refund-sum')).toHaveTextContent('1 ticket becomes invalid and €50');
  await press('refund-all');
  expect(screen.getByTestId('refund-sum')).toHaveTextContent('2 tickets become invalid and €100');
  await press('refund-all');
  expect(screen.getByTestId('refund-sum')).toHaveTextContent('No seat is chosen.');
  await userEvent.click(screen.getAllByTestId('refund-seat')[0] as HTMLElement);
  await type('refund-reason', 'ill');
  await press('desk-refund-confirm');
  await waitFor(() => expect(screen.queryByTestId('refund-reason')).not.toBeInTheDocument());
  expect(sent.map(({ body }) => body)).toEqual([{ seats: ['A-1'], reason: 'ill' }]);
});

it('says why a refund was refused, and what of its fields is wrong', async () => {
  const errors = { seats: 'names no seat', reason: 'is empty' };
  const refusals = [
    refusal(422, 'validation_failed', { errors }),
    refusal(409, 'ticket_used', { detail: 'Tickets that were used are not refunded.' }),
  ];
  await page(() => refusals.shift() ?? HttpResponse.json(details.order));
  await press('desk-refund');
  await press('desk-refund-confirm');
  expect(await screen.findByText('Choose at least one seat.')).toBeVisible();
  expect(screen.getByText('is empty')).toBeVisible();
  await press('refund-all');
  await press('desk-refund-confirm');
  expect(await screen.findByText('Tickets that were used are not refunded.')).toBeVisible();
});

it('keeps a note, by the keyboard alone', async () => {
  await page();
  screen.getByTestId('desk-add-a-note').focus();
  await userEvent.keyboard('{Enter}');
  await userEvent.type(screen.getByTestId('desk-note'), 'Comes late');
  await userEvent.tab();
  await userEvent.keyboard('{Enter}');
  await waitFor(() => expect(screen.queryByTestId('desk-note')).not.toBeInTheDocument());
  expect(sent.map(({ path, body }) => [path, body])).toEqual([['notes', { text: 'Comes late' }]]);
});

it('offers only what an order as it stands allows', async () => {
  details.order = aDeskOrder({ status: 'refunded' });
  await page();
  const offered = within(screen.getByRole('group', { name: 'Actions' }))
    .getAllByRole('button')
    .map((button) => button.textContent);
  expect(offered).toEqual(['Correct name or email', 'Add a note']);
});

it('names nobody whose account was erased', async () => {
  details.order = aDeskOrder({ status: 'refunded', buyer: { name: '', email: '' } });
  await page();
  expect(screen.getByRole('heading', { name: 'Account erased' })).toBeVisible();
  expect(screen.queryByRole('group', { name: 'Actions' })).not.toBeInTheDocument();
});
