import { Link } from '@tanstack/react-router';
import { account } from '@/api/account';
import { formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { refusalWords } from './words';

/** Asks for the email with a link for a new password. */
export function ResetPasswordPage() {
  const asking = useSubmission((data) => account.requestReset(formValue(data, 'email')));
  return (
    <Page title="Forgotten password" width="narrow">
      {asking.done ? (
        <Notice tone="ok" title="Look into your mailbox" testId="reset-asked">
          If there is an account with this address, an email with a link for a new password is on
          its way. The link holds for an hour.
        </Notice>
      ) : (
        <form onSubmit={asking.onSubmit} className="grid gap-5">
          {asking.error && !asking.errors['email'] && (
            <Notice tone="bad">{refusalWords(asking.error)}</Notice>
          )}
          <Field
            label="Email"
            name="email"
            type="email"
            autoComplete="username"
            required
            error={asking.errors['email'] && `This ${asking.errors['email']}`}
          />
          <Button type="submit" wide busy={asking.busy && 'Sending'}>
            Send me a link
          </Button>
        </form>
      )}
      <p className="text-[0.9375rem] text-soft">
        <Link to="/sign-in" className="font-semibold text-ink underline underline-offset-4">
          Back to sign in
        </Link>
      </p>
    </Page>
  );
}
