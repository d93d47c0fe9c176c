"""Holds: seats kept for one buyer for a while."""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import DomainError, Invalid, StateConflict, invalid

HOLD_LIMIT = "hold_limit"
BUYER_LIMIT = "buyer_limit"
MOST_HOLDS = 10
"""A buyer's running holds of one event, unpaid orders included."""


class HoldState(StrEnum):
    ACTIVE = "active"
    ORDERED = "ordered"
    RELEASED = "released"


TRANSITIONS: dict[HoldState, frozenset[HoldState]] = {
    HoldState.ACTIVE: frozenset({HoldState.ORDERED, HoldState.RELEASED}),
    HoldState.ORDERED: frozenset(),
    HoldState.RELEASED: frozenset(),
}


class Hold(Document, frozen=True, kw_only=True):
    """`seats` are ordinals. That it has expired is no state: it is `until` lying in the past.

    Its id is that of the request which made it (`IdempotencyContext.named`), of which `request` is the
    body's digest. `presale_id` is the presale that it was made in, None in the general sale.
    """

    collection: ClassVar[str] = "holds"
    read_soon = True

    event_id: str
    user_id: str
    seats: tuple[int, ...]
    prices_minor: tuple[int, ...]
    currency: str
    until: Millis
    state: HoldState = HoldState.ACTIVE
    order_id: str | None = None
    request: str = ""
    made_at: Millis = 0
    first_until: Millis = 0
    presale_id: str | None = None

    @property
    def total_minor(self) -> int:
        return sum(self.prices_minor)


class RunningHold(msgspec.Struct, frozen=True, array_like=True):
    """`seats` is how many; 0 where an older version wrote it down."""

    hold_id: str
    until: Millis
    seats: int = 0


class HoldQuota(Document, frozen=True, kw_only=True):
    """A buyer's running holds of one event: the document that stands for the limits, so that two requests
    can't both pass one. `bought` counts the seats of confirmed orders; None where an older version wrote the
    document.
    """

    collection: ClassVar[str] = "allowances"
    indexes = (Index(("user_id",)),)

    user_id: str
    running: tuple[RunningHold, ...] = ()
    bought: int | None = None


def hold_ids(quota: HoldQuota | None) -> frozenset[str]:
    return frozenset() if quota is None else frozenset(one.hold_id for one in quota.running)


def quota_id(event_id: str, user_id: str) -> str:
    return f"{event_id}:{user_id}"


def add_to_quota(quota: HoldQuota, hold: Hold, now: Millis) -> HoldQuota:
    """With this hold among the running ones, in its place if it is there. Raises `DomainError` where that
    is one too many.
    """
    others = tuple(one for one in quota.running if one.until > now and one.hold_id != hold.id)
    if len(others) >= MOST_HOLDS:
        raise StateConflict(
            HOLD_LIMIT,
            f"You have {len(others)} holds of this event running; release or pay for one of them first.",
            limit=MOST_HOLDS,
        )
    running = RunningHold(hold.id, hold.until, len(hold.seats))
    return msgspec.structs.replace(quota, running=(*others, running))


def seats_running(quota: HoldQuota | None, now: Millis) -> int:
    return 0 if quota is None else sum(one.seats for one in quota.running if one.until > now)


def runs_until(quota: HoldQuota, now: Millis) -> Millis | None:
    """When the last hold of a buyer lapses; None where none runs."""
    return max((one.until for one in quota.running if one.until > now), default=None)


def too_many_unproven(most: int, held: int) -> DomainError:
    """For a buyer who has paid for nothing yet."""
    return StateConflict(
        HOLD_LIMIT,
        f"Until you have paid for an order, you can hold {most} seats of this event at a time. You hold "
        f"{held} already: order and pay for them, or give some back first.",
        limit=most,
        limit_of="seats",
        held=held,
    )


def check_buyer_limit(most: int, quota: HoldQuota | None, wanted: int, now: Millis) -> None:
    """Raises `DomainError` where `wanted` seats more are too many for the buyer."""
    held = seats_running(quota, now)
    bought = 0 if quota is None or quota.bought is None else quota.bought
    if held + bought + wanted > most:
        raise StateConflict(
            BUYER_LIMIT,
            f"One buyer may have at most {most} seats of this event. You have bought {bought} and hold "
            f"{held}.",
            limit=most,
            bought=bought,
            held=held,
        )


def remove_from_quota(quota: HoldQuota, hold_id: str, *, bought: int = 0) -> HoldQuota:
    """Without this hold. `bought` is how many seats more the buyer has bought, or fewer."""
    return msgspec.structs.replace(
        quota,
        running=tuple(one for one in quota.running if one.hold_id != hold_id),
        bought=None if quota.bought is None else quota.bought + bought,
    )


def transition(hold: Hold, state: HoldState, **changes: object) -> Hold:
    """Raises `ValueError` for a transition that the table does not have."""
    if state not in TRANSITIONS[hold.state]:
        raise ValueError(f"a hold that is {hold.state} can't become {state}")
    return msgspec.structs.replace(hold, state=state, **changes)


def as_made(hold: Hold) -> Hold:
    """As it was when it was new."""
    return msgspec.structs.replace(hold, state=HoldState.ACTIVE, order_id=None, until=hold.first_until)


def check_wanted(seats: Sequence[int]) -> None:
    """Raises `DomainError` for a list of seats that can't be held whatever their state."""
    if not seats:
        raise invalid({"seats": "is empty"}, "Name at least one seat.")
    if len(set(seats)) < len(seats):
        raise invalid({"seats": "names a seat twice"}, "A seat is named twice.")


def too_many(most: int, field: str) -> DomainError:
    return Invalid(
        "too_many_seats",
        f"At most {most} seats at a time for this event.",
        errors={field: f"is more than {most}"},
        limit=most,
    )
