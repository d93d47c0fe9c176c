import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { account, secondFactorQuery } from '@/api/account';
import type { ApiError } from '@/api/problem';
import type { Enrolment } from '@/api/types';
import { formSecret, formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

/** Codes of an authenticator app for signing in: set up, confirmed, removed. */
export function SecondFactor() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(secondFactorQuery());
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const [recovery, setRecovery] = useState<string[] | null>(null);
  const changed = async (codes: string[] | null) => {
    setRecovery(codes);
    setEnrolment(null);
    await client.invalidateQueries({ queryKey: secondFactorQuery().queryKey });
  };
  if (error && !data) {
    return <ErrorState error={error} what="The second factor" onRetry={() => void refetch()} />;
  }
  return (
    <section aria-labelledby="second-factor" className="grid gap-5" data-testid="second-factor">
      <h2 id="second-factor" className="display text-3xl">
        Authenticator app
      </h2>
      {recovery && <RecoveryCodes codes={recovery} />}
      {data?.totp && <Remove left={data.recovery_codes_left} onDone={() => changed(null)} />}
      {data && !data.totp && !enrolment && <Begin onBegun={setEnrolment} />}
      {data && !data.totp && enrolment && <Confirm enrolment={enrolment} onDone={changed} />}
    </section>
  );
}

function Begin({ onBegun }: { onBegun: (enrolment: Enrolment) => void }) {
  const beginning = useSubmission(async (data) => {
    onBegun(await account.beginSecondFactor(formSecret(data, 'password')));
  });
  return (
    <form onSubmit={beginning.onSubmit} className="grid gap-5">
      <p>With an authenticator app, signing in takes a code of your phone besides the password.</p>
      {beginning.error && <Notice tone="bad">{refusalWords(beginning.error)}</Notice>}
      <Password />
      <Submit busy={beginning.busy}>Set up</Submit>
    </form>
  );
}

interface ConfirmProps {
  enrolment: Enrolment;
  onDone: (recovery: string[]) => Promise<void>;
}

function Confirm({ enrolment, onDone }: ConfirmProps) {
  const confirming = useSubmission(async (data) => {
    await onDone(await account.confirmSecondFactor(formValue(data, 'code')));
  });
  return (
    <form onSubmit={confirming.onSubmit} className="grid gap-5">
      <p>
        Scan this with your app, or type <code className="wrap-anywhere">{enrolment.secret}</code>{' '}
        there. Then type the code that the app shows.
      </p>
      <img
        src={`data:image/svg+xml,${encodeURIComponent(enrolment.qr_svg)}`}
        alt="QR code for your authenticator app"
        className="size-48 bg-white"
      />
      {confirming.error && <Notice tone="bad">{codeWords(confirming.error)}</Notice>}
      <Code label="Code of the app" />
      <Submit busy={confirming.busy}>Confirm</Submit>
    </form>
  );
}

function Remove({ left, onDone }: { left: number; onDone: () => Promise<void> }) {
  const removing = useSubmission(async (data) => {
    await account.removeSecondFactor(formSecret(data, 'password'), formValue(data, 'code'));
    await onDone();
  });
  return (
    <form onSubmit={removing.onSubmit} className="grid gap-5">
      <p>
        Signing in takes a code of your app. You have {counted(left, 'recovery code')} left, for
        when you lose your phone.
      </p>
      {removing.error && <Notice tone="bad">{codeWords(removing.error)}</Notice>}
      <Password />
      <Code label="Code of the app, or a recovery code" />
      <Submit busy={removing.busy}>Remove</Submit>
    </form>
  );
}

function RecoveryCodes({ codes }: { codes: string[] }) {
  return (
    <Notice tone="ok" title="Keep these recovery codes" testId="recovery-codes">
      <p>Each signs you in once, without your phone. They are shown this once.</p>
      <ul className="mt-2 grid grid-cols-2 gap-1 font-mono">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
    </Notice>
  );
}

function codeWords(error: ApiError): string {
  return error.code === 'second_factor_wrong'
    ? 'The code is wrong, or was used before.'
    : refusalWords(error);
}

function Password() {
  return (
    <Field
      label="Password"
      name="password"
      type="password"
      autoComplete="current-password"
      required
    />
  );
}

function Code({ label }: { label: string }) {
  return <Field label={label} name="code" autoComplete="one-time-code" required maxLength={40} />;
}

function Submit({ busy, children }: { busy: boolean; children: string }) {
  return (
    <Button
      type="submit"
      kind="secondary"
      className="justify-self-start"
      busy={busy && 'One moment'}
    >
      {children}
    </Button>
  );
}
