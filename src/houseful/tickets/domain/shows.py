"""A show: the ticket service's own copy of a published event, and how far its inventory has come."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import DomainError, NotFound, StateConflict
from houseful.kernel.gates import check_gates
from houseful.kernel.roles import Identity
from houseful.kernel.times import end_of, rfc3339
from houseful.messages import EventChanged, EventPublished, Gates, Reschedule

CANCEL_WATCH_MILLIS = 3_600_000
"""For so long after a cancellation orders that were confirmed at that very instant are still looked for."""


LineMode = Literal["off", "on", "auto"]


class ShowState(StrEnum):
    GENERATING = "generating"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[ShowState, frozenset[ShowState]] = {
    ShowState.GENERATING: frozenset({ShowState.READY, ShowState.FAILED, ShowState.CANCELLED}),
    ShowState.READY: frozenset({ShowState.CANCELLED}),
    ShowState.FAILED: frozenset({ShowState.CANCELLED}),
    ShowState.CANCELLED: frozenset(),
}


class Show(Document, frozen=True, kw_only=True):
    """`generated` counts seats that exist; `next_block` is where generation goes on. `look_at` is when work
    is due, if any is. `plan_hash` is that of the plan as it was published, or the version of the layout of an
    amended one, of which `removed_total` ordinals have no seat any more. `reschedules` has the oldest first;
    `told_up_to` is the last order that was looked at for the latest one.
    """

    collection: ClassVar[str] = "shows"
    indexes = (Index(("look_at",)),)

    organizer_id: str
    title: str
    venue: str
    starts_at: Millis
    timezone: str
    currency: str
    on_sale_at: Millis | None
    hold_seconds: int
    max_seats_per_order: int
    refundable_until: Millis | None
    plan_hash: str
    seats_total: int
    prices: Mapping[str, int]
    state: ShowState = ShowState.GENERATING
    generated: int = 0
    next_block: int = 0
    detail: str | None = None
    cancelled_at: Millis | None = None
    look_at: Millis | None = None
    ends_at: Millis | None = None
    max_seats_per_buyer: int | None = None
    line: LineMode = "off"
    gates: Gates | None = None
    reschedules: tuple[Reschedule, ...] = ()
    told_up_to: tuple[Millis, str] | None = None
    removed_total: int = 0
    doors_at: Millis | None = None

    @property
    def latest_reschedule(self) -> Reschedule | None:
        return self.reschedules[-1] if self.reschedules else None

    @property
    def is_over_at(self) -> Millis:
        return end_of(self.starts_at, self.ends_at)


class PlanPart(Document, frozen=True, kw_only=True):
    """A piece of a packed seating plan; `id` is `<plan hash>:<number>`, all pieces joined are the packed
    plan.
    """

    collection: ClassVar[str] = "plan_parts"

    parts: int
    piece: bytes


def published(message: EventPublished, now: Millis) -> Show:
    fields = msgspec.structs.asdict(message)
    line = fields.pop("line")
    return Show(id=fields.pop("event_id"), look_at=now, line="off" if line is None else line.mode, **fields)


def changed(show: Show, message: EventChanged) -> Show:
    return msgspec.structs.replace(
        show,
        title=message.title,
        on_sale_at=message.on_sale_at,
        max_seats_per_order=message.max_seats_per_order,
        refundable_until=message.refundable_until,
        ends_at=message.ends_at,
        doors_at=message.doors_at,
        max_seats_per_buyer=message.max_seats_per_buyer,
        gates=message.gates,
        prices=show.prices if message.prices is None else message.prices,
    )


def transition(show: Show, state: ShowState, **changes: object) -> Show:
    """Raises `ValueError` for a transition that the table does not have."""
    if state not in TRANSITIONS[show.state]:
        raise ValueError(f"a show that is {show.state} can't become {state}")
    return msgspec.structs.replace(show, state=state, **changes)


def not_ready() -> DomainError:
    return StateConflict(
        "inventory_not_ready", "The seats of this event are still being made. Try again in a moment."
    )


def not_on_sale(show: Show) -> DomainError:
    assert show.on_sale_at is not None
    return StateConflict("not_on_sale", "Sales have not begun yet.", on_sale_at=rfc3339(show.on_sale_at))


def is_before_sale(show: Show, now: Millis) -> bool:
    return show.on_sale_at is not None and now < show.on_sale_at


def check_on_sale(show: Show | None, now: Millis, *, in_presale: bool = False) -> Show:
    """The show, if its seats may be held now; raises `DomainError` otherwise. `in_presale` is for who may
    buy before the general sale."""
    if show is None:
        raise NotFound("event_not_found", "There is no such event on sale.")
    if show.state is ShowState.CANCELLED:
        raise StateConflict("event_cancelled", "This event was cancelled.")
    if show.state is not ShowState.READY:
        raise not_ready()
    if is_before_sale(show, now) and not in_presale:
        raise not_on_sale(show)
    if now >= show.is_over_at:
        raise StateConflict("event_ended", "This event is over; it is not on sale any more.")
    return show


def check_admitted(show: Show, who: Identity, not_called: Callable[[], DomainError] | None) -> Show:
    """The show, unless it has gates that the buyer does not pass, or a line that has not called the buyer;
    raises that refusal then. Most events have neither: a refusal is made where it is raised."""
    if show.gates is not None:
        check_gates(show.gates, who)
    if not_called is not None and show.line != "off":
        raise not_called()
    return show
