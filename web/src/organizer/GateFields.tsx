import type { EventInfo } from '@/api/types';
import type { DraftForm, Errors } from './draft';
import { MomentField } from './MomentField';

interface Props {
  event: EventInfo | undefined;
  defaults: DraftForm;
  timezone: string;
  errors: Errors;
}

/** Which accounts may buy: against those who make many for one sale. */
export function GateFields({ event, defaults, timezone, errors }: Props) {
  return (
    <fieldset className="grid gap-5 sm:col-span-2 sm:grid-cols-2">
      <legend className="mb-3 text-sm font-medium">Who may buy</legend>
      <label className="flex min-h-11 items-center gap-3">
        <input
          type="checkbox"
          name="gates.verified_email"
          defaultChecked={defaults.verifiedEmail}
          className="size-5 shrink-0 accent-ink"
          data-testid="gate-verified"
        />
        Only accounts with a confirmed email address
      </label>
      <MomentField
        label="Only accounts made before (optional)"
        name="gates.accounts_before"
        timezone={timezone}
        instant={event?.gates.accounts_before}
        defaultValue={defaults.accountsBefore}
        error={errors['gates.accounts_before']}
        hint="Say, when the sale was announced: nobody makes accounts for it then. Empty: all accounts."
        testId="gate-accounts-before"
      />
    </fieldset>
  );
}
