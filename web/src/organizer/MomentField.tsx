import { useState } from 'react';
import { momentsOf, offsetName } from '@/lib/time';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { whichNow, whichOf } from './draft';

interface Props {
  name: string;
  label: string;
  hint?: string;
  required?: boolean;
  timezone: string;
  /** The moment that the event has now, and how the form writes it. */
  instant: string | null | undefined;
  defaultValue: string;
  error: string | undefined;
  testId?: string;
}

/** A date and time on the venue's clocks. Where they show it twice, the form asks which of the two. */
export function MomentField(props: Props) {
  const { name, label, timezone, instant, defaultValue, error } = props;
  const [local, setLocal] = useState(defaultValue);
  const moments = momentsOf(local, timezone);
  return (
    <div className="grid content-start gap-3">
      <Field
        label={label}
        name={name}
        type="datetime-local"
        required={props.required}
        defaultValue={defaultValue}
        error={error}
        hint={props.hint}
        onChange={(event) => setLocal(event.target.value)}
        data-testid={props.testId}
      />
      {moments.length > 1 && (
        <FieldFrame
          label={`${label}: which of the two?`}
          hint="The clocks are put back that night, and show this time twice."
        >
          {({ id, describedBy }) => (
            <select
              id={id}
              name={whichOf(name)}
              defaultValue={local === defaultValue ? whichNow(instant, timezone) : '0'}
              aria-describedby={describedBy}
              className={inputClass}
            >
              {moments.map((moment, index) => (
                <option key={moment} value={index}>
                  {index === 0 ? 'The first' : 'The second'}, {offsetName(moment, timezone)}
                </option>
              ))}
            </select>
          )}
        </FieldFrame>
      )}
    </div>
  );
}
