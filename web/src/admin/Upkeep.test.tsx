import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import { aDeadLetter, aHealth, aParkedKey, aQueuedEmail } from '@/test/admin';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { Emails } from './EmailsPage';
import { HealthOfAll } from './HealthPage';
import { Messages, Parked } from './MessagesPage';

const nothing = { items: [], next_cursor: null };

beforeEach(() => {
  signInAs('admin');
});

it('tells how each service does', async () => {
  answer('get', '/health/:service', ({ params }) => {
    if (params['service'] === 'line') return refusal(404, 'no_such_path');
    if (params['service'] === 'events') return refusal(403, 'forbidden', { detail: 'Not today.' });
    if (params['service'] === 'tickets') {
      const checks = { bus: 'Connection refused' };
      const outbox = { outbox_waiting: 1200, outbox_oldest_seconds: 90 };
      return HttpResponse.json(aHealth({ checks, ...outbox, parked: 1, dead_letters: 2 }));
    }
    return HttpResponse.json(aHealth());
  });
  renderPage(<HealthOfAll />);
  const tickets = await screen.findByTestId('health-tickets');
  expect(tickets).toHaveTextContent(/bus.*Connection refused/);
  expect(tickets).toHaveTextContent('1,200, the oldest for 2 minutes');
  expect(tickets).toHaveTextContent('1 parked key and 2 dead letters');
  expect(tickets.querySelectorAll('[data-good="false"]').length).toBe(3);
  const payments = await screen.findByTestId('health-payments');
  expect(payments).not.toHaveTextContent('got stuck');
  expect(payments.querySelectorAll('[data-good="false"]').length).toBe(0);
  expect(await screen.findByText('This installation has no such service.')).toBeVisible();
  expect(await screen.findByTestId('health-events-down')).toHaveTextContent('Not today.');
});

it('lists what got stuck', async () => {
  answer('get', '/messages/:service/parked', ({ params }) =>
    HttpResponse.json(
      params['service'] === 'tickets' ? { ...nothing, items: [aParkedKey()] } : nothing,
    ),
  );
  answer('get', '/messages/:service/dead', ({ params }) =>
    HttpResponse.json(
      params['service'] === 'events' ? { ...nothing, items: [aDeadLetter()] } : nothing,
    ),
  );
  renderPage(<Messages />);
  const parked = await screen.findByTestId('parked-tickets');
  expect(parked).toHaveTextContent(
    /event:evt_1.*the hall is gone.*2 messages wait, after 5 attempts/,
  );
  expect(await screen.findByTestId('dead-events')).toHaveTextContent('unknown type');
  expect(await screen.findByTestId('no-parked-line')).toHaveTextContent('Nothing waits');
});

it('sends messages again, with what was typed', async () => {
  answer('get', '/messages/:service/:list', () => HttpResponse.json(nothing));
  const sent: unknown[] = [];
  answer('post', '/messages/events/replay', async ({ request }) => {
    sent.push(await request.json());
    return HttpResponse.json({ messages: 3 });
  });
  renderPage(<Messages />);
  await userEvent.click(await screen.findByTestId('replay'));
  await userEvent.selectOptions(screen.getByTestId('replay-service'), 'events');
  await userEvent.type(screen.getByLabelText('About'), 'event:evt_1');
  await userEvent.type(screen.getByTestId('reason'), 'tickets lost one');
  await userEvent.click(screen.getByTestId('replay-confirm'));
  await expect.poll(() => sent).toEqual([{ aggregate: 'event:evt_1', reason: 'tickets lost one' }]);
});

it('shows parked messages and tries them again, with a reason', async () => {
  const message = { seq: 3, type: 'houseful.EventChanged.v1', payload: '{"title": "x"}' };
  const queued = [{ ...message, topic: 'events', partition: 0, offset: 7 }];
  answer('get', '/messages/tickets/parked/:key', ({ params }) => {
    expect(params['key']).toBe('event:evt_1');
    return HttpResponse.json({ key: aParkedKey(), queued });
  });
  const sent: unknown[] = [];
  answer('post', '/messages/tickets/parked/:key/unpark', async ({ request }) => {
    const body = (await request.json()) as { reason: string };
    sent.push([request.headers.has('Idempotency-Key'), body]);
    if (body.reason === '') {
      return refusal(422, 'validation_failed', { errors: { reason: 'needs 1 character' } });
    }
    return HttpResponse.json({ id: 'event:evt_1' });
  });
  const done = vi.fn(() => Promise.resolve());
  renderPage(<Parked service="tickets" parked="event:evt_1" onDone={done} />);
  expect(await screen.findByTestId('queued-message')).toHaveTextContent('{"title": "x"}');
  await userEvent.click(screen.getByTestId('unpark'));
  await userEvent.click(screen.getByTestId('unpark-confirm'));
  expect(await screen.findByText('needs 1 character')).toBeVisible();
  await userEvent.type(screen.getByTestId('reason'), 'hall is back');
  await userEvent.click(screen.getByTestId('unpark-confirm'));
  await expect.poll(() => done.mock.calls.length).toBe(1);
  expect(sent).toEqual([
    [true, { reason: '', accept_gap: false }],
    [true, { reason: 'hall is back', accept_gap: false }],
  ]);
});

it('lists emails that have not gone, and sends one', async () => {
  let emails = [
    aQueuedEmail(),
    aQueuedEmail({ id: 'confirmed:ord_2', state: 'waiting_for_proof', reason: 'Not proven.' }),
  ];
  const states: (string | null)[] = [];
  answer('get', '/emails/orders', ({ request }) => {
    states.push(new URL(request.url).searchParams.get('state'));
    return HttpResponse.json({ items: emails, next_cursor: null });
  });
  answer('get', '/emails/accounts', () => HttpResponse.json(nothing));
  answer('post', '/emails/orders/:id/send', ({ params }) => {
    expect(params['id']).toBe('confirmed:ord_1');
    emails = emails.slice(1);
    return HttpResponse.json(aQueuedEmail({ state: 'due' }));
  });
  renderPage(<Emails state="failed" />);
  const [refused] = await screen.findAllByTestId('order-email');
  expect(refused).toHaveTextContent(
    /Tickets of an order, to bea@example.org.*mailbox full.*3 tries/,
  );
  expect(refused).toHaveTextContent('It is not tried again by itself');
  expect(await screen.findByTestId('no-account-email')).toHaveTextContent('Nothing is in the way');
  expect(screen.getAllByTestId('email-send').length).toBe(1);
  await userEvent.click(screen.getByTestId('email-send'));
  await userEvent.click(screen.getByTestId('email-send-confirm'));
  await expect.poll(() => screen.getAllByTestId('order-email').length).toBe(1);
  expect(states).toEqual(['failed', 'failed']);
});
