import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useState, type SubmitEvent } from 'react';
import { account } from '@/api/account';
import { signIn } from '@/api/http';
import { ApiError } from '@/api/problem';
import { formSecret, formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { safeNext } from './next';

const route = getRouteApi('/sign-up');

export function SignUpPage() {
  const { next } = route.useSearch();
  const router = useRouter();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const submit = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const email = formValue(data, 'email');
    const password = formSecret(data, 'password');
    setBusy(true);
    setError(null);
    try {
      await account.register(email, password, formValue(data, 'name'));
      await signIn(email, password);
      // Where nobody was on the way elsewhere, the account shows what is next: the address is to be confirmed.
      router.history.replace(next ? safeNext(next) : '/account');
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void submit(event.currentTarget);
  };

  return (
    <Page title="Sign up" width="narrow">
      <form onSubmit={onSubmit} className="grid gap-5">
        {error && <Notice tone="bad">{words(error)}</Notice>}
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          required
          maxLength={200}
          error={error?.errors['name']}
          data-testid="sign-up-name"
        />
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="username"
          required
          error={error?.errors['email']}
          data-testid="sign-up-email"
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          maxLength={128}
          hint="At least 8 characters."
          error={error?.errors['password']}
          data-testid="sign-up-password"
        />
        <Button type="submit" wide busy={busy && 'Signing up'} data-testid="sign-up-submit">
          Sign up
        </Button>
      </form>
      <p className="text-[0.9375rem] text-soft">
        You have an account?{' '}
        <Link
          to="/sign-in"
          search={next ? { next } : {}}
          className="font-semibold text-ink underline underline-offset-4"
        >
          Sign in
        </Link>
      </p>
    </Page>
  );
}

function words(error: ApiError): string {
  // Registering never tells whether an address is known; signing in with the new password does.
  if (error.code === 'bad_credentials') {
    return 'You may have an account with this address already. Sign in with its password.';
  }
  if (error.status === 0) return 'The server did not answer. Check your connection.';
  return error.message;
}
