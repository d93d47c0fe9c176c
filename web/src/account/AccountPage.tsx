import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { signOut } from '@/api/http';
import { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import { listed } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';
import { RequireSession } from '@/ui/RequireSession';
import { EmailForm } from './EmailForm';
import { OwnData } from './OwnData';
import { PasswordForm } from './PasswordForm';
import { Passkeys } from './Passkeys';
import { SecondFactor } from './SecondFactor';
import { Sessions } from './Sessions';
import { VerifyAddress } from './VerifyAddress';

export function AccountPage() {
  return (
    <RequireSession>
      <Account />
    </RequireSession>
  );
}

function Account() {
  const user = useSession((session) => session.user);
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  if (!user) return null;

  const leave = async () => {
    setBusy(true);
    setError(null);
    try {
      await signOut();
      await navigate({ to: '/' });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Page title="Account" width="narrow">
      <dl className="divide-y divide-line border-y border-line">
        {[
          ['Name', user.name],
          ['Email', user.email_verified ? user.email : `${user.email} (not confirmed)`],
          ['Roles', listed(user.roles)],
        ].map(([name, value]) => (
          <div key={name} className="flex flex-wrap justify-between gap-x-4 py-3">
            <dt className="text-soft">{name}</dt>
            <dd className="min-w-0 text-right wrap-break-word">{value}</dd>
          </div>
        ))}
      </dl>
      {!user.email_verified && <VerifyAddress email={user.email} />}
      <EmailForm />
      <PasswordForm />
      <SecondFactor />
      <Passkeys />
      <Sessions />
      <OwnData />
      <section
        aria-label="Session"
        className="grid justify-items-start gap-3 border-t border-line pt-8"
      >
        {error && (
          <Notice tone="bad" title="You are still signed in">
            {error.message}
          </Notice>
        )}
        <Button
          kind="secondary"
          busy={busy && 'Signing out'}
          data-testid="sign-out"
          onClick={() => void leave()}
        >
          Sign out
        </Button>
      </section>
    </Page>
  );
}
