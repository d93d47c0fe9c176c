"""Amending: a published event gets another plan. The ticket service applies it, or refuses where it would
take a seat from somebody; until it has answered, the event has the plan that it had.
"""

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from houseful.events import domain
from houseful.events.domain import Event, IllegalStep
from houseful.events.plans import Amendment, Hall
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Invalid, StateConflict
from houseful.messages import AmendmentApplied, AmendmentRefused, AmendmentRequested

MOST_AMENDMENTS = 100


def check_amendable(event: Event, now: Millis) -> None:
    """Raises `StateConflict` for an event whose plan can't be amended."""
    if event.status == "cancelled":
        raise StateConflict("event_cancelled", "The event is cancelled; its plan can't be changed any more.")
    if event.status == "draft":
        raise StateConflict("event_draft", "The event is a draft. Change its plan instead.")
    if event.status == "publishing":
        raise StateConflict(
            "inventory_not_ready", "The seats of this event are still being made. Try again in a moment."
        )
    if now >= event.is_over_at:
        raise StateConflict("event_ended", "The event is over; its plan can't be changed any more.")
    latest = event.amendment
    if latest is not None and latest.state == "pending":
        raise domain.amendment_pending()
    if latest is not None and latest.number >= MOST_AMENDMENTS:
        raise StateConflict(
            "too_many_amendments", f"The plan of an event can be changed {MOST_AMENDMENTS} times."
        )


def amended(event: Event, hall: Hall, prices: Mapping[str, int], now: Millis) -> Event:
    """The event with an amendment under way. Raises as `check_amendable`, and `Invalid` for the plan that it
    has."""
    check_amendable(event, now)
    if hall.plan_hash == event.hall.plan_hash:
        raise Invalid(
            "validation_failed",
            "Some fields need a correction.",
            errors={"plan": "is the plan that the event has. Send one that differs"},
        )
    number = 1 if event.amendment is None else event.amendment.number + 1
    before = event.layout_version or event.hall.plan_hash
    version = hashlib.sha256(f"{event.id}:{number}:{before}:{hall.plan_hash}".encode()).hexdigest()
    amendment = Amendment(number=number, at=now, hall=hall, prices=prices, layout_version=version)
    return replace(event, amendment=amendment, updated_at=now)


def requested_message(event: Event) -> AmendmentRequested:
    amendment = event.amendment
    assert amendment is not None, "an amendment is under way"
    return AmendmentRequested(
        event_id=event.id,
        number=amendment.number,
        plan_hash=amendment.hall.plan_hash,
        layout_version=amendment.layout_version,
        seats_total=amendment.hall.seats_total,
        prices=amendment.prices,
    )


def applied(event: Event, message: AmendmentApplied, now: Millis) -> Event:
    """The event with the amended plan. A message that comes again changes nothing."""
    amendment = _answered(event, message.number)
    if amendment is None:
        return event
    return replace(
        event,
        hall=amendment.hall,
        prices=amendment.prices,
        layout_version=amendment.layout_version,
        amendment=replace(amendment, state="applied"),
        updated_at=now,
    )


def refused(event: Event, message: AmendmentRefused, now: Millis) -> Event:
    """The event as it was. A message that comes again changes nothing."""
    amendment = _answered(event, message.number)
    if amendment is None:
        return event
    amendment = replace(amendment, state="refused", detail=message.detail, taken=message.seats)
    return replace(event, amendment=amendment, updated_at=now)


def _answered(event: Event, number: int) -> Amendment | None:
    """The amendment that waits for this answer. Raises `IllegalStep` for one that was never asked for."""
    amendment = event.amendment
    if amendment is None or number > amendment.number:
        raise IllegalStep(f"{event.id} has no amendment {number}")
    return amendment if number == amendment.number and amendment.state == "pending" else None
