"""An event's other dates and places on the HTTP surface."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from houseful.events.domain import VENUE_LENGTH
from houseful.events.rescheduling import MESSAGE_LENGTH, Move
from houseful.kernel.documents import Millis
from houseful.kernel.times import millis, rfc3339
from houseful.messages import Reschedule
from houseful.webapi.requests import Input
from houseful.webapi.responses import View

_Moment = Annotated[datetime, Meta(tz=True)]


class RescheduleInput(Input, frozen=True, kw_only=True):
    """What is left out stays; an event with `ends_at` stays as long as it is, and doors open as
    long before the start. `message` tells buyers why, in
    the email and on the event's page. Until `return_until`, a day from now or the new start at the earliest,
    they may return their orders with a full refund."""

    starts_at: _Moment | UnsetType = UNSET
    ends_at: _Moment | UnsetType | None = UNSET
    doors_at: _Moment | UnsetType | None = UNSET
    venue: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": VENUE_LENGTH})] | UnsetType = (
        UNSET
    )
    message: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MESSAGE_LENGTH})]
    return_until: _Moment


class RescheduleView(View, frozen=True, kw_only=True):
    """The event was moved, from there to here. The oldest has the number 1."""

    number: int
    at: str
    from_starts_at: str
    from_ends_at: str | None
    from_venue: str
    starts_at: str
    ends_at: str | None
    doors_at: str | None
    venue: str
    message: str
    return_until: str


def move(body: RescheduleInput) -> Move:
    return Move(
        starts_at=UNSET if body.starts_at is UNSET else millis(body.starts_at),
        ends_at=_changed(body.ends_at),
        doors_at=_changed(body.doors_at),
        venue=body.venue,
        message=body.message,
        return_until=millis(body.return_until),
    )


def view(reschedule: Reschedule) -> RescheduleView:
    return RescheduleView(
        number=reschedule.number,
        at=rfc3339(reschedule.at),
        from_starts_at=rfc3339(reschedule.from_starts_at),
        from_ends_at=_written(reschedule.from_ends_at),
        from_venue=reschedule.from_venue,
        starts_at=rfc3339(reschedule.starts_at),
        ends_at=_written(reschedule.ends_at),
        doors_at=_written(reschedule.doors_at),
        venue=reschedule.venue,
        message=reschedule.message,
        return_until=rfc3339(reschedule.return_until),
    )


def _changed(moment: datetime | UnsetType | None) -> Millis | UnsetType | None:
    return millis(moment) if isinstance(moment, datetime) else moment


def _written(moment: Millis | None) -> str | None:
    return None if moment is None else rfc3339(moment)
