import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { amendments } from '@/api/amendments';
import { Intent } from '@/api/intent';
import type { ApiError } from '@/api/problem';
import { amendmentQuery, eventQuery } from '@/api/queries';
import type { AmendmentDraft, AmendmentPreview, EventInfo } from '@/api/types';
import { useAttempt } from '@/lib/useAttempt';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Notice } from '@/ui/Notice';
import { AmendmentSummary } from './AmendmentSummary';
import { readPrices, type Errors } from './draft';
import { Mistakes } from './Mistakes';
import { PlanField, type LoadedPlan } from './PlanField';
import { PricesField } from './PricesField';

interface Looked {
  draft: AmendmentDraft;
  preview: AmendmentPreview;
}

/** Another plan for a published event: a file, then what will change, then it is done. */
export function AmendPlan({ event }: { event: EventInfo }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button kind="secondary" data-testid="amend" onClick={() => setOpen(true)}>
        Change the plan
      </Button>
      <Dialog title="Change the plan" open={open} onClose={() => setOpen(false)}>
        {open && <Steps event={event} onClose={() => setOpen(false)} />}
      </Dialog>
    </>
  );
}

function Steps({ event, onClose }: { event: EventInfo; onClose: () => void }) {
  const client = useQueryClient();
  const intent = useRef(new Intent());
  const [plan, setPlan] = useState<LoadedPlan | null>(null);
  const [prices, setPrices] = useState<Record<string, string>>({});
  const [looked, setLooked] = useState<Looked | null>(null);
  const [mistakes, setMistakes] = useState<Errors>({});
  const { busy, error, attempt } = useAttempt();

  const added = (plan?.summary.categories ?? []).filter(({ name }) => !(name in event.prices));
  const look = (submitted: SubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const found: Errors = {};
    if (!plan) found['plan'] = 'Choose the seating plan.';
    const draft = { plan: plan?.plan, prices: readPrices(prices, added, event.currency, found) };
    setMistakes(found);
    if (busy || Object.keys(found).length > 0) return;
    void attempt(async () => {
      setLooked({ draft, preview: await amendments.preview(event.id, draft) });
    });
  };
  const amend = ({ draft }: Looked) =>
    attempt(async () => {
      const latest = await intent.current.run(draft, (key) =>
        amendments.amend(event.id, draft, key),
      );
      client.setQueryData(amendmentQuery(event.id).queryKey, latest);
      onClose();
    });

  if (looked) {
    return (
      <div className="grid gap-4">
        <AmendmentSummary event={event} preview={looked.preview} />
        {error && <Trouble error={error} />}
        <div className="flex flex-wrap gap-3">
          {looked.preview.taken.length === 0 && (
            <Button
              busy={busy && 'Changing'}
              data-testid="amend-confirm"
              onClick={() => void amend(looked)}
            >
              Change the plan
            </Button>
          )}
          <Button kind="secondary" data-testid="amend-back" onClick={() => setLooked(null)}>
            Choose another file
          </Button>
        </div>
      </div>
    );
  }
  return (
    <form noValidate onSubmit={look} className="grid gap-4">
      <p>
        Seats that nobody holds or has bought may be moved, renamed, added, removed, or get another
        category. A seat is the same by its <code>seat_guid</code>. Nobody loses a seat.
      </p>
      <PlanField current={null} plan={plan} error={mistakes['plan']} onPlan={setPlan} />
      {added.length > 0 && (
        <PricesField
          categories={added}
          currency={event.currency}
          prices={prices}
          errors={mistakes}
          onSale
          onChange={setPrices}
        />
      )}
      {error && <Trouble error={error} />}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" busy={busy && 'Comparing'} data-testid="amend-look">
          See what will change
        </Button>
        <Button kind="secondary" onClick={onClose}>
          Leave it
        </Button>
      </div>
    </form>
  );
}

function Trouble({ error }: { error: ApiError }) {
  return (
    <Notice tone="bad" title="Nothing was changed, as far as we know">
      {error.status === 0
        ? 'The server did not answer. Press again: it is not done twice.'
        : error.message}
      <Mistakes errors={error.errors} />
    </Notice>
  );
}

/** What became of the latest change of the plan. */
export function AmendmentState({ event }: { event: EventInfo }) {
  const client = useQueryClient();
  const { data } = useQuery(amendmentQuery(event.id));
  const state = data?.state;
  useEffect(() => {
    if (state !== undefined && state !== 'pending') {
      void client.invalidateQueries(eventQuery(event.id));
    }
  }, [client, event.id, state]);
  if (!data) return null;
  return (
    <div data-testid="amendment" data-state={data.state}>
      {data.state === 'pending' && (
        <Notice tone="info" title="The plan is being changed">
          Seats that do not change are on sale all the while.
        </Notice>
      )}
      {data.state === 'applied' && (
        <Notice tone="ok" title="The plan was changed">
          It is on sale with the new seats.
        </Notice>
      )}
      {data.state === 'refused' && (
        <Notice tone="bad" title="The plan was not changed">
          <p>{data.detail}</p>
          {data.taken.length > 0 && (
            <ul className="mt-2 list-disc pl-5">
              {data.taken.map((text) => (
                <li key={text}>{text}</li>
              ))}
            </ul>
          )}
        </Notice>
      )}
    </div>
  );
}
