import { useCallback, useEffect, useState } from 'react';
import { signInWithPasskey } from '@/api/http';
import {
  askForPasskey,
  autofillSupported,
  leavePasskey,
  passkeysSupported,
  signInOptions,
} from '@/api/passkeys';
import { ApiError } from '@/api/problem';
import type { PasskeyCredential } from '@/api/types';

const CHOSEN = new Set(['passkey_wrong', 'challenge_invalid', 'too_many_attempts']);

/**
 * Passkeys on the page for signing in. While it is open, browsers that can offer them in the field of the address;
 * `round` counts the times that this has to begin anew.
 */
export function usePasskeySignIn(onRefused: (error: ApiError) => void) {
  const [offered, setOffered] = useState(passkeysSupported);
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (!passkeysSupported()) return undefined;
    const left = new AbortController();
    const isOpen = () => !left.signal.aborted;
    const offer = async () => {
      const options = await signInOptions();
      if (!isOpen()) return;
      setOffered(options !== null);
      if (options === null || !(await autofillSupported()) || !isOpen()) return;
      left.signal.addEventListener('abort', () => void leavePasskey());
      await signInWithPasskey(await askForPasskey(options, { autofill: true }));
    };
    offer().catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      // Nobody has asked for it yet: only what came of a passkey that was chosen is told.
      if (!isOpen() || !CHOSEN.has(error.code)) return;
      onRefused(error);
      setRound((n) => n + 1);
    });
    return () => left.abort();
  }, [round, onRefused]);

  /** The browser shows its passkeys now; what it offered in the field before is offered again afterwards. */
  const choose = useCallback(async (): Promise<PasskeyCredential> => {
    const options = await signInOptions();
    if (options === null) {
      throw new ApiError(400, { detail: 'There are no passkeys at this address.' });
    }
    return askForPasskey(options);
  }, []);
  return { offered, choose, offerAgain: useCallback(() => setRound((n) => n + 1), []) };
}
