import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { EmailNotice } from './EmailNotice';
import { Proof } from './ProofPage';

const emails = (state: string) => ({
  items: [{ kind: 'confirmed', state, reason: null }],
  next_cursor: null,
});

it.each([
  ['waiting_for_proof', 'The email waits for you'],
  ['refused', 'The email could not be delivered'],
])('says on the order’s page that its email is %s', async (state, words) => {
  signInAs();
  answer('get', '/orders/ord_1/letters', () => HttpResponse.json(emails(state)));
  renderPage(<EmailNotice orderId="ord_1" />);
  expect(await screen.findByText(words)).toBeVisible();
});

it('proves an address by a press, and says where a link is broken', async () => {
  const tokens: unknown[] = [];
  answer('post', '/letters/proofs', async ({ request }) => {
    const { token } = (await request.json()) as { token: string };
    tokens.push(token);
    return tokens.length === 1
      ? refusal(404, 'proof_unknown')
      : new HttpResponse(null, { status: 204 });
  });
  const user = userEvent.setup();
  renderPage(<Proof token="abc" />);
  const button = await screen.findByTestId('prove-address');
  expect(tokens).toEqual([]);
  await user.click(button);
  expect(await screen.findByRole('alert')).toHaveTextContent('proof_unknown');
  await user.click(screen.getByTestId('prove-address'));
  expect(await screen.findByTestId('proof-done')).toBeVisible();
  expect(tokens).toEqual(['abc', 'abc']);
});
