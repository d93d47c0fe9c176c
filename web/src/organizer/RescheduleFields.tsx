import { limits } from '@/api/limits';
import type { EventInfo, RescheduleDraft } from '@/api/types';
import { formValue } from '@/lib/form';
import { toWallClock } from '@/lib/time';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { readMoment, type Errors } from './draft';
import { MomentField } from './MomentField';

const MESSAGE_LENGTH = 2000;
const WEEK_MS = 7 * 86_400_000;

/** In two weeks: what is proposed, and can be changed. */
const proposedReturn = (event: EventInfo) =>
  new Date(Date.parse(event.server_time) + 2 * WEEK_MS).toISOString();

/** What is asked, null where something is missing; `errors` says what. */
export function readReschedule(
  data: FormData,
  event: EventInfo,
  errors: Errors,
): RescheduleDraft | null {
  const startsAt = readMoment(data, 'starts_at', event.timezone, event.starts_at, errors);
  const until = readMoment(data, 'return_until', event.timezone, undefined, errors);
  const venue = formValue(data, 'venue');
  const message = formValue(data, 'message');
  if (startsAt === null) errors['starts_at'] ??= 'Date and time, please.';
  if (until === null) errors['return_until'] ??= 'Date and time, please.';
  if (venue === '') errors['venue'] = 'Where it is, please.';
  if (message === '') errors['message'] = 'Tell buyers why.';
  if (startsAt === event.starts_at && venue === event.venue) {
    errors['starts_at'] = 'That is where it is now. Choose another date or another venue.';
  }
  if (startsAt === null || until === null || Object.keys(errors).length > 0) return null;
  return {
    ...(startsAt === event.starts_at ? {} : { starts_at: startsAt }),
    ...(venue === event.venue ? {} : { venue }),
    message,
    return_until: until,
  };
}

export function RescheduleFields({ event, errors }: { event: EventInfo; errors: Errors }) {
  const zone = event.timezone;
  const proposed = proposedReturn(event);
  return (
    <>
      <MomentField
        label="New start"
        name="starts_at"
        required
        timezone={zone}
        instant={event.starts_at}
        defaultValue={toWallClock(event.starts_at, zone)}
        error={errors['starts_at']}
        hint={`On the clocks of ${zone}.${event.ends_at === null ? '' : ' The event stays as long as it is.'}`}
        testId="reschedule-starts-at"
      />
      <Field
        label="Venue"
        name="venue"
        required
        {...limits.venue}
        defaultValue={event.venue}
        error={errors['venue']}
        hint="With the same seats."
        data-testid="reschedule-venue"
      />
      <MomentField
        label="Buyers may return until"
        name="return_until"
        required
        timezone={zone}
        instant={proposed}
        defaultValue={toWallClock(proposed, zone)}
        error={errors['return_until']}
        hint="At least a day, and at most until the new start."
        testId="reschedule-return-until"
      />
      <FieldFrame
        label="Message to buyers"
        error={errors['message']}
        hint="Goes into the email, and on the event’s page."
      >
        {({ id, describedBy, invalid }) => (
          <textarea
            id={id}
            name="message"
            rows={4}
            required
            maxLength={MESSAGE_LENGTH}
            aria-describedby={describedBy}
            aria-invalid={invalid || undefined}
            data-testid="reschedule-message"
            className={`${inputClass} py-2`}
          />
        )}
      </FieldFrame>
    </>
  );
}
