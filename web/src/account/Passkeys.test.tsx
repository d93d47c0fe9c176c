import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { Passkeys } from './Passkeys';

const startRegistration = vi.hoisted(() => vi.fn());
vi.mock('@simplewebauthn/browser', () => ({ startRegistration }));

const PHONE = {
  id: 'psk_1',
  name: 'My phone',
  synced: true,
  created_at: '2026-11-01T10:00:00.000Z',
  last_used_at: null,
};

function account(totp: boolean, items: object[], unavailable: string | null = null) {
  signInAs();
  answer('get', '/me/second-factor', () => HttpResponse.json({ totp, recovery_codes_left: 0 }));
  answer('get', '/me/passkeys', () => HttpResponse.json({ items, unavailable }));
}

beforeEach(() => {
  vi.stubGlobal('PublicKeyCredential', () => undefined);
  startRegistration.mockReset();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it('makes one with the password, the code of a second factor, and a name', async () => {
  const items: object[] = [];
  account(true, items);
  const bodies: unknown[] = [];
  answer('post', '/me/passkeys/options', async ({ request }) => {
    bodies.push(await request.json());
    return HttpResponse.json({ options: { challenge: 'abc' } });
  });
  answer('post', '/me/passkeys', async ({ request }) => {
    bodies.push(await request.json());
    items.push(PHONE);
    return HttpResponse.json(PHONE, { status: 201 });
  });
  const left = new Error('The person closed the dialog.');
  left.name = 'NotAllowedError';
  startRegistration.mockRejectedValueOnce(left).mockResolvedValueOnce({ id: 'made' });
  const user = userEvent.setup();
  renderPage(<Passkeys />);
  await user.type(await screen.findByLabelText('Name of the passkey'), 'My phone');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.type(await screen.findByLabelText(/recovery code/), '123456{Enter}');
  expect(await screen.findByRole('alert')).toHaveTextContent('No passkey was used');
  await user.click(screen.getByRole('button', { name: 'Add a passkey' }));
  expect(await screen.findByText('My phone')).toBeVisible();
  expect(startRegistration).toHaveBeenLastCalledWith({ optionsJSON: { challenge: 'abc' } });
  expect(bodies.slice(1)).toEqual([
    { current_password: 'correct horse', second_factor_code: '123456' },
    { name: 'My phone', credential: { id: 'made' } },
  ]);
});

it('renames and removes one', async () => {
  const items: object[] = [PHONE];
  account(false, items);
  answer('patch', '/me/passkeys/psk_1', async ({ request }) => {
    items[0] = { ...PHONE, ...((await request.json()) as object) };
    return HttpResponse.json(items[0]);
  });
  let wrong = true;
  answer('delete', '/me/passkeys/psk_1', () => {
    if (wrong) {
      return refusal(403, 'bad_credentials', { errors: { current_password: 'is not right.' } });
    }
    items.pop();
    return new HttpResponse(null, { status: 204 });
  });
  const user = userEvent.setup();
  renderPage(<Passkeys />);
  await user.click(await screen.findByRole('button', { name: 'Rename My phone' }));
  const rename = screen.getByRole('dialog', { name: 'Rename this passkey' });
  await user.clear(within(rename).getByRole('textbox'));
  await user.type(within(rename).getByRole('textbox'), 'Blue key{Enter}');
  await user.click(await screen.findByRole('button', { name: 'Remove Blue key' }));
  const remove = screen.getByRole('dialog', { name: 'Remove this passkey?' });
  await user.type(within(remove).getByLabelText('Password'), 'guess{Enter}');
  expect(await within(remove).findByText('This password is wrong.')).toBeVisible();
  wrong = false;
  await user.click(within(remove).getByRole('button', { name: 'Remove' }));
  await vi.waitFor(() => expect(screen.queryByText('Blue key')).not.toBeInTheDocument());
});

it('says why there are none, and offers none', async () => {
  account(false, [], 'Passkeys need a name.');
  renderPage(<Passkeys />);
  expect(await screen.findByText('Passkeys need a name.')).toBeVisible();
  expect(screen.queryByRole('button', { name: 'Add a passkey' })).not.toBeInTheDocument();
});
