import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useSession } from '@/api/session';
import { answer, refusal } from '@/test/api';
import { renderPage } from '@/test/render';
import { SignInPage } from './SignInPage';

const library = vi.hoisted(() => ({
  startAuthentication: vi.fn(),
  browserSupportsWebAuthnAutofill: vi.fn(),
  WebAuthnAbortService: { cancelCeremony: vi.fn() },
}));
vi.mock('@simplewebauthn/browser', () => library);

const OPTIONS = { rpId: 'localhost', challenge: 'abc' };
const USER = { id: 'u', email: 'a@example.org', name: 'A', roles: [], email_verified: true };
const GRANT = { access_token: 't', token_type: 'Bearer', expires_in: 600, user: USER };

function options(told: object) {
  answer('post', '/auth/passkey/options', () => HttpResponse.json({ options: told }));
}

beforeEach(() => {
  vi.stubGlobal('PublicKeyCredential', () => undefined);
  library.startAuthentication.mockReset();
  library.browserSupportsWebAuthnAutofill.mockResolvedValue(false);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it('signs in with a passkey alone, after one that is not known here', async () => {
  options(OPTIONS);
  let known = false;
  answer('post', '/auth/passkey', async ({ request }) => {
    expect(await request.json()).toEqual({ credential: { id: 'made' } });
    return known ? HttpResponse.json(GRANT) : refusal(401, 'passkey_wrong');
  });
  library.startAuthentication.mockResolvedValue({ id: 'made' });
  renderPage(<SignInPage />, '/sign-in');
  await userEvent.click(await screen.findByTestId('sign-in-passkey'));
  expect(await screen.findByRole('alert')).toHaveTextContent('does not sign in here');
  known = true;
  await userEvent.click(await screen.findByTestId('sign-in-passkey'));
  await vi.waitFor(() => expect(useSession.getState().status).toBe('signed-in'));
});

it('offers passkeys in the field of the address where the browser can', async () => {
  options(OPTIONS);
  answer('post', '/auth/passkey', () => HttpResponse.json(GRANT));
  library.browserSupportsWebAuthnAutofill.mockResolvedValue(true);
  library.startAuthentication.mockResolvedValue({ id: 'made' });
  renderPage(<SignInPage />, '/sign-in');
  await vi.waitFor(() => expect(useSession.getState().status).toBe('signed-in'));
  expect(library.startAuthentication).toHaveBeenCalledWith({
    optionsJSON: OPTIONS,
    useBrowserAutofill: true,
  });
});

it('takes a passkey in the place of a code', async () => {
  options(OPTIONS);
  answer('post', '/auth/login', async ({ request }) => {
    const body = (await request.json()) as { passkey?: object };
    if (!body.passkey) return refusal(401, 'second_factor_required', { passkey: true });
    expect(body).toEqual({ email: 'a@example.org', password: 'secret', passkey: { id: 'made' } });
    return HttpResponse.json(GRANT);
  });
  library.startAuthentication.mockResolvedValue({ id: 'made' });
  const user = userEvent.setup();
  renderPage(<SignInPage />, '/sign-in');
  await user.type(await screen.findByTestId('sign-in-email'), 'a@example.org');
  await user.type(screen.getByTestId('sign-in-password'), 'secret{Enter}');
  await user.click(await screen.findByText('Use a passkey instead of a code'));
  await vi.waitFor(() => expect(useSession.getState().status).toBe('signed-in'));
});

it('offers none in the place of a code to who has none', async () => {
  options(OPTIONS);
  answer('post', '/auth/login', () => refusal(401, 'second_factor_required', { passkey: false }));
  const user = userEvent.setup();
  renderPage(<SignInPage />, '/sign-in');
  await screen.findByTestId('sign-in-passkey');
  await user.type(screen.getByTestId('sign-in-email'), 'a@example.org');
  await user.type(screen.getByTestId('sign-in-password'), 'secret{Enter}');
  await screen.findByTestId('sign-in-code');
  expect(screen.queryByTestId('sign-in-passkey')).not.toBeInTheDocument();
});

it.each([
  ['where the server has none', () => refusal(409, 'passkeys_unavailable')],
  [
    'at another address than its own',
    () => HttpResponse.json({ options: { ...OPTIONS, rpId: 'tickets.example.org' } }),
  ],
])('offers none %s', async (_, told) => {
  let asked = false;
  answer('post', '/auth/passkey/options', () => {
    asked = true;
    return told();
  });
  renderPage(<SignInPage />, '/sign-in');
  await vi.waitFor(() => expect(asked).toBe(true));
  await vi.waitFor(() => {
    expect(screen.queryByTestId('sign-in-passkey')).not.toBeInTheDocument();
  });
  expect(library.startAuthentication).not.toHaveBeenCalled();
});
