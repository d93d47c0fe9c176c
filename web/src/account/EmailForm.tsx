import { account } from '@/api/account';
import { formSecret, formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

/** Another address for the account; it counts when its owner confirms it. */
export function EmailForm() {
  const change = useSubmission(async (data, form) => {
    await account.changeEmail(formValue(data, 'email'), formSecret(data, 'password'));
    form?.reset();
  });
  return (
    <form
      onSubmit={change.onSubmit}
      className="grid gap-5"
      aria-labelledby="change-email"
      data-testid="change-email"
    >
      <h2 id="change-email" className="display text-3xl">
        Change email
      </h2>
      {change.done && (
        <Notice tone="ok">
          An email is on its way to the new address. Follow its link, and the account has it.
        </Notice>
      )}
      {change.error && !change.errors['email'] && (
        <Notice tone="bad">{refusalWords(change.error)}</Notice>
      )}
      <Field
        label="New email"
        name="email"
        type="email"
        autoComplete="email"
        required
        error={change.errors['email'] && `This ${change.errors['email']}`}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
      />
      <Button
        type="submit"
        kind="secondary"
        className="justify-self-start"
        busy={change.busy && 'Sending'}
      >
        Change email
      </Button>
    </form>
  );
}
