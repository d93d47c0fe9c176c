import { account } from '@/api/account';
import { renewSession } from '@/api/http';
import { formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

/** For an account whose address nobody has confirmed: the code of the email, or another email. */
export function VerifyAddress({ email }: { email: string }) {
  const typing = useSubmission(async (data) => {
    await account.verifyByCode(formValue(data, 'code').replace(/\s/g, ''));
    await renewSession();
  });
  const sending = useSubmission(account.sendVerification);
  const error = sending.error ?? (typing.errors['code'] ? null : typing.error);
  return (
    <section aria-labelledby="verify-address" className="grid gap-5" data-testid="verify-address">
      <h2 id="verify-address" className="display text-3xl">
        Confirm your address
      </h2>
      <p>
        We sent an email to <strong className="wrap-anywhere">{email}</strong>. Follow its link, or
        type its code here.
      </p>
      {error && <Notice tone="bad">{refusalWords(error)}</Notice>}
      {sending.done && (
        <Notice tone="ok">Another email is on its way. Its code counts now, no older one.</Notice>
      )}
      <form onSubmit={typing.onSubmit} className="grid gap-5">
        <Field
          label="Code"
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="\s*([0-9]\s*){6}"
          title="Six digits"
          required
          hint="Six digits. They hold for an hour."
          error={typing.errors['code'] && `This ${typing.errors['code']}`}
          data-testid="verify-code"
        />
        <div className="flex flex-wrap gap-3">
          <Button type="submit" kind="secondary" busy={typing.busy && 'Confirming'}>
            Confirm
          </Button>
          <Button kind="plain" busy={sending.busy && 'Sending'} onClick={sending.run}>
            Send another email
          </Button>
        </div>
      </form>
    </section>
  );
}
