import { useState, type SubmitEvent } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { formSecret } from '@/lib/form';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';

type State = { step: 'idle' | 'busy' | 'done' } | { step: 'failed'; error: ApiError };

export function PasswordForm() {
  const [state, setState] = useState<State>({ step: 'idle' });
  const change = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    setState({ step: 'busy' });
    try {
      await calls.account.changePassword(formSecret(data, 'current'), formSecret(data, 'next'));
      form.reset();
      setState({ step: 'done' });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ step: 'failed', error });
    }
  };
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void change(event.currentTarget);
  };
  const errors = state.step === 'failed' ? state.error.errors : {};
  return (
    <form onSubmit={onSubmit} className="grid gap-5">
      <h2 className="display text-3xl">Change password</h2>
      {state.step === 'done' && (
        <Notice tone="ok">The password is changed. Every other session was signed out.</Notice>
      )}
      {state.step === 'failed' && (
        <Notice tone="bad">
          {state.error.code === 'bad_credentials'
            ? 'The current password is wrong.'
            : state.error.message}
        </Notice>
      )}
      <Field
        label="Current password"
        name="current"
        type="password"
        autoComplete="current-password"
        required
        error={errors['current_password']}
      />
      <Field
        label="New password"
        name="next"
        type="password"
        autoComplete="new-password"
        required
        minLength={8}
        maxLength={128}
        hint="At least 8 characters."
        error={errors['new_password']}
      />
      <Button
        type="submit"
        kind="secondary"
        className="justify-self-start"
        busy={state.step === 'busy' && 'Changing'}
      >
        Change password
      </Button>
    </form>
  );
}
