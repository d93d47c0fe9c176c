import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it, vi } from 'vitest';
import { useSession } from '@/api/session';
import { saveFile } from '@/lib/download';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { OwnData } from './OwnData';

vi.mock('@/lib/download', () => ({ saveFile: vi.fn() }));

function factor(totp: boolean) {
  answer('get', '/me/second-factor', () =>
    HttpResponse.json({ totp, recovery_codes_left: totp ? 10 : 0 }),
  );
}

it('saves a file with everything, and says where it can not be had', async () => {
  signInAs();
  factor(false);
  let busy = true;
  answer('get', '/me/export', () =>
    busy ? refusal(429, 'too_many_attempts') : HttpResponse.json({ account: {} }),
  );
  renderPage(<OwnData />);
  await userEvent.click(await screen.findByRole('button', { name: 'Download my data' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('too often');
  busy = false;
  await userEvent.click(screen.getByRole('button', { name: 'Download my data' }));
  await waitFor(() => expect(saveFile).toHaveBeenCalledWith(expect.anything(), 'my-account.json'));
});

it('erases the account with its password and code, and signs out', async () => {
  signInAs();
  factor(true);
  const bodies: unknown[] = [];
  answer('delete', '/me', async ({ request }) => {
    bodies.push(await request.json());
    return bodies.length === 1
      ? refusal(409, 'upcoming_tickets')
      : new HttpResponse(null, { status: 204 });
  });
  const user = userEvent.setup();
  renderPage(<OwnData />);
  await user.click(await screen.findByRole('button', { name: 'Erase my account' }));
  await user.type(await screen.findByLabelText('Password'), 'correct horse');
  await user.type(await screen.findByLabelText(/recovery code/), '123456{Enter}');
  expect(await screen.findByText('upcoming_tickets')).toBeVisible();
  expect(useSession.getState().status).toBe('signed-in');
  await user.click(screen.getByRole('button', { name: 'Erase for ever' }));
  await waitFor(() => expect(useSession.getState().status).toBe('anonymous'));
  expect(bodies[1]).toEqual({ current_password: 'correct horse', second_factor_code: '123456' });
});
