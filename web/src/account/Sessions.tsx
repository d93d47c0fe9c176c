import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { account, sessionsQuery } from '@/api/account';
import { ApiError } from '@/api/problem';
import type { AccountSession } from '@/api/types';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Where the account is signed in. */
export function Sessions() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(sessionsQuery());
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);

  const change = async (work: () => Promise<void>) => {
    setBusy(true);
    setRefused(null);
    try {
      await work();
      await client.invalidateQueries({ queryKey: sessionsQuery().queryKey });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setRefused(problem);
    } finally {
      setBusy(false);
    }
  };

  if (error && !data) {
    return <ErrorState error={error} what="The list of devices" onRetry={() => void refetch()} />;
  }
  const sessions = data ?? [];
  return (
    <section aria-labelledby="sessions" className="grid gap-4" data-testid="sessions">
      <h2 id="sessions" className="display text-3xl">
        Signed in on
      </h2>
      {refused && <Notice tone="bad">{refusalWords(refused)}</Notice>}
      <ul className="divide-y divide-line border-t border-line">
        {sessions.map((session) => (
          <SessionRow
            key={session.id}
            session={session}
            busy={busy}
            onEnd={() => void change(() => account.endSession(session.id))}
          />
        ))}
      </ul>
      {sessions.some((session) => !session.current) && (
        <Button
          kind="secondary"
          className="justify-self-start"
          disabled={busy}
          onClick={() => void change(account.endOtherSessions)}
        >
          Sign out everywhere else
        </Button>
      )}
    </section>
  );
}

interface RowProps {
  session: AccountSession;
  busy: boolean;
  onEnd: () => void;
}

function SessionRow({ session, busy, onEnd }: RowProps) {
  return (
    <li className="flex items-center justify-between gap-4 py-3">
      <div className="min-w-0">
        <p className="wrap-anywhere">{session.device}</p>
        <p className="text-sm text-soft">
          {session.current
            ? 'This device'
            : `Last used ${when.format(new Date(session.last_used_at))}`}
        </p>
      </div>
      {!session.current && (
        <Button
          kind="plain"
          disabled={busy}
          aria-label={`Sign out ${session.device}`}
          onClick={onEnd}
        >
          Sign out
        </Button>
      )}
    </li>
  );
}
