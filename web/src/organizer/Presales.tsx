import { useQuery, useQueryClient } from '@tanstack/react-query';
import { isOpenAt, presales, presalesQuery, type TimedPresale } from '@/api/presales';
import type { EventInfo } from '@/api/types';
import { formatMoment } from '@/lib/time';
import { useNow } from '@/lib/useNow';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Skeleton } from '@/ui/Skeleton';
import { AccessCodes } from './AccessCodes';
import { PresaleForm } from './PresaleForm';

/** Windows before the general sale, and the access codes that open them. */
export function Presales({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(presalesQuery(event.id));
  if (error && !data) {
    return <ErrorState error={error} what="The presales" onRetry={() => void refetch()} />;
  }
  if (!data) return <Skeleton label="Loading the presales" className="h-32" />;
  const isBefore = event.state === 'scheduled';
  if (!isBefore && data.length === 0) return null;
  const changed = () => client.invalidateQueries({ queryKey: presalesQuery(event.id).queryKey });
  return (
    <section aria-labelledby="presales" className="grid max-w-3xl gap-6" data-testid="presales">
      <h2 id="presales" className="display text-3xl">
        Presales
      </h2>
      <p className="text-soft">
        {isBefore
          ? 'Before the sale opens, those with an access code choose seats. Nobody else does.'
          : 'The sale is open to everybody; these were before it.'}
      </p>
      {data.map((presale) => (
        <Window key={presale.id} event={event} presale={presale} onChanged={changed} />
      ))}
      {isBefore && (
        <details className="border-t border-line pt-4" open={data.length === 0}>
          <summary className="min-h-11 cursor-pointer py-2 font-semibold">Add a presale</summary>
          <PresaleForm
            key={data.length}
            event={event}
            submitLabel="Add the presale"
            onSave={async (draft) => {
              await presales.add(event.id, draft);
              await changed();
            }}
          />
        </details>
      )}
    </section>
  );
}

interface WindowProps {
  event: EventInfo;
  presale: TimedPresale;
  onChanged: () => Promise<void>;
}

function Window({ event, presale, onChanged }: WindowProps) {
  const now = useNow(true);
  const isBefore = event.state === 'scheduled';
  const isOpen = isBefore && isOpenAt(presale, now);
  const isOver = !isBefore || presale.closesAt <= now;
  // Of the server's clock, which says when a window is over.
  const ahead = Date.parse(presale.opens_at) - presale.opensAt;
  const end = useSubmission(async () => {
    await presales.change(event.id, presale.id, {
      closes_at: new Date(now + ahead).toISOString(),
    });
    await onChanged();
  });
  const until = presale.closes_at ?? event.on_sale_at;
  return (
    <article
      aria-label={presale.name}
      className="grid gap-4 border-t border-line pt-4"
      data-testid="presale-window"
    >
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h3 className="display text-2xl wrap-anywhere">{presale.name}</h3>
          <p className="text-soft">
            {isOver ? 'Over: ' : isOpen ? 'Open: ' : ''}
            {formatMoment(presale.opens_at, event.timezone)}
            {until !== null && ` to ${formatMoment(until, event.timezone)}`}
          </p>
        </div>
        {isOpen && (
          <Button
            kind="secondary"
            busy={end.busy && 'Ending'}
            onClick={end.run}
            aria-label={`End now: ${presale.name}`}
          >
            End now
          </Button>
        )}
      </div>
      {end.error && (
        <p role="alert" className="text-sm text-bad">
          {end.error.errors['closes_at'] ?? end.error.message}
        </p>
      )}
      {isBefore && (
        <details>
          <summary className="min-h-11 cursor-pointer py-2 font-semibold">
            Change its name or times
          </summary>
          <PresaleForm
            key={`${presale.name} ${presale.opens_at} ${String(presale.closes_at)}`}
            event={event}
            presale={presale}
            submitLabel="Save the presale"
            onSave={async (draft) => {
              await presales.change(event.id, presale.id, draft);
              await onChanged();
            }}
          />
        </details>
      )}
      <AccessCodes event={event} presale={presale} />
    </article>
  );
}
