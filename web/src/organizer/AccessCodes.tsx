import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { codesQuery, presales } from '@/api/presales';
import type { AccessCode, EventInfo, Presale } from '@/api/types';
import { formValue } from '@/lib/form';
import { useSubmission } from '@/lib/useSubmission';
import { count, counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';
import { SaveButton } from '@/ui/SaveButton';
import { Skeleton } from '@/ui/Skeleton';

interface Props {
  event: EventInfo;
  presale: Presale;
}

/** The access codes of a presale: how often each was used, and more of them. */
export function AccessCodes({ event, presale }: Props) {
  const client = useQueryClient();
  const query = codesQuery(event.id, presale.id);
  const { data, error, refetch, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery(query);
  const changed = () => client.invalidateQueries({ queryKey: query.queryKey });
  if (error && !data) {
    return <ErrorState error={error} what="The access codes" onRetry={() => void refetch()} />;
  }
  if (!data) return <Skeleton label="Loading the access codes" className="h-16" />;
  const codes = data.pages.flatMap((page) => page.items);
  return (
    <div className="grid gap-4">
      {codes.length === 0 ? (
        <p className="text-soft">No access codes yet: nobody can buy in this presale.</p>
      ) : (
        <table className="w-full text-left text-[0.9375rem]">
          <caption className="sr-only">Access codes of {presale.name}</caption>
          <thead>
            <tr className="border-b border-line text-sm text-soft">
              <th scope="col" className="py-2 font-medium">
                Code
              </th>
              <th scope="col" className="py-2 font-medium">
                Accounts
              </th>
              <th scope="col">
                <span className="sr-only">Revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {codes.map((code) => (
              <Row key={code.id} event={event} presale={presale} code={code} onChanged={changed} />
            ))}
          </tbody>
        </table>
      )}
      <div className="flex flex-wrap gap-3">
        {hasNextPage && (
          <Button
            kind="secondary"
            busy={isFetching && 'Loading'}
            onClick={() => void fetchNextPage()}
          >
            Show more codes
          </Button>
        )}
        {codes.some((code) => code.code !== null) && (
          <SaveButton path={presales.csv(event.id, presale.id)} name={`${presale.id}-codes.csv`}>
            Generated codes as CSV
          </SaveButton>
        )}
      </div>
      {event.state === 'scheduled' && (
        <>
          <Generate event={event} presale={presale} onAdded={changed} />
          <Own event={event} presale={presale} onAdded={changed} />
        </>
      )}
    </div>
  );
}

interface RowProps extends Props {
  code: AccessCode;
  onChanged: () => Promise<void>;
}

function Row({ event, presale, code, onChanged }: RowProps) {
  const shown = code.code ?? `${code.begins_with}…`;
  const { busy, error, run } = useSubmission(async () => {
    await presales.revoke(event.id, presale.id, code.id);
    await onChanged();
  });
  return (
    <tr className="border-b border-line">
      <th scope="row" className="py-2 pr-3 font-mono font-normal wrap-anywhere">
        {shown}
      </th>
      <td className="py-2 pr-3">
        {count(code.uses)} of {count(code.max_uses)}
      </td>
      <td className="text-right">
        {code.revoked_at === null ? (
          <Button
            kind="plain"
            busy={busy && 'Revoking'}
            onClick={run}
            aria-label={`Revoke the code ${shown}`}
          >
            Revoke
          </Button>
        ) : (
          <span className="text-soft">Revoked</span>
        )}
        {error && (
          <span role="alert" className="block text-sm text-bad">
            {error.message}
          </span>
        )}
      </td>
    </tr>
  );
}

interface AddProps extends Props {
  onAdded: () => Promise<void>;
}

function Generate({ event, presale, onAdded }: AddProps) {
  const { busy, error, errors, onSubmit } = useSubmission(async (data, form) => {
    const generate = {
      count: Number(formValue(data, 'count')),
      max_uses: Number(formValue(data, 'max_uses')),
    };
    await presales.addCodes(event.id, presale.id, { generate });
    form?.reset();
    await onAdded();
  });
  return (
    <form
      onSubmit={onSubmit}
      aria-label={`Generate codes of ${presale.name}`}
      className="grid items-start gap-3 sm:grid-cols-[1fr_1fr_auto]"
    >
      <Field
        label="Codes to generate"
        name="count"
        type="number"
        min={1}
        max={1000}
        required
        error={errors['generate.count']}
      />
      <Field
        label="Accounts for each"
        name="max_uses"
        type="number"
        min={1}
        max={100_000}
        required
        defaultValue={1}
        error={errors['generate.max_uses']}
      />
      <Button type="submit" className="sm:mt-6.5" busy={busy && 'Generating'}>
        Generate
      </Button>
      {error && Object.keys(errors).length === 0 && (
        <p role="alert" className="text-sm text-bad">
          {error.message}
        </p>
      )}
    </form>
  );
}

function Own({ event, presale, onAdded }: AddProps) {
  const { busy, done, error, errors, onSubmit } = useSubmission(async (data, form) => {
    const own = { code: formValue(data, 'code'), max_uses: Number(formValue(data, 'max_uses')) };
    await presales.addCodes(event.id, presale.id, { codes: [own] });
    form?.reset();
    await onAdded();
  });
  const wrong = errors['codes.0.code'];
  return (
    <form
      onSubmit={onSubmit}
      aria-label={`Add a code of your own to ${presale.name}`}
      className="grid items-start gap-3 sm:grid-cols-[1fr_1fr_auto]"
    >
      <Field
        label="A code of your own"
        name="code"
        required
        maxLength={100}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        error={wrong && `It ${wrong}.`}
        hint={`${counted(6, 'letter or digit', 'letters or digits')} at least. Only its first two are shown later: note it.`}
      />
      <Field
        label="Accounts, at most"
        name="max_uses"
        type="number"
        min={1}
        max={100_000}
        required
        error={errors['codes.0.max_uses']}
      />
      <Button type="submit" className="sm:mt-6.5" busy={busy && 'Adding'}>
        Add
      </Button>
      {error && Object.keys(errors).length === 0 && (
        <p role="alert" className="text-sm text-bad">
          {error.message}
        </p>
      )}
      <p role="status" className="sr-only">
        {done && 'The code is added.'}
      </p>
    </form>
  );
}
