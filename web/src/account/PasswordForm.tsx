import { account } from '@/api/account';
import { formSecret } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

export function PasswordForm() {
  const change = useSubmission(async (data, form) => {
    await account.changePassword(formSecret(data, 'current'), formSecret(data, 'next'));
    form?.reset();
  });
  const { error, errors } = change;
  return (
    <form onSubmit={change.onSubmit} className="grid gap-5">
      <h2 className="display text-3xl">Change password</h2>
      {change.done && (
        <Notice tone="ok">The password is changed. Every other session was signed out.</Notice>
      )}
      {error && (
        <Notice tone="bad">
          {error.code === 'bad_credentials'
            ? 'The current password is wrong.'
            : refusalWords(error)}
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
        busy={change.busy && 'Changing'}
      >
        Change password
      </Button>
    </form>
  );
}
