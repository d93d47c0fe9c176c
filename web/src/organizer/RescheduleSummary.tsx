import { useEffect, useRef } from 'react';
import type { EventInfo, RescheduleDraft, ReschedulePreview } from '@/api/types';
import { formatMoment } from '@/lib/time';
import { counted } from '@/lib/words';

interface Props {
  event: EventInfo;
  draft: RescheduleDraft;
  preview: ReschedulePreview;
}

/** What will happen, and the email as it goes out. */
export function RescheduleSummary({ event, draft, preview }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const from = [formatMoment(event.starts_at, event.timezone), event.venue];
  const to = [
    formatMoment(draft.starts_at ?? event.starts_at, event.timezone),
    draft.venue ?? event.venue,
  ];
  return (
    <>
      <h3 ref={heading} tabIndex={-1} className="font-semibold" data-testid="reschedule-told">
        {preview.orders === 0
          ? 'Nobody has bought yet, so nobody is told'
          : `The buyers of ${counted(preview.orders, 'order')} will be told`}
      </h3>
      <dl className="grid gap-2 text-sm">
        <div>
          <dt className="text-soft">From</dt>
          <dd className="wrap-anywhere">{from.join(', ')}</dd>
        </div>
        <div>
          <dt className="text-soft">To</dt>
          <dd className="font-semibold wrap-anywhere">{to.join(', ')}</dd>
        </div>
        <div>
          <dt className="text-soft">Orders may be returned until</dt>
          <dd>{formatMoment(draft.return_until, event.timezone)}</dd>
        </div>
      </dl>
      <section aria-label="The email" className="grid gap-2">
        <p className="text-sm wrap-anywhere">
          <span className="text-soft">Subject:</span> {preview.subject}
        </p>
        <div
          data-testid="reschedule-email"
          className="rounded-md border border-line bg-sunk p-3 text-sm wrap-anywhere whitespace-pre-line"
        >
          {preview.text}
        </div>
        <p className="text-sm text-soft">
          The tickets and the date for the calendar come with it. It goes out once, in the next
          minutes.
        </p>
      </section>
    </>
  );
}
