import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { NewPasswordPage } from './NewPasswordPage';
import { ResetPasswordPage } from './ResetPasswordPage';

const done = () => new HttpResponse(null, { status: 204 });

it('asks for a link and does not tell whether there is such an account', async () => {
  answer('post', '/auth/password-reset', async ({ request }) => {
    expect(await request.json()).toEqual({ email: 'person@example.org' });
    return done();
  });
  renderPage(<ResetPasswordPage />);
  await userEvent.type(await screen.findByLabelText('Email'), 'person@example.org{Enter}');
  expect(await screen.findByTestId('reset-asked')).toHaveTextContent('If there is an account');
});

it('sets a password by the link and signs this browser out', async () => {
  signInAs();
  const sent: unknown[] = [];
  answer('post', '/auth/password-reset/confirm', async ({ request }) => {
    sent.push(await request.json());
    return sent.length === 1
      ? refusal(422, 'validation_failed', {
          errors: { new_password: 'must not be the e-mail address.' },
        })
      : done();
  });
  const user = userEvent.setup();
  renderPage(<NewPasswordPage />, '/account/new-password#eml_1.abc');
  await user.type(await screen.findByLabelText('New password'), 'person@example.org{Enter}');
  expect(await screen.findByText('It must not be the e-mail address.')).toBeVisible();
  await user.clear(screen.getByLabelText('New password'));
  await user.type(screen.getByLabelText('New password'), 'correct horse{Enter}');
  expect(await screen.findByTestId('password-set')).toBeVisible();
  expect(sent[1]).toEqual({ token: 'eml_1.abc', new_password: 'correct horse' });
  expect(useSession.getState().status).toBe('anonymous');
});

it('says where the link is too old', async () => {
  answer('post', '/auth/password-reset/confirm', () => refusal(409, 'link_expired'));
  renderPage(<NewPasswordPage />, '/account/new-password#eml_1.abc');
  await userEvent.type(await screen.findByLabelText('New password'), 'correct horse{Enter}');
  expect(await screen.findByRole('alert')).toHaveTextContent('link_expired');
  expect(screen.getByRole('link', { name: 'Ask for another' })).toBeVisible();
});
