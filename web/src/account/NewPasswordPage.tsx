import { Link } from '@tanstack/react-router';
import { account } from '@/api/account';
import { endSession } from '@/api/session';
import { formSecret } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button, buttonClass } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { useLinkToken } from './EmailedLink';
import { refusalWords } from './words';

/** Where the link of the email for a new password leads. */
export function NewPasswordPage() {
  const token = useLinkToken();
  const setting = useSubmission(async (data) => {
    await account.resetPassword(token, formSecret(data, 'password'));
    endSession(); // the account's sessions are over, this browser's too
  });
  if (setting.done) {
    return (
      <Page title="New password" width="narrow">
        <div className="grid justify-items-start gap-4">
          <Notice tone="ok" title="The password is set" testId="password-set">
            Every device was signed out. Sign in with the new password.
          </Notice>
          <Link to="/sign-in" className={buttonClass()}>
            Sign in
          </Link>
        </div>
      </Page>
    );
  }
  return (
    <Page title="New password" width="narrow">
      <form onSubmit={setting.onSubmit} className="grid gap-5">
        {setting.error && !setting.errors['new_password'] && (
          <Notice tone="bad">{refusalWords(setting.error)}</Notice>
        )}
        <Field
          label="New password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          maxLength={128}
          hint="At least 8 characters."
          error={setting.errors['new_password'] && `It ${setting.errors['new_password']}`}
        />
        <Button type="submit" wide busy={setting.busy && 'Saving'}>
          Set password
        </Button>
      </form>
      <p className="text-[0.9375rem] text-soft">
        The link is too old?{' '}
        <Link
          to="/account/reset-password"
          className="font-semibold text-ink underline underline-offset-4"
        >
          Ask for another
        </Link>
      </p>
    </Page>
  );
}
