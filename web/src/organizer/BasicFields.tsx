import { Field, FieldFrame, inputClass } from '@/ui/Field';
import type { DraftForm, Errors } from './draft';

const currencies = [
  'EUR',
  'GBP',
  'USD',
  'CHF',
  'DKK',
  'NOK',
  'PLN',
  'SEK',
  'CZK',
  'HUF',
  'JPY',
  'CAD',
  'AUD',
];
const zones = Intl.supportedValuesOf('timeZone');

interface Props {
  defaults: DraftForm;
  isOpen: boolean;
  errors: Errors;
  onCurrency: (currency: string) => void;
}

export function BasicFields({ defaults, isOpen, errors, onCurrency }: Props) {
  return (
    <section aria-label="Event" className="grid gap-5 sm:grid-cols-2">
      <div className="sm:col-span-2">
        <Field
          label="Title"
          name="title"
          required
          maxLength={200}
          defaultValue={defaults.title}
          error={errors['title']}
          data-testid="event-title"
        />
      </div>
      <div className="sm:col-span-2">
        <FieldFrame label="Description" error={errors['description']}>
          {({ id, describedBy, invalid }) => (
            <textarea
              id={id}
              name="description"
              rows={4}
              defaultValue={defaults.description}
              aria-describedby={describedBy}
              aria-invalid={invalid || undefined}
              className={`${inputClass} py-2`}
            />
          )}
        </FieldFrame>
      </div>
      {isOpen && (
        <>
          <Field
            label="Venue"
            name="venue"
            required
            maxLength={200}
            defaultValue={defaults.venue}
            error={errors['venue']}
            data-testid="event-venue"
          />
          <div>
            <Field
              label="Time zone of the venue"
              name="timezone"
              list="time-zones"
              required
              defaultValue={defaults.timezone}
              error={errors['timezone']}
              hint="All times below are on this zone’s clocks."
              data-testid="event-timezone"
            />
            <datalist id="time-zones">
              {zones.map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </div>
          <Field
            label="Starts"
            name="starts_at"
            type="datetime-local"
            required
            defaultValue={defaults.startsAt}
            error={errors['starts_at']}
            data-testid="event-starts-at"
          />
          <FieldFrame label="Currency" error={errors['currency']}>
            {({ id, describedBy }) => (
              <select
                id={id}
                name="currency"
                defaultValue={defaults.currency}
                aria-describedby={describedBy}
                className={inputClass}
                onChange={(event) => onCurrency(event.target.value)}
              >
                {currencies.map((currency) => (
                  <option key={currency}>{currency}</option>
                ))}
              </select>
            )}
          </FieldFrame>
        </>
      )}
      <Field
        label="Sale opens (optional)"
        name="on_sale_at"
        type="datetime-local"
        defaultValue={defaults.onSaleAt}
        error={errors['on_sale_at']}
        hint="Empty: as soon as it is published."
      />
      <Field
        label="Refundable until (optional)"
        name="refundable_until"
        type="datetime-local"
        defaultValue={defaults.refundableUntil}
        error={errors['refundable_until']}
      />
      <Field
        label="Seats per order, at most"
        name="max_seats_per_order"
        type="number"
        min={1}
        max={50}
        required
        defaultValue={defaults.maxSeats}
        error={errors['max_seats_per_order']}
      />
      {isOpen && (
        <Field
          label="Minutes a hold lasts"
          name="hold_minutes"
          type="number"
          min={0.5}
          max={120}
          step={0.5}
          required
          defaultValue={defaults.holdMinutes}
          error={errors['hold_seconds']}
        />
      )}
    </section>
  );
}
