"""Another plan for a published event, on the HTTP surface."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from houseful.events.api import PlanJson
from houseful.events.domain import Event
from houseful.events.plans import SentPlan
from houseful.events.service import EventsService
from houseful.kernel.times import rfc3339
from houseful.seating.parsing import MAX_CATEGORIES
from houseful.webapi.endpoint import ORGANIZER, PLAN_BYTES, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import View
from houseful.webapi.routes import Rate

_Prices = Annotated[
    dict[str, int], Meta(max_length=MAX_CATEGORIES, description="minor units by the plan's category")
]


class AmendmentInput(Input, frozen=True, kw_only=True):
    """`plan` in the place of the one that the event has: seats are the same by their `seat_guid`. Seats that
    somebody holds or has bought stay as they are. `prices` has those of new categories, and of
    others that are to change for what is unsold."""

    plan: PlanJson
    prices: _Prices = {}


class NewPlan(msgspec.Struct, frozen=True):
    plan: SentPlan
    prices: dict[str, int]


class AmendmentView(View, frozen=True, kw_only=True):
    """`state` is pending until the seats are those of the plan, or it is refused: `detail` says why then, and
    `taken` of each seat that is in the way what to do."""

    number: int
    at: str
    state: Literal["pending", "applied", "refused"]
    seats_total: int
    detail: str
    taken: list[str]


class LatestAmendmentView(View, frozen=True, kw_only=True):
    """null where the event has the plan that it was published with."""

    amendment: AmendmentView | None


def _new_plan(body: AmendmentInput) -> NewPlan:
    return NewPlan(SentPlan.of(bytes(body.plan)), body.prices)


def _view(event: Event) -> LatestAmendmentView:
    latest = event.amendment
    if latest is None:
        return LatestAmendmentView(amendment=None)
    return LatestAmendmentView(
        amendment=AmendmentView(
            number=latest.number,
            at=rfc3339(latest.at),
            state=latest.state,
            seats_total=latest.hall.seats_total,
            detail=latest.detail,
            taken=list(latest.taken),
        )
    )


async def amend_event(
    service: EventsService, request: Request, event_id: str, body: NewPlan, context: IdempotencyContext
) -> LatestAmendmentView:
    """Change the plan of a published event; nobody who holds or has bought a seat loses it

    It is answered before it is done: `GET` the same tells what became of it.
    """
    return await service.amend(request.user, event_id, body.plan, body.prices, _view, context)


async def latest_amendment(service: EventsService, request: Request, event_id: str) -> LatestAmendmentView:
    """What became of the latest change of an event's plan"""
    return _view(await service.own_event(request.user, event_id))


_PATH = "/api/events/{event_id}/amendment"

ENDPOINTS = (
    Endpoint(
        "POST",
        _PATH,
        amend_event,
        prepare=_new_plan,
        status=202,
        who=ORGANIZER,
        body_bytes=PLAN_BYTES,
        idempotent=True,
        rate=Rate(per_second=1, burst=10),
    ),
    Endpoint("GET", _PATH, latest_amendment, who=ORGANIZER),
)
