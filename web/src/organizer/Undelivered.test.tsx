import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import type { UndeliveredEmail } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { Undelivered } from './Undelivered';

const email: UndeliveredEmail = {
  kind: 'confirmed',
  state: 'refused',
  reason: 'There is no such mailbox.',
  order_id: 'ord_1',
  buyer: { name: 'Bea Brandt', email: 'bea@example.org' },
  since: '2030-03-01T19:30:00Z',
  tries: 1,
};

it('shows what did not arrive, and corrects the address', async () => {
  signInAs('organizer');
  let emails = [email];
  const sent: unknown[] = [];
  answer('get', '/events/evt_1/undelivered-letters', () =>
    HttpResponse.json({ items: emails, next_cursor: null }),
  );
  answer('post', '/events/evt_1/orders/ord_1/email', async ({ request }) => {
    const body = (await request.json()) as { email: string };
    sent.push(body);
    if (body.email === 'a@b') {
      const errors = { email: 'is not an e-mail address: it has no dot' };
      return refusal(422, 'validation_failed', { errors });
    }
    emails = [];
    return HttpResponse.json({ items: [], next_cursor: null });
  });
  const user = userEvent.setup();
  renderPage(<Undelivered eventId="evt_1" />);
  expect(await screen.findByText('There is no such mailbox.')).toBeVisible();
  const field = screen.getByLabelText('Email of Bea Brandt');
  await user.clear(field);
  await user.type(field, 'a@b');
  await user.click(screen.getByTestId('send-again'));
  expect(await screen.findByText(/it has no dot/)).toBeVisible();
  await user.clear(field);
  await user.type(field, 'bea@example.net');
  await user.click(screen.getByTestId('send-again'));
  await expect.poll(() => screen.queryByTestId('undelivered')).toBeNull();
  expect(sent).toEqual([{ email: 'a@b' }, { email: 'bea@example.net' }]);
});

it('says nothing where all emails have arrived', async () => {
  signInAs('organizer');
  let asked = false;
  answer('get', '/events/evt_1/undelivered-letters', () => {
    asked = true;
    return HttpResponse.json({ items: [], next_cursor: null });
  });
  renderPage(<Undelivered eventId="evt_1" />);
  await expect.poll(() => asked).toBe(true);
  expect(screen.queryByTestId('undelivered')).not.toBeInTheDocument();
});
