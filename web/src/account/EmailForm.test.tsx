import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { EmailForm } from './EmailForm';
import { RestoreAddressPage } from './RestoreAddressPage';

const done = () => new HttpResponse(null, { status: 204 });

it('asks for another address with the password', async () => {
  signInAs();
  const sent: unknown[] = [];
  answer('post', '/me/email', async ({ request }) => {
    sent.push(await request.json());
    return sent.length === 1
      ? refusal(403, 'bad_credentials', { errors: { current_password: 'is not right.' } })
      : done();
  });
  const user = userEvent.setup();
  renderPage(<EmailForm />);
  const form = within(await screen.findByTestId('change-email'));
  await user.type(form.getByLabelText('New email'), 'new@example.org');
  await user.type(form.getByLabelText('Password'), 'wrong{Enter}');
  expect(await form.findByRole('alert')).toHaveTextContent('The password is wrong.');
  await user.clear(form.getByLabelText('Password'));
  await user.type(form.getByLabelText('Password'), 'right{Enter}');
  expect(await form.findByRole('status')).toHaveTextContent('on its way to the new address');
  expect(sent[1]).toEqual({ email: 'new@example.org', current_password: 'right' });
});

it('gives an account its former address back and signs this browser out', async () => {
  signInAs();
  answer('post', '/auth/email-change/undo', async ({ request }) => {
    expect(await request.json()).toEqual({ token: 'eml_1.abc' });
    return done();
  });
  renderPage(<RestoreAddressPage />, '/account/restore-address#eml_1.abc');
  await userEvent.click(await screen.findByTestId('follow-link'));
  expect(await screen.findByTestId('link-done')).toBeVisible();
  expect(useSession.getState().status).toBe('anonymous');
});
