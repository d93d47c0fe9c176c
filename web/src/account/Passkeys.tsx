import { useQuery, useQueryClient } from '@tanstack/react-query';
import { secondFactorQuery } from '@/api/account';
import { passkeys, passkeysQuery, passkeysSupported } from '@/api/passkeys';
import type { ApiError } from '@/api/problem';
import type { Passkey } from '@/api/types';
import { formSecret, formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { Act } from '@/ui/Act';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const NAME_MOST = 60;

/** Passkeys: listed, made, renamed, removed. */
export function Passkeys() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(passkeysQuery());
  const changed = () => client.invalidateQueries({ queryKey: passkeysQuery().queryKey });
  if (error && !data) {
    return <ErrorState error={error} what="The list of passkeys" onRetry={() => void refetch()} />;
  }
  return (
    <section aria-labelledby="passkeys" className="grid gap-4" data-testid="passkeys">
      <h2 id="passkeys" className="display text-3xl">
        Passkeys
      </h2>
      <p>With a passkey you sign in by your finger, face or PIN, without the password.</p>
      {data && data.items.length > 0 && (
        <ul className="divide-y divide-line border-y border-line">
          {data.items.map((one) => (
            <Row key={one.id} passkey={one} onChanged={changed} />
          ))}
        </ul>
      )}
      {data && <New unavailable={data.unavailable} onAdded={changed} />}
    </section>
  );
}

interface RowProps {
  passkey: Passkey;
  onChanged: () => Promise<unknown>;
}

function Row({ passkey, onChanged }: RowProps) {
  const { id, name } = passkey;
  return (
    <li className="grid gap-3 py-3 sm:flex sm:items-center sm:justify-between">
      <div className="min-w-0">
        <p className="wrap-anywhere">{name}</p>
        <p className="text-sm text-soft">
          Added {day.format(new Date(passkey.created_at))}
          {passkey.last_used_at && `, last used ${day.format(new Date(passkey.last_used_at))}`}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Act
          name="Rename"
          label={`Rename ${name}`}
          testId="passkey-rename"
          title="Rename this passkey"
          submit="Rename"
          onDone={onChanged}
          send={(data) => passkeys.rename(id, formValue(data, 'name'))}
        >
          {(errors) => <Name value={name} error={errors['name']} />}
        </Act>
        <Act
          name="Remove"
          label={`Remove ${name}`}
          testId="passkey-remove"
          title="Remove this passkey?"
          submit="Remove"
          kind="danger"
          onDone={onChanged}
          send={(data) => passkeys.remove(id, formSecret(data, 'password'))}
        >
          {(errors) => (
            <>
              <p className="wrap-anywhere">{name} will sign in no more.</p>
              <Password error={errors['current_password'] && 'This password is wrong.'} />
            </>
          )}
        </Act>
      </div>
    </li>
  );
}

function New({
  unavailable,
  onAdded,
}: {
  unavailable: string | null;
  onAdded: () => Promise<unknown>;
}) {
  if (unavailable !== null) return <Notice testId="passkeys-unavailable">{unavailable}</Notice>;
  if (!passkeysSupported()) {
    return <Notice testId="passkeys-unavailable">This browser has no passkeys here.</Notice>;
  }
  return <NewForm onAdded={onAdded} />;
}

function NewForm({ onAdded }: { onAdded: () => Promise<unknown> }) {
  const { data: factor } = useQuery(secondFactorQuery());
  const adding = useSubmission(async (data, form) => {
    const [name, code] = [formValue(data, 'name'), formValue(data, 'code')];
    await passkeys.add(name, formSecret(data, 'password'), code);
    form?.reset();
    await onAdded();
  });
  return (
    <form onSubmit={adding.onSubmit} aria-label="Add a passkey" className="grid gap-5">
      {adding.done && <Notice tone="ok">The passkey is added.</Notice>}
      {adding.error && <Notice tone="bad">{words(adding.error)}</Notice>}
      <Name error={adding.errors['name']} />
      <Password />
      {factor?.totp && (
        <Field
          label="Code of the app, or a recovery code"
          name="code"
          autoComplete="one-time-code"
          required
          maxLength={40}
        />
      )}
      <Button
        type="submit"
        kind="secondary"
        className="justify-self-start"
        busy={adding.busy && 'Follow your browser'}
        data-testid="passkey-add"
      >
        Add a passkey
      </Button>
    </form>
  );
}

function words(error: ApiError): string {
  if (error.code === 'second_factor_wrong') return 'The code is wrong, or was used before.';
  if (error.code === 'challenge_invalid') return 'That took too long. Try again.';
  return refusalWords(error);
}

function Name({ value, error }: { value?: string; error?: string | undefined }) {
  return (
    <Field
      label="Name of the passkey"
      name="name"
      autoComplete="off"
      required
      maxLength={NAME_MOST}
      defaultValue={value}
      hint="Where it is, such as: my phone."
      error={error}
    />
  );
}

function Password({ error }: { error?: string | undefined }) {
  return (
    <Field
      label="Password"
      name="password"
      type="password"
      autoComplete="current-password"
      required
      error={error}
    />
  );
}
