import { useState } from 'react';
import { currencies, limits } from '@/api/limits';
import type { EventInfo } from '@/api/types';
import { locale } from '@/lib/locale';
import { isKnownZone } from '@/lib/time';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import type { DraftForm, Errors } from './draft';
import { GateFields } from './GateFields';
import { LineFields } from './LineFields';
import { MomentField } from './MomentField';

const zones = Intl.supportedValuesOf('timeZone');

const currencyNames = new Intl.DisplayNames(locale, { type: 'currency' });

interface Props {
  event: EventInfo | undefined;
  defaults: DraftForm;
  isOpen: boolean;
  errors: Errors;
  onCurrency: (currency: string) => void;
}

export function BasicFields({ event, defaults, isOpen, errors, onCurrency }: Props) {
  const [timezone, setTimezone] = useState(defaults.timezone);
  const isUnknown = event?.timezone === timezone && !isKnownZone(timezone);
  return (
    <section aria-label="Event" className="grid gap-5 sm:grid-cols-2">
      <div className="sm:col-span-2">
        <Field
          label="Title"
          name="title"
          required
          {...limits.title}
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
              {...limits.description}
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
            {...limits.venue}
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
              {...limits.timezone}
              value={timezone}
              onChange={(changed) => setTimezone(changed.target.value.trim())}
              error={errors['timezone']}
              hint={
                isUnknown
                  ? 'This browser does not know the zone: all times below are in UTC.'
                  : 'All times below are on this zone’s clocks.'
              }
              data-testid="event-timezone"
            />
            <datalist id="time-zones">
              {zones.map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </div>
          <MomentField
            label="Starts"
            name="starts_at"
            required
            timezone={timezone}
            instant={event?.starts_at}
            defaultValue={defaults.startsAt}
            error={errors['starts_at']}
            testId="event-starts-at"
          />
          <FieldFrame label="Currency" error={errors['currency']}>
            {({ id, describedBy }) => (
              <select
                id={id}
                name="currency"
                defaultValue={defaults.currency}
                aria-describedby={describedBy}
                className={inputClass}
                onChange={(changed) => onCurrency(changed.target.value)}
              >
                {[...new Set([...currencies, defaults.currency])].map((currency) => (
                  <option key={currency} value={currency}>
                    {currency} · {currencyNames.of(currency)}
                  </option>
                ))}
              </select>
            )}
          </FieldFrame>
        </>
      )}
      <MomentField
        label="Doors (optional)"
        name="doors_at"
        timezone={timezone}
        instant={event?.doors_at}
        defaultValue={defaults.doorsAt}
        error={errors['doors_at']}
        hint="When people are let in: at the start, or up to a day before it."
      />
      <MomentField
        label="Ends (optional)"
        name="ends_at"
        timezone={timezone}
        instant={event?.ends_at}
        defaultValue={defaults.endsAt}
        error={errors['ends_at']}
        hint="Empty: three hours after it starts."
      />
      <MomentField
        label="Sale opens (optional)"
        name="on_sale_at"
        timezone={timezone}
        instant={event?.on_sale_at}
        defaultValue={defaults.onSaleAt}
        error={errors['on_sale_at']}
        hint="Empty: as soon as it is published."
      />
      {isOpen && <LineFields {...{ event, defaults, timezone, errors }} />}
      <MomentField
        label="Refundable until (optional)"
        name="refundable_until"
        timezone={timezone}
        instant={event?.refundable_until}
        defaultValue={defaults.refundableUntil}
        error={errors['refundable_until']}
      />
      <Field
        label="Seats per order, at most"
        name="max_seats_per_order"
        type="number"
        {...limits.max_seats_per_order}
        required
        defaultValue={defaults.maxSeats}
        error={errors['max_seats_per_order']}
      />
      <Field
        label="Seats per buyer, at most (optional)"
        name="max_seats_per_buyer"
        type="number"
        {...limits.max_seats_per_buyer}
        defaultValue={defaults.maxSeatsPerBuyer}
        error={errors['max_seats_per_buyer']}
        hint="Counted over all orders of an account. Empty: no limit."
      />
      {isOpen && (
        <Field
          label="Minutes a hold lasts"
          name="hold_minutes"
          type="number"
          min={limits.hold_seconds.min / 60}
          max={limits.hold_seconds.max / 60}
          step="any"
          required
          defaultValue={defaults.holdMinutes}
          error={errors['hold_seconds']}
        />
      )}
      <GateFields {...{ event, defaults, timezone, errors }} />
    </section>
  );
}
