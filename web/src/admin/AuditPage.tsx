import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { SubmitEvent } from 'react';
import { auditQuery } from '@/api/admin';
import type { AuditEntry } from '@/api/types';
import { formValue } from '@/lib/form';
import { formatMoment, fromWallClock, localTimeZone } from '@/lib/time';
import { listed } from '@/lib/words';
import { Button, buttonClass } from '@/ui/Button';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { AdminFrame } from './AdminFrame';
import { actName, detailsOf, groups, whoOf } from './auditWords';
import { PagedList } from './PagedList';

const route = getRouteApi('/admin/audit');

/** As it is in the address: days are those of this device's clock. */
export interface AuditSearch {
  actor?: string;
  object?: string;
  act?: string;
  from?: string;
  to?: string;
}

const fields = ['actor', 'object', 'act', 'from', 'to'] as const;

export function AuditPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/admin/audit' });
  return (
    <AdminFrame title="Audit log">
      <Audit search={search} onSearch={(next) => void navigate({ search: next })} />
    </AdminFrame>
  );
}

interface Props {
  search: AuditSearch;
  onSearch: (search: AuditSearch) => void;
}

export function Audit({ search, onSearch }: Props) {
  const query = useInfiniteQuery(
    auditQuery({
      actor: search.actor,
      object: search.object,
      act: search.act,
      since: beginOf(search.from, 0),
      until: beginOf(search.to, 1),
    }),
  );
  const missing = [...new Set(query.data?.pages.flatMap((page) => page.missing) ?? [])];
  return (
    <>
      <Filter key={JSON.stringify(search)} search={search} onSearch={onSearch} />
      {missing.length > 0 && (
        <Notice tone="warn" title="The log is not whole" testId="audit-missing">
          What was done in {listed(missing)} is not shown: no answer came from there.
        </Notice>
      )}
      <PagedList
        query={query}
        what="The audit log"
        testId="audit-entry"
        idOf={(entry) => entry.id}
        nothing={
          Object.keys(search).length === 0
            ? 'Nothing was done by staff yet.'
            : 'Nothing that was done by staff fits this search.'
        }
      >
        {(entry) => <Entry entry={entry} search={search} />}
      </PagedList>
    </>
  );
}

function Filter({ search, onSearch }: Props) {
  const submit = (submitted: SubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const data = new FormData(submitted.currentTarget);
    const next: AuditSearch = {};
    for (const field of fields) {
      const value = formValue(data, field).trim();
      if (value !== '') next[field] = value;
    }
    onSearch(next);
  };
  return (
    <form
      role="search"
      aria-label="Audit log"
      onSubmit={submit}
      className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3"
    >
      <FieldFrame label="What was done">
        {({ id }) => (
          <select
            id={id}
            name="act"
            defaultValue={search.act ?? ''}
            data-testid="audit-act"
            className={inputClass}
          >
            <option value="">Everything</option>
            {groups.map(({ act, label }) => (
              <option key={act} value={act}>
                {label}
              </option>
            ))}
            {search.act !== undefined && !groups.some(({ act }) => act === search.act) && (
              <option value={search.act}>{actName(search.act)}</option>
            )}
          </select>
        )}
      </FieldFrame>
      <Field label="From" name="from" type="date" defaultValue={search.from} />
      <Field label="Up to and with" name="to" type="date" defaultValue={search.to} />
      <Field
        label="By the account"
        name="actor"
        defaultValue={search.actor}
        placeholder="usr_…"
        maxLength={100}
        autoComplete="off"
      />
      <Field
        label="About"
        name="object"
        defaultValue={search.object}
        placeholder="event:evt_…"
        maxLength={300}
        autoComplete="off"
        data-testid="audit-object"
      />
      <div className="flex flex-wrap items-end gap-3">
        <Button type="submit" kind="secondary" data-testid="audit-search">
          Show
        </Button>
        {Object.keys(search).length > 0 && (
          <Link to="/admin/audit" className={buttonClass('plain')}>
            Show everything
          </Link>
        )}
      </div>
    </form>
  );
}

function Entry({ entry, search }: { entry: AuditEntry; search: AuditSearch }) {
  const details = detailsOf(entry);
  return (
    <article className="grid gap-0.5" data-act={entry.act}>
      <h2 className="font-semibold">{actName(entry.act)}</h2>
      <p className="text-sm">
        <Link
          to="/admin/audit"
          search={{ ...search, object: entry.object }}
          className="underline decoration-line-strong underline-offset-4 hover:decoration-ink"
        >
          {entry.object}
        </Link>
      </p>
      {details !== '' && <p className="text-sm">{details}</p>}
      <p className="text-sm text-soft">
        {formatMoment(entry.at, localTimeZone)}, by{' '}
        {entry.actor.id === null ? (
          whoOf(entry)
        ) : (
          <Link
            to="/admin/users/$userId"
            params={{ userId: entry.actor.id }}
            className="underline decoration-line-strong underline-offset-4 hover:decoration-ink"
          >
            {whoOf(entry)}
          </Link>
        )}
      </p>
      {entry.request_id !== null && <p className="text-xs text-soft">Request {entry.request_id}</p>}
    </article>
  );
}

/** The beginning of a day, or of so many days later; nothing for what is no day. */
function beginOf(day: string | undefined, daysLater: number): string | undefined {
  if (day === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const moment = Date.parse(`${day}T00:00Z`);
  if (Number.isNaN(moment)) return undefined;
  const wanted = new Date(moment + daysLater * 86_400_000).toISOString().slice(0, 10);
  return fromWallClock(`${wanted}T00:00`, localTimeZone) ?? undefined;
}
