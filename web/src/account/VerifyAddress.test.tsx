import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { useSession } from '@/api/session';
import type { User } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { VerifyAddress } from './VerifyAddress';
import { VerifyPage } from './VerifyPage';

const done = () => new HttpResponse(null, { status: 204 });

function answerRefresh() {
  answer('post', '/auth/refresh', () => {
    const user = { ...useSession.getState().user, email_verified: true } as User;
    return HttpResponse.json({ access_token: 'next', token_type: 'Bearer', expires_in: 600, user });
  });
}

it('confirms an address by the code of its email', async () => {
  signInAs();
  answerRefresh();
  const codes: unknown[] = [];
  answer('post', '/me/verification/code', async ({ request }) => {
    codes.push(((await request.json()) as { code: string }).code);
    return codes.length === 1
      ? refusal(403, 'code_wrong', { errors: { code: 'is not the one of the newest email.' } })
      : done();
  });
  const user = userEvent.setup();
  renderPage(<VerifyAddress email="person@example.org" />);
  await user.type(await screen.findByLabelText('Code'), '123 455{Enter}');
  expect(await screen.findByText('This is not the one of the newest email.')).toBeVisible();
  await user.clear(screen.getByLabelText('Code'));
  await user.type(screen.getByLabelText('Code'), '123456{Enter}');
  await expect.poll(() => useSession.getState().user?.email_verified).toBe(true);
  expect(codes).toEqual(['123455', '123456']);
});

it('sends another email, and says where that is asked for too often', async () => {
  signInAs();
  let asked = 0;
  answer('post', '/me/verification', () =>
    (asked += 1) === 1 ? done() : refusal(429, 'too_many_attempts'),
  );
  const user = userEvent.setup();
  renderPage(<VerifyAddress email="person@example.org" />);
  await user.click(await screen.findByRole('button', { name: 'Send another email' }));
  expect(await screen.findByText(/Another email is on its way/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Send another email' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('Wait 60 seconds');
});

it('confirms an address by the link, with a press and without a session', async () => {
  const tokens: unknown[] = [];
  answer('post', '/auth/verify-email', async ({ request }) => {
    tokens.push(((await request.json()) as { token: string }).token);
    return tokens.length === 1 ? refusal(409, 'link_expired') : done();
  });
  const user = userEvent.setup();
  renderPage(<VerifyPage />, '/account/verify#eml_1.abc');
  await user.click(await screen.findByTestId('follow-link'));
  expect(await screen.findByRole('alert')).toHaveTextContent('link_expired');
  await user.click(screen.getByTestId('follow-link'));
  expect(await screen.findByTestId('link-done')).toBeVisible();
  expect(tokens).toEqual(['eml_1.abc', 'eml_1.abc']);
});
