import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { entryQuery, wantEmail } from '@/api/line';
import { isApiError } from '@/api/problem';
import type { LineEntry } from '@/api/types';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';

interface Props {
  eventId: string;
  entry: LineEntry;
}

/** An email some minutes before the turn, for who closes the page. */
export function EmailMe({ eventId, entry }: Props) {
  const client = useQueryClient();
  const isWanted = entry.email_wanted;
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => wantEmail(eventId, !isWanted),
    onSuccess: () =>
      client.setQueryData(
        entryQuery(eventId).queryKey,
        (known) => known && { ...known, email_wanted: !isWanted },
      ),
  });
  return (
    <div className="grid justify-items-start gap-2">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button
          kind="secondary"
          aria-pressed={isWanted}
          busy={isPending && 'Saving'}
          onClick={() => mutate()}
          data-testid="email-me"
        >
          {isWanted && <span aria-hidden>✓</span>}
          Email me when it is nearly my turn
        </Button>
        {isWanted && (
          <p className="text-sm text-soft">It goes some five minutes before, to your address.</p>
        )}
      </div>
      {error && (
        <Notice tone="bad" title="No email was asked for" testId="email-me-error">
          {isApiError(error, 'email_not_verified') ? (
            <>
              Emails go to confirmed addresses only.{' '}
              <Link to="/account" className="underline">
                Confirm yours
              </Link>
              , and come back: your place is kept.
            </>
          ) : (
            error.message
          )}
        </Notice>
      )}
    </div>
  );
}
