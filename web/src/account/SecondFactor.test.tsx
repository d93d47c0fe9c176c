import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { signIn } from '@/api/http';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { SecondFactor } from './SecondFactor';

it('sets an authenticator app up, shows the recovery codes once, and removes it', async () => {
  signInAs();
  let on = false;
  answer('get', '/me/second-factor', () =>
    HttpResponse.json({ totp: on, recovery_codes_left: on ? 2 : 0 }),
  );
  answer('post', '/me/second-factor', async ({ request }) => {
    expect(await request.json()).toEqual({ current_password: 'correct horse' });
    return HttpResponse.json({ secret: 'ABC', uri: 'otpauth://totp/x', qr_svg: '<svg/>' });
  });
  const codes: unknown[] = [];
  answer('post', '/me/second-factor/confirm', async ({ request }) => {
    codes.push(((await request.json()) as { code: string }).code);
    if (codes.length === 1) return refusal(403, 'second_factor_wrong');
    on = true;
    return HttpResponse.json({ recovery_codes: ['aaaa-bbbb', 'cccc-dddd'] });
  });
  answer('post', '/me/second-factor/remove', async ({ request }) => {
    expect(await request.json()).toEqual({ current_password: 'correct horse', code: 'aaaa-bbbb' });
    on = false;
    return new HttpResponse(null, { status: 204 });
  });
  const user = userEvent.setup();
  renderPage(<SecondFactor />);
  await user.type(await screen.findByLabelText('Password'), 'correct horse{Enter}');
  expect(await screen.findByAltText(/QR code/)).toBeVisible();
  await user.type(screen.getByLabelText('Code of the app'), '000000{Enter}');
  expect(await screen.findByText(/The code is wrong/)).toBeVisible();
  await user.clear(screen.getByLabelText('Code of the app'));
  await user.type(screen.getByLabelText('Code of the app'), '123456{Enter}');
  expect(await screen.findByTestId('recovery-codes')).toHaveTextContent('aaaa-bbbb');
  await user.type(await screen.findByLabelText('Password'), 'correct horse');
  await user.type(screen.getByLabelText(/or a recovery code/), 'aaaa-bbbb{Enter}');
  expect(await screen.findByRole('button', { name: 'Set up' })).toBeVisible();
  expect(screen.queryByTestId('recovery-codes')).not.toBeInTheDocument();
});

it('signs in with a code besides the password', async () => {
  answer('post', '/auth/login', async ({ request }) => {
    expect(await request.json()).toEqual({
      email: 'a@example.org',
      password: 'secret',
      second_factor_code: '123456',
    });
    const user = { id: 'u', email: 'a@example.org', name: 'A', roles: [], email_verified: true };
    return HttpResponse.json({ access_token: 't', token_type: 'Bearer', expires_in: 600, user });
  });
  await signIn('a@example.org', 'secret', { second_factor_code: '123456' });
  expect(useSession.getState().status).toBe('signed-in');
});
