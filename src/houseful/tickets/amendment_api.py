"""What another plan would change of a published event. To amend it is the events service's."""

from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.kernel.errors import Invalid
from houseful.kernel.pieces import Pieces
from houseful.seating.parsing import MAX_CATEGORIES, PlanError
from houseful.tickets.domain import amendments
from houseful.tickets.domain.amendments import Kind, SeatChange, TakenSeat
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.shows import ShowState, not_ready
from houseful.tickets.organizer_api import own_show
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import ORGANIZER, PLAN_BYTES, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import View
from houseful.webapi.routes import Rate

_MOST_SHOWN = 500

_PlanJson = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": "object", "description": "pretix seating-plan JSON"})
]
_Prices = Annotated[
    dict[str, int], Meta(max_length=MAX_CATEGORIES, description="minor units by the plan's category")
]


class AmendmentPreviewInput(Input, frozen=True, kw_only=True):
    """As `POST /api/events/{event_id}/amendment` takes it."""

    plan: _PlanJson
    prices: _Prices = {}


class WantedPlan(msgspec.Struct, frozen=True):
    """A plan as it was sent."""

    plan: Pieces
    prices: dict[str, int]


class SeatChangeView(View, frozen=True, kw_only=True):
    """`from_place` is null for a seat that is added, `to_place` for one that is removed."""

    seat_id: str
    kinds: list[Kind]
    from_place: str | None
    to_place: str | None


class TakenSeatView(View, frozen=True, kw_only=True):
    """A seat that the plan changes and that is held or sold; `what_to_do` is a sentence for the organizer."""

    seat_id: str
    place: str
    kinds: list[Kind]
    state: SeatState
    order_id: str | None
    what_to_do: str


class AmendmentPreviewView(View, frozen=True, kw_only=True):
    """How many seats the plan adds, moves, renames, gives another category and removes; a seat may count more
    than once. `changes` has the first 500 of them, `taken` every seat for which the plan would be refused.
    """

    seats_total: int
    added: int
    moved: int
    renamed: int
    category: int
    removed: int
    changes: list[SeatChangeView]
    taken: list[TakenSeatView]


def _wanted(body: AmendmentPreviewInput) -> WantedPlan:
    return WantedPlan(Pieces.of(bytes(body.plan)), body.prices)


async def preview_amendment(
    tickets: Tickets, request: Request, event_id: str, body: WantedPlan
) -> AmendmentPreviewView:
    """What another plan would change of a published event, and who is in the way; nothing is done."""
    show = await own_show(tickets, request, event_id)
    if show.state is not ShowState.READY:
        raise not_ready()
    try:
        found, taken = await tickets.amending.preview(show, body.plan, body.prices, request.user.user_id)
    except PlanError as error:
        raise Invalid("invalid_plan", "The seating plan needs a correction.", errors=error.errors) from error
    counts = {kind: sum(kind in one.kinds for one in found.changes) for kind in _KINDS}
    return AmendmentPreviewView(
        seats_total=found.seats_left,
        added=counts["added"],
        moved=counts["moved"],
        renamed=counts["renamed"],
        category=counts["category"],
        removed=counts["removed"],
        changes=[_change(one) for one in found.changes[:_MOST_SHOWN]],
        taken=[_taken(one) for one in taken],
    )


_KINDS: tuple[Kind, ...] = ("added", "moved", "renamed", "category", "removed")


def _change(one: SeatChange) -> SeatChangeView:
    return SeatChangeView(
        seat_id=one.seat_id, kinds=list(one.kinds), from_place=one.before, to_place=one.after
    )


def _taken(one: TakenSeat) -> TakenSeatView:
    return TakenSeatView(
        seat_id=one.change.seat_id,
        place=one.change.before or one.change.seat_id,
        kinds=list(one.change.kinds),
        state=one.state,
        order_id=one.order_id,
        what_to_do=amendments.what_to_do(one),
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/events/{event_id}/amendment-preview",
        preview_amendment,
        prepare=_wanted,
        who=ORGANIZER,
        body_bytes=PLAN_BYTES,
        rate=Rate(per_second=1, burst=10),
    ),
)
