"""Rescheduling: a published event moves to another date or place, and who has bought may return the order.

What betrays a buyer is refused: a start that is past, a time to return that is over at once or goes beyond
the start, and one that ends before what buyers were told earlier.
"""

from collections.abc import Collection

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from houseful.events import domain
from houseful.events.domain import Event
from houseful.kernel.documents import Millis
from houseful.kernel.errors import StateConflict
from houseful.kernel.times import rfc3339
from houseful.messages import EventRescheduled, Reschedule

MESSAGE_LENGTH = 2000
MOST_RESCHEDULES = 20
LEAST_RETURN_MILLIS = 86_400_000
"""Buyers have at least so long to decide, or until the new start."""

MOVED = ("starts_at", "ends_at", "venue")


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Where an organizer wants the event; what is UNSET stays. Without `ends_at` the event keeps its
    length, without `doors_at` its doors open as long before the start."""

    starts_at: Millis | UnsetType = UNSET
    ends_at: Millis | UnsetType | None = UNSET
    doors_at: Millis | UnsetType | None = UNSET
    venue: str | UnsetType = UNSET
    message: str
    return_until: Millis


def rescheduled(event: Event, move: Move, zones: Collection[str], now: Millis) -> Event:
    """The event at its new date and place. Raises `StateConflict` for one that can't be moved, `Invalid`."""
    _check_movable(event, now)
    reschedule = _reschedule(event, move, now)
    moved = replace(
        event,
        starts_at=reschedule.starts_at,
        ends_at=reschedule.ends_at,
        doors_at=reschedule.doors_at,
        venue=reschedule.venue,
        reschedules=(*event.reschedules, reschedule),
        updated_at=now,
    )
    domain.refuse(_errors(event, moved, zones, now))
    return moved


def rescheduled_message(event: Event) -> EventRescheduled:
    return EventRescheduled(event_id=event.id, reschedule=event.reschedules[-1])


def _check_movable(event: Event, now: Millis) -> None:
    if event.status == "cancelled":
        raise StateConflict("event_cancelled", "The event is cancelled; it can't be moved any more.")
    if event.status == "draft":
        raise StateConflict(
            "event_draft", "The event is a draft, which nobody has bought. Change it instead."
        )
    if event.status == "publishing":
        raise StateConflict(
            "inventory_not_ready", "The seats of this event are still being made. Try again in a moment."
        )
    if now >= event.is_over_at:
        raise StateConflict("event_ended", "The event is over; it can't be moved any more.")
    if len(event.reschedules) >= MOST_RESCHEDULES:
        raise StateConflict(
            "too_many_reschedules",
            f"An event can be moved {MOST_RESCHEDULES} times. Cancel it, and make a new one.",
        )


def _reschedule(event: Event, move: Move, now: Millis) -> Reschedule:
    starts_at = event.starts_at if move.starts_at is UNSET else move.starts_at
    if move.ends_at is not UNSET:
        ends_at = move.ends_at
    else:
        ends_at = None if event.ends_at is None else event.ends_at + starts_at - event.starts_at
    if move.doors_at is not UNSET:
        doors_at = move.doors_at
    else:
        doors_at = None if event.doors_at is None else event.doors_at + starts_at - event.starts_at
    return Reschedule(
        number=len(event.reschedules) + 1,
        at=now,
        from_starts_at=event.starts_at,
        from_ends_at=event.ends_at,
        from_venue=event.venue,
        starts_at=starts_at,
        ends_at=ends_at,
        doors_at=doors_at,
        venue=event.venue if move.venue is UNSET else move.venue.strip(),
        message=move.message.replace("\r\n", "\n").strip(),
        return_until=move.return_until,
    )


def _errors(event: Event, moved: Event, zones: Collection[str], now: Millis) -> dict[str, str]:
    """By field."""
    reschedule = moved.reschedules[-1]
    errors = domain.errors_of(moved, zones) | domain.start_errors(moved, now)
    for field, moment in (
        ("on_sale_at", event.on_sale_at),
        ("refundable_until", event.refundable_until),
    ):
        if errors.pop(field, None) is not None and moment is not None:
            errors.setdefault(
                "starts_at",
                f"is too early for {field}, {rfc3339(moment)}. Choose a later start, or change {field} first",
            )
    if all(getattr(event, field) == getattr(moved, field) for field in MOVED):
        errors["starts_at"] = "is what it is now, and so are ends_at and venue. Say what moves"
    message = domain.text_error(reschedule.message, 1, MESSAGE_LENGTH, domain.NO_TEXT)
    if message is not None:
        errors["message"] = f"{message}; tell buyers why" if not reschedule.message else message
    if "starts_at" not in errors and (wrong := _return_error(event, reschedule, now)) is not None:
        errors["return_until"] = wrong
    return errors


def _return_error(event: Event, reschedule: Reschedule, now: Millis) -> str | None:
    until, start = reschedule.return_until, reschedule.starts_at
    if until > start:
        return f"is after the new start; choose a time until {rfc3339(start)}"
    least = min(now + LEAST_RETURN_MILLIS, start)
    if until < least:
        return f"leaves buyers less than a day; choose {rfc3339(least)} or later"
    promised = min(event.reschedules[-1].return_until, start) if event.reschedules else until
    if until < promised:
        return f"is before {rfc3339(promised)}, which buyers were told before; choose that or later"
    return None
