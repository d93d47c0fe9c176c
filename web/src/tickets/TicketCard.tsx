import { files } from '@/api/calls';
import type { EventInfo, Order, Ticket } from '@/api/types';
import { cx } from '@/lib/cx';
import { clockBeside, formatClock, formatDay, formatMoment, localTimeZone } from '@/lib/time';
import { placeName } from '@/lib/words';
import { Poster } from '@/ui/Poster';
import { StateLabel } from '@/ui/StateLabel';
import { SaveButton } from '@/ui/SaveButton';
import { TicketQr } from './TicketQr';

interface Props {
  ticket: Ticket;
  order: Order;
  event: EventInfo | undefined;
}

/** A stub in the event's colour, a perforation, and what the people at the gate need. */
export function TicketCard({ ticket, order, event }: Props) {
  const { seat } = ticket;
  const isDead = ticket.status === 'refunded';
  const isLabelled = Boolean(seat.row_label ?? seat.seat_label);
  const place = [
    ['Section', seat.section_name],
    ...(isLabelled
      ? [['Place', placeName({ ...seat, section_name: '' })]]
      : [
          ['Row', seat.row],
          ['Seat', seat.number],
        ]),
  ].filter((part): part is [string, string] => Boolean(part[1]));
  return (
    <article
      data-testid="ticket"
      data-status={ticket.status}
      className={cx(
        'grid overflow-hidden rounded-lg border border-line-strong md:grid-cols-[15rem_1fr_auto]',
        isDead && 'bg-sunk grayscale',
      )}
    >
      <Poster eventId={ticket.event_id} shape="tall" className="min-h-32 md:min-h-64">
        <div className="grid gap-1 p-5">
          <h3 className="display text-3xl wrap-break-word uppercase">{order.event_title}</h3>
          {event && (
            <p className="text-sm font-medium">
              {formatDay(event.starts_at, event.timezone)}
              <br />
              {formatClock(event.starts_at, event.timezone)}
              {event.doors_at && (
                <>
                  <br />
                  Doors {clockBeside(event.doors_at, event.starts_at, event.timezone)}
                </>
              )}
            </p>
          )}
        </div>
      </Poster>
      <div className="grid content-between gap-6 p-5">
        <div className="grid gap-3">
          <div className="flex flex-wrap items-start justify-between gap-x-4">
            <dl className="flex flex-wrap gap-x-8 gap-y-3">
              {place.map(([name, value]) => (
                <div key={name}>
                  <dt className="text-sm text-soft">{name}</dt>
                  <dd className="display text-4xl">{value}</dd>
                </div>
              ))}
            </dl>
            <StateLabel state={ticket.status} />
          </div>
          <p className="text-sm text-soft">
            {seat.category}
            {event && ` · ${event.venue}`}
          </p>
        </div>
        {ticket.used_at && (
          <p className="text-sm">
            Admitted {formatMoment(ticket.used_at, event?.timezone ?? localTimeZone)}
            {ticket.gate && ` at ${ticket.gate}`}
          </p>
        )}
        <div>
          <SaveButton path={files.ticketPdf(ticket.id)} name={`ticket-${ticket.id}.pdf`}>
            PDF
          </SaveButton>
        </div>
      </div>
      <div className="grid grid-cols-1 content-center justify-items-center gap-3 border-dashed border-line-strong p-5 max-md:border-t-2 md:border-l-2">
        <TicketQr ticketId={ticket.id} label={placeName(seat)} />
        <code
          data-testid="ticket-code"
          className="max-w-44 text-center text-xs leading-snug break-all text-soft select-all"
        >
          {ticket.code}
        </code>
      </div>
    </article>
  );
}
