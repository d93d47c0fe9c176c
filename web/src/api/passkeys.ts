/** Passkeys: the API's calls and the browser's part. The library is loaded when a passkey is made or used. */
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import { queryOptions } from '@tanstack/react-query';
import { http } from './http';
import { ApiError } from './problem';
import type * as T from './types';

type Library = typeof import('@simplewebauthn/browser');

/** Browsers have them on https and on localhost, and bind them to a name: at an address there are none. */
export const passkeysSupported = () =>
  typeof window.PublicKeyCredential === 'function' && !/^[\d.]+$|:/.test(location.hostname);

/** The browser asks its person. A refusal of the browser is told as one of the server. */
async function ask<R>(work: (library: Library) => Promise<R>): Promise<R> {
  const library = await import('@simplewebauthn/browser');
  try {
    return await work(library);
  } catch (error) {
    throw refused(error);
  }
}

const REFUSALS: Record<string, [code: string, detail: string]> = {
  AbortError: ['passkey_left', 'No passkey was used.'],
  InvalidStateError: ['passkey_exists', 'This device has a passkey of your account already.'],
  NotAllowedError: ['passkey_left', 'No passkey was used. Try again when you are ready.'],
  NotSupportedError: ['passkey_unsupported', 'This device cannot have such a passkey.'],
  SecurityError: [
    'passkey_elsewhere',
    'Passkeys work at the usual address of this site only. Open the page there.',
  ],
};

function refused(error: unknown): unknown {
  const known = error instanceof Error ? REFUSALS[error.name] : undefined;
  return known ? new ApiError(400, { code: known[0], detail: known[1] }) : error;
}

/** What a browser is told to sign in; null where there are no passkeys at this address. */
export async function signInOptions(): Promise<PublicKeyCredentialRequestOptionsJSON | null> {
  try {
    const { data } = await http.post<T.PasskeyOptions>('/auth/passkey/options', undefined, {
      anonymous: true,
    });
    const options = data.options as unknown as PublicKeyCredentialRequestOptionsJSON;
    return options.rpId === location.hostname ? options : null;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'passkeys_unavailable') return null;
    throw error;
  }
}

/** The browser shows its passkeys at once, or, with `autofill`, in the field of the address. */
export async function askForPasskey(
  options: PublicKeyCredentialRequestOptionsJSON,
  { autofill = false } = {},
): Promise<T.PasskeyCredential> {
  return ask(({ startAuthentication }) =>
    startAuthentication({ optionsJSON: options, useBrowserAutofill: autofill }),
  );
}

export async function autofillSupported(): Promise<boolean> {
  return ask(({ browserSupportsWebAuthnAutofill }) => browserSupportsWebAuthnAutofill());
}

/** What the browser was asked for last is asked for no more. */
export async function leavePasskey(): Promise<void> {
  const { WebAuthnAbortService } = await import('@simplewebauthn/browser');
  WebAuthnAbortService.cancelCeremony();
}

export const passkeys = {
  list: async () => (await http.get<T.Passkeys>('/me/passkeys')).data,
  add: async (name: string, password: string, code: string) => {
    const proof = { current_password: password, ...(code ? { second_factor_code: code } : {}) };
    const { data } = await http.post<T.PasskeyOptions>('/me/passkeys/options', proof);
    const options = data.options as unknown as PublicKeyCredentialCreationOptionsJSON;
    const credential = await ask(({ startRegistration }) =>
      startRegistration({ optionsJSON: options }),
    );
    await http.post('/me/passkeys', { name, credential });
  },
  rename: async (id: string, name: string) => {
    await http.patch(`/me/passkeys/${encodeURIComponent(id)}`, { name });
  },
  remove: async (id: string, password: string) => {
    const proof = { current_password: password };
    await http.delete(`/me/passkeys/${encodeURIComponent(id)}`, { data: proof });
  },
};

export const passkeysQuery = () =>
  queryOptions({ queryKey: ['passkeys'], queryFn: () => passkeys.list() });
