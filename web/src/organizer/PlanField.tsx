import { useState, type ChangeEvent } from 'react';
import { count, counted } from '@/lib/words';
import { FieldFrame, inputClass } from '@/ui/Field';
import { PlanError, summarize, type PlanSummary } from './plan';

export interface LoadedPlan {
  plan: unknown;
  summary: PlanSummary;
}

interface Props {
  /** The plan that a saved draft has already. */
  current: string | null;
  plan: LoadedPlan | null;
  error: string | undefined;
  onPlan: (plan: LoadedPlan | null) => void;
}

const LARGEST_BYTES = 32 * 1024 * 1024;

export function PlanField({ current, plan, error, onPlan }: Props) {
  const [problem, setProblem] = useState<string>();
  const load = async (file: File | undefined) => {
    setProblem(undefined);
    onPlan(null);
    if (!file) return;
    if (file.size > LARGEST_BYTES) {
      setProblem('The file is larger than 32 MB.');
      return;
    }
    try {
      onPlan(summarize(await file.text()));
    } catch (cause) {
      if (!(cause instanceof PlanError)) throw cause;
      setProblem(cause.message);
    }
  };
  return (
    <section aria-label="Seating plan" className="grid gap-3">
      <h2 className="display text-3xl">Seating plan</h2>
      <FieldFrame
        label={current ? `Replace the plan “${current}” (optional)` : 'Plan file'}
        hint="A seating plan in pretix format, JSON, 32 MB at most."
        error={problem ?? error}
      >
        {({ id, describedBy, invalid }) => (
          <input
            id={id}
            type="file"
            accept=".json,application/json"
            aria-describedby={describedBy}
            aria-invalid={invalid || undefined}
            data-testid="plan-file"
            className={`${inputClass} py-2 file:mr-4 file:rounded-sm file:border-0 file:bg-sunk file:px-3 file:py-1 file:font-medium file:text-ink`}
            onChange={(event: ChangeEvent<HTMLInputElement>) => void load(event.target.files?.[0])}
          />
        )}
      </FieldFrame>
      {plan && (
        <p role="status" className="text-[0.9375rem]">
          <span className="font-semibold">{plan.summary.name || 'Plan'}</span>:{' '}
          {counted(plan.summary.seats, 'seat')} in {counted(plan.summary.zones.length, 'zone')},{' '}
          {count(plan.summary.categories.length)} price categories
        </p>
      )}
    </section>
  );
}
