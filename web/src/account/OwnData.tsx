import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { account, secondFactorQuery } from '@/api/account';
import type { ApiError } from '@/api/problem';
import { endSession } from '@/api/session';
import { saveFile } from '@/lib/download';
import { formSecret, formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

/** What the owner may ask of the account's data: a copy of all of it, and that it is erased. */
export function OwnData() {
  return (
    <section aria-labelledby="own-data" className="grid gap-5" data-testid="own-data">
      <h2 id="own-data" className="display text-3xl">
        Your data
      </h2>
      <Export />
      <Erasure />
    </section>
  );
}

function Export() {
  const saving = useSubmission(async () => {
    const text = JSON.stringify(await account.exported(), null, 2);
    saveFile(new Blob([text], { type: 'application/json' }), 'my-account.json');
  });
  return (
    <div className="grid justify-items-start gap-3">
      <p>A file with everything that is stored about you: account, orders, tickets, events.</p>
      {saving.error && <Notice tone="bad">{refusalWords(saving.error)}</Notice>}
      <Button kind="secondary" busy={saving.busy && 'Collecting'} onClick={saving.run}>
        Download my data
      </Button>
    </div>
  );
}

function Erasure() {
  const [wanted, setWanted] = useState(false);
  const { data: factor } = useQuery(secondFactorQuery());
  const navigate = useNavigate();
  const erasing = useSubmission(async (data) => {
    await account.erase(formSecret(data, 'password'), factor?.totp ? formValue(data, 'code') : '');
    endSession();
    await navigate({ to: '/' });
  });
  if (!wanted) {
    return (
      <Button kind="secondary" className="justify-self-start" onClick={() => setWanted(true)}>
        Erase my account
      </Button>
    );
  }
  return (
    <form onSubmit={erasing.onSubmit} aria-label="Erase my account" className="grid gap-5">
      <Notice tone="warn" title="This cannot be undone">
        Your account and what it holds about you are erased, and you are signed out everywhere.
        Orders stay in the books, without your name and address.
      </Notice>
      {erasing.error && <Notice tone="bad">{eraseWords(erasing.error)}</Notice>}
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
      />
      {factor?.totp && (
        <Field
          label="Code of the app, or a recovery code"
          name="code"
          autoComplete="one-time-code"
          required
          maxLength={40}
        />
      )}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" busy={erasing.busy && 'Erasing'}>
          Erase for ever
        </Button>
        <Button kind="secondary" onClick={() => setWanted(false)}>
          Keep it
        </Button>
      </div>
    </form>
  );
}

function eraseWords(error: ApiError): string {
  if (error.code === 'second_factor_wrong') return 'The code is wrong, or was used before.';
  return refusalWords(error);
}
