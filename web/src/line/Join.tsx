import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import { entryQuery, joinLine, type TimedLine } from '@/api/line';
import { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import type { EventInfo } from '@/api/types';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';

interface Props {
  event: EventInfo;
  line: TimedLine;
  /** Without another press: the person pressed before signing in. */
  atOnce: boolean;
  entryError: Error | null;
}

/** The same account gets the same entry, however often it joins and from wherever. */
export function Join({ event, line, atOnce, entryError }: Props) {
  const { join, busy, error } = useJoin(event.id);
  const isOpen = line.phase !== 'closed' && line.phase !== 'ended';
  const signedIn = useSession((session) => session.status === 'signed-in');
  const asked = useRef(false);
  useEffect(() => {
    if (!atOnce || !signedIn || !isOpen || asked.current) return;
    asked.current = true;
    void join();
  }, [atOnce, isOpen, join, signedIn]);
  const failure = error ?? (entryError instanceof ApiError ? entryError : null);
  return (
    <section aria-label="Join the line" className="grid justify-items-start gap-3">
      {failure && (
        <Notice tone="bad" title={error ? 'You have not joined' : 'Your entry can’t be shown'}>
          {wordsOf(failure)}
        </Notice>
      )}
      {line.phase === 'closed' && (
        <p>Come back when the lobby opens, and join at any time until it closes.</p>
      )}
      {isOpen && (
        <>
          {line.phase !== 'lobby' && (
            <p>Who joins now gets the next number, behind everybody who is in the line already.</p>
          )}
          <Button busy={busy && 'Joining'} data-testid="join-line" onClick={() => void join()}>
            {signedIn ? 'Join the line' : 'Sign in and join'}
          </Button>
          {!signedIn && (
            <p className="text-sm text-soft">
              A place belongs to an account, and an account has one place.
            </p>
          )}
        </>
      )}
    </section>
  );
}

function wordsOf(error: ApiError): string {
  if (error.status === 0) {
    return 'The server did not answer. Press again: one account has one place, however often it joins.';
  }
  if (error.status === 429 || error.status === 503) {
    return `Very many join right now. Try again in ${counted(error.retryAfterSeconds ?? 5, 'second')}.`;
  }
  return error.message;
}

function useJoin(eventId: string) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const join = useCallback(async () => {
    const signIn = () =>
      navigate({ to: '/sign-in', search: { next: `/events/${eventId}/line?join=1` } });
    if (useSession.getState().status === 'anonymous') {
      await signIn();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      client.setQueryData(entryQuery(eventId).queryKey, await joinLine(eventId));
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.status === 401) await signIn();
      else setError(problem);
    } finally {
      setBusy(false);
    }
  }, [client, eventId, navigate]);
  return { join, busy, error };
}
