"""What the other services are told of an event."""

from houseful.events import line_terms
from houseful.events.domain import Event
from houseful.messages import EventChanged, EventPublished, Gates


def published(event: Event) -> EventPublished:
    return EventPublished(
        event_id=event.id,
        organizer_id=event.organizer_id,
        title=event.title,
        venue=event.venue,
        starts_at=event.starts_at,
        timezone=event.timezone,
        currency=event.currency,
        on_sale_at=event.on_sale_at,
        hold_seconds=event.hold_seconds,
        max_seats_per_order=event.max_seats_per_order,
        refundable_until=event.refundable_until,
        plan_hash=event.hall.plan_hash,
        seats_total=event.hall.seats_total,
        prices=event.prices,
        ends_at=event.ends_at,
        max_seats_per_buyer=event.max_seats_per_buyer,
        doors_at=event.doors_at,
        line=line_terms.complete(event.line, event.on_sale_at) if event.line.mode != "off" else None,
        gates=_gates_asked(event),
    )


def changed(before: Event, event: Event) -> EventChanged:
    return EventChanged(
        event_id=event.id,
        title=event.title,
        on_sale_at=event.on_sale_at,
        max_seats_per_order=event.max_seats_per_order,
        refundable_until=event.refundable_until,
        ends_at=event.ends_at,
        max_seats_per_buyer=event.max_seats_per_buyer,
        gates=_gates_asked(event),
        doors_at=event.doors_at,
        prices=event.prices if event.prices != before.prices else None,
        seats_total=event.hall.seats_total if event.hall.seats_total != before.hall.seats_total else None,
    )


def _gates_asked(event: Event) -> Gates | None:
    """None where everybody may buy: nothing is checked then."""
    return None if event.gates == Gates() else event.gates
