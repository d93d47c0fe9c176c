import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { signIn, signInWithPasskey } from '@/api/http';
import { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import { formSecret, formValue } from '@/lib/form';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { safeNext } from './next';
import { usePasskeySignIn } from './usePasskeySignIn';

const route = getRouteApi('/sign-in');

function words(error: ApiError): string {
  if (error.code === 'second_factor_wrong') return 'The code is wrong, or was used before.';
  if (error.code === 'passkey_wrong') return 'This passkey does not sign in here.';
  if (error.code === 'challenge_invalid') return 'That took too long. Try again.';
  if (error.code === 'bad_credentials') return 'The email address or the password is wrong.';
  if (error.status === 429) {
    return `Too many attempts. Wait ${counted(error.retryAfterSeconds ?? 60, 'second')} and try again.`;
  }
  if (error.status === 0) return 'The server did not answer. Check your connection.';
  return error.message;
}

export function SignInPage() {
  const { next } = route.useSearch();
  const router = useRouter();
  const signedIn = useSession((session) => session.status === 'signed-in');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [needsCode, setNeedsCode] = useState(false);
  const [takesPasskey, setTakesPasskey] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const passkey = usePasskeySignIn(setError);

  // Also when another tab signs in meanwhile.
  useEffect(() => {
    if (signedIn) router.history.replace(safeNext(next));
  }, [next, router, signedIn]);

  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.code === 'second_factor_required') {
        setNeedsCode(true);
        setTakesPasskey(problem.body['passkey'] === true);
      } else setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const withPassword = async (factor: Parameters<typeof signIn>[2]) => {
    const data = new FormData(form.current ?? undefined);
    await signIn(formValue(data, 'email'), formSecret(data, 'password'), factor);
  };
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = formValue(new FormData(event.currentTarget), 'code');
    void attempt(() => withPassword(code ? { second_factor_code: code } : {}));
  };
  const onPasskey = () =>
    attempt(async () => {
      try {
        const chosen = await passkey.choose();
        if (needsCode) await withPassword({ passkey: chosen });
        else await signInWithPasskey(chosen);
      } catch (problem) {
        passkey.offerAgain();
        throw problem;
      }
    });

  return (
    <Page
      title="Sign in"
      width="narrow"
      lead={
        next?.includes('resume=hold') ? 'Your choice of seats is kept; we hold them next.' : null
      }
    >
      <form ref={form} onSubmit={onSubmit} className="grid gap-5">
        {error && <Notice tone="bad">{words(error)}</Notice>}
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="username webauthn"
          required
          data-testid="sign-in-email"
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          data-testid="sign-in-password"
        />
        {needsCode && (
          <>
            <Notice>This account asks for a code besides the password.</Notice>
            <Field
              label="Code"
              name="code"
              autoComplete="one-time-code"
              required
              hint="From your authenticator app, or one of your recovery codes."
              data-testid="sign-in-code"
            />
          </>
        )}
        <Button type="submit" wide busy={busy && 'Signing in'} data-testid="sign-in-submit">
          Sign in
        </Button>
        {passkey.offered && (!needsCode || takesPasskey) && (
          <Button
            kind="secondary"
            wide
            busy={busy && 'One moment'}
            data-testid="sign-in-passkey"
            onClick={() => void onPasskey()}
          >
            {needsCode ? 'Use a passkey instead of a code' : 'Sign in with a passkey'}
          </Button>
        )}
      </form>
      <p className="text-[0.9375rem] text-soft">
        <Link
          to="/account/reset-password"
          className="font-semibold text-ink underline underline-offset-4"
        >
          Forgotten your password?
        </Link>
      </p>
      <p className="text-[0.9375rem] text-soft">
        No account yet?{' '}
        <Link
          to="/sign-up"
          search={next ? { next } : {}}
          className="font-semibold text-ink underline underline-offset-4"
        >
          Sign up
        </Link>
      </p>
    </Page>
  );
}
