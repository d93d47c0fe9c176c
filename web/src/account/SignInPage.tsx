import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useEffect, useState, type SubmitEvent } from 'react';
import { signIn } from '@/api/http';
import { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import { formSecret, formValue } from '@/lib/form';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { safeNext } from './next';

const route = getRouteApi('/sign-in');

function words(error: ApiError): string {
  if (error.code === 'second_factor_wrong') return 'The code is wrong, or was used before.';
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

  // Also when another tab signs in meanwhile.
  useEffect(() => {
    if (signedIn) router.history.replace(safeNext(next));
  }, [next, router, signedIn]);

  const submit = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    setBusy(true);
    setError(null);
    try {
      await signIn(
        formValue(data, 'email'),
        formSecret(data, 'password'),
        formValue(data, 'code') || undefined,
      );
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.code === 'second_factor_required') setNeedsCode(true);
      else setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void submit(event.currentTarget);
  };

  return (
    <Page
      title="Sign in"
      width="narrow"
      lead={
        next?.includes('resume=hold') ? 'Your choice of seats is kept; we hold them next.' : null
      }
    >
      <form onSubmit={onSubmit} className="grid gap-5">
        {error && <Notice tone="bad">{words(error)}</Notice>}
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="username"
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
