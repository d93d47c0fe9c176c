import { useState, type SubmitEvent } from 'react';
import { ApiError } from '@/api/problem';
import type { EventDraft, EventInfo } from '@/api/types';
import { localTimeZone } from '@/lib/time';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { AreasField } from './AreasField';
import { BasicFields } from './BasicFields';
import {
  changesOf,
  formDefaults,
  priceDefaults,
  readAllFields,
  readAreas,
  readOpenFields,
  readPrices,
  type AreaForm,
  type Errors,
} from './draft';
import { Mistakes } from './Mistakes';
import { PlanField, type LoadedPlan } from './PlanField';
import { PlanWarnings } from './PlanWarnings';
import { PricesField } from './PricesField';

interface Props {
  event?: EventInfo;
  submitLabel: string;
  onSave: (draft: Partial<EventDraft>) => Promise<unknown>;
}

function areaForms(event: EventInfo | undefined): AreaForm[] {
  return (event?.areas ?? []).map((area, key) => ({
    ...area,
    key,
    capacity: String(area.capacity),
  }));
}

/** A new event, a draft with everything open, or a published event with what may still change. */
export function EventForm({ event: latest, submitLabel, onSave }: Props) {
  // What the form shows is what it was opened with, however often the event is fetched again meanwhile.
  const [event] = useState(latest);
  const isOpen = !event || event.state === 'draft';
  const [defaults] = useState(() => formDefaults(event, localTimeZone));
  const [currency, setCurrency] = useState(defaults.currency);
  const [plan, setPlan] = useState<LoadedPlan | null>(null);
  const [prices, setPrices] = useState(() => priceDefaults(event));
  const [areas, setAreas] = useState(() => areaForms(event));
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Errors>({});
  const [error, setError] = useState<ApiError | null>(null);

  const categories = plan
    ? plan.summary.categories
    : Object.keys(event?.prices ?? {}).map((name) => ({ name, seats: null }));

  const read = (data: FormData, found: Errors): Partial<EventDraft> => {
    if (event && !isOpen) {
      const kept = readOpenFields(data, event.timezone, event, found);
      return { ...kept, prices: readPrices(prices, categories, currency, found) };
    }
    if (!event && !plan) found['plan'] = 'Choose the seating plan.';
    return {
      ...readAllFields(data, event, found),
      ...(plan ? { plan: plan.plan } : {}),
      prices: readPrices(prices, categories, currency, found),
      areas: readAreas(areas, found),
    };
  };

  const save = async (draft: Partial<EventDraft>) => {
    setBusy(true);
    setError(null);
    try {
      await onSave(draft);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
      setErrors(problem.errors);
    } finally {
      setBusy(false);
    }
  };

  const submit = (submitted: SubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const found: Errors = {};
    const said = read(new FormData(submitted.currentTarget), found);
    const draft = event ? changesOf(event, said) : said;
    setErrors(found);
    setError(null);
    if (Object.keys(found).length === 0) void save(draft);
  };

  return (
    <form onSubmit={submit} className="grid gap-10">
      <BasicFields
        event={event}
        defaults={defaults}
        isOpen={isOpen}
        errors={errors}
        onCurrency={setCurrency}
      />
      {isOpen && (
        <>
          <PlanField
            current={event?.plan_name ?? null}
            plan={plan}
            error={errors['plan']}
            onPlan={setPlan}
          />
          {event && !plan && <PlanWarnings warnings={event.plan_warnings} />}
          {categories.length > 0 && (
            <>
              <PricesField
                categories={categories}
                currency={currency}
                prices={prices}
                errors={errors}
                onChange={setPrices}
              />
              <AreasField
                areas={areas}
                zones={plan?.summary.zones ?? []}
                categories={categories.map((category) => category.name)}
                errors={errors}
                onChange={setAreas}
              />
            </>
          )}
        </>
      )}
      {!isOpen && (
        <PricesField
          categories={categories}
          currency={currency}
          prices={prices}
          errors={errors}
          onSale
          onChange={setPrices}
        />
      )}
      {error && (
        <Notice tone="bad" title="Not saved" testId="event-form-error">
          {error.status === 0
            ? 'The server did not answer. Look in your list of events before saving again.'
            : error.message}
          <Mistakes errors={errors} />
        </Notice>
      )}
      {!error && Object.keys(errors).length > 0 && (
        <Notice tone="bad">Some fields above need a second look.</Notice>
      )}
      <Button
        type="submit"
        className="justify-self-start"
        busy={busy && 'Saving'}
        data-testid="save-event"
      >
        {submitLabel}
      </Button>
    </form>
  );
}
