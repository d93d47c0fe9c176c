import { useState } from 'react';
import type { EventInfo, Presale, PresaleDraft } from '@/api/types';
import { formValue } from '@/lib/form';
import { toWallClock } from '@/lib/time';
import { useSubmission } from '@/lib/useSubmission';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { readMoment, type Errors } from './draft';
import { MomentField } from './MomentField';

interface Props {
  event: EventInfo;
  presale?: Presale;
  submitLabel: string;
  onSave: (draft: PresaleDraft) => Promise<void>;
}

/** Name and times of a presale, on the venue's clocks. */
export function PresaleForm({ event, presale, submitLabel, onSave }: Props) {
  const zone = event.timezone;
  const [mistakes, setMistakes] = useState<Errors>({});
  const { busy, error, errors, onSubmit } = useSubmission(async (data) => {
    const found: Errors = {};
    const opensAt = readMoment(data, 'opens_at', zone, presale?.opens_at, found);
    const closesAt = readMoment(data, 'closes_at', zone, presale?.closes_at, found);
    setMistakes(found);
    if (opensAt === null || Object.keys(found).length > 0) return;
    await onSave({ name: formValue(data, 'name'), opens_at: opensAt, closes_at: closesAt });
  });
  const said = { ...errors, ...mistakes };
  const local = (moment: string | null | undefined) => (moment ? toWallClock(moment, zone) : '');
  return (
    <form onSubmit={onSubmit} className="grid gap-5 py-3 sm:grid-cols-2">
      <div className="sm:col-span-2">
        <Field
          label="Name"
          name="name"
          required
          maxLength={100}
          defaultValue={presale?.name}
          error={said['name']}
          hint="Buyers see it."
        />
      </div>
      <MomentField
        label="Presale opens"
        name="opens_at"
        required
        timezone={zone}
        instant={presale?.opens_at}
        defaultValue={local(presale?.opens_at)}
        error={said['opens_at']}
        testId="presale-opens-at"
      />
      <MomentField
        label="Presale ends (optional)"
        name="closes_at"
        timezone={zone}
        instant={presale?.closes_at}
        defaultValue={local(presale?.closes_at)}
        error={said['closes_at']}
        hint="Empty: when the sale opens."
      />
      {error && Object.keys(errors).length === 0 && (
        <p role="alert" className="text-sm text-bad sm:col-span-2">
          {error.message}
        </p>
      )}
      <Button type="submit" className="justify-self-start" busy={busy && 'Saving'}>
        {submitLabel}
      </Button>
    </form>
  );
}
