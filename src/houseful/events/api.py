"""The HTTP side of events.

Lengths and ranges are documented here and checked by the domain, so that one answer tells everything that is
wrong: with the fields, the prices and the plan.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from houseful.events import domain, gate_views, line_views, reschedule_views
from houseful.events.domain import Changes, Event, NewEvent
from houseful.events.gate_views import GatesInput, GatesView
from houseful.events.line_views import LineInput, LineTermsView
from houseful.events.plans import SentPlan
from houseful.events.reschedule_views import RescheduleView
from houseful.events.rescheduling import Move
from houseful.events.searching import Search
from houseful.events.service import EventsService, is_owned
from houseful.kernel.documents import Millis
from houseful.kernel.money import CURRENCIES
from houseful.kernel.times import millis, rfc3339
from houseful.seating.parsing import (
    MAX_AREA_CAPACITY,
    MAX_CATEGORIES,
    MAX_STANDING_AREAS,
    NAME_LENGTH,
    StandingArea,
)
from houseful.webapi.cursors import cursor_of, moment_of
from houseful.webapi.endpoint import ORGANIZER, PLAN_BYTES, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page, View
from houseful.webapi.routes import Rate

Title = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": domain.TITLE_LENGTH})]
Description = Annotated[str, Meta(extra_json_schema={"maxLength": domain.DESCRIPTION_LENGTH})]
Venue = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": domain.VENUE_LENGTH})]
Timezone = Annotated[str, Meta(max_length=100, description="IANA name, such as Europe/Berlin")]
Currency = Annotated[
    str, Meta(max_length=100, extra_json_schema={"enum": list(CURRENCIES), "x-exponents": CURRENCIES})
]
Moment = Annotated[datetime, Meta(tz=True)]
HoldSeconds = Annotated[
    int, Meta(extra_json_schema={"minimum": domain.HOLD_SECONDS[0], "maximum": domain.HOLD_SECONDS[1]})
]
SeatsPerOrder = Annotated[
    int, Meta(extra_json_schema={"minimum": domain.SEATS_PER_ORDER[0], "maximum": domain.SEATS_PER_ORDER[1]})
]
SeatsPerBuyer = Annotated[
    int, Meta(extra_json_schema={"minimum": domain.SEATS_PER_BUYER[0], "maximum": domain.SEATS_PER_BUYER[1]})
]
Prices = Annotated[
    dict[str, int], Meta(max_length=MAX_CATEGORIES, description="minor units by the plan's category")
]
PlanJson = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": "object", "description": "pretix seating-plan JSON"})
]


class AreaInput(Input, frozen=True, kw_only=True):
    """General admission: `capacity` places of one category in a zone of the plan."""

    zone: str
    name: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": NAME_LENGTH})]
    category: str
    capacity: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_AREA_CAPACITY})]


Areas = Annotated[list[AreaInput], Meta(max_length=MAX_STANDING_AREAS)]


class NewEventInput(Input, frozen=True, kw_only=True):
    title: Title
    description: Description = ""
    venue: Venue
    starts_at: Moment
    ends_at: Moment | None = None
    doors_at: Moment | None = None
    timezone: Timezone
    currency: Currency
    on_sale_at: Moment | None = None
    hold_seconds: HoldSeconds = 600
    max_seats_per_order: SeatsPerOrder = 10
    max_seats_per_buyer: SeatsPerBuyer | None = None
    refundable_until: Moment | None = None
    plan: PlanJson
    prices: Prices
    areas: Areas = []
    line: LineInput = LineInput()
    gates: GatesInput = GatesInput()


class ChangesInput(Input, frozen=True, kw_only=True):
    """Only what is given changes. Once published: title, description, ends_at, doors_at,
    on_sale_at, max_seats_per_order, max_seats_per_buyer, refundable_until, gates, and prices: what is held or
    ordered keeps the price that it was made with. To move it, `POST …/reschedule`; to change its plan,
    `POST …/amendment`."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    venue: Venue | UnsetType = UNSET
    starts_at: Moment | UnsetType = UNSET
    ends_at: Moment | UnsetType | None = UNSET
    doors_at: Moment | UnsetType | None = UNSET
    timezone: Timezone | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    on_sale_at: Moment | UnsetType | None = UNSET
    hold_seconds: HoldSeconds | UnsetType = UNSET
    max_seats_per_order: SeatsPerOrder | UnsetType = UNSET
    max_seats_per_buyer: SeatsPerBuyer | UnsetType | None = UNSET
    refundable_until: Moment | UnsetType | None = UNSET
    plan: PlanJson | UnsetType = UNSET
    prices: Prices | UnsetType = UNSET
    areas: Areas | UnsetType = UNSET
    line: LineInput | UnsetType = UNSET
    gates: GatesInput | UnsetType = UNSET


class EventsQuery(Input, frozen=True, kw_only=True):
    """`q`: each of its words begins one of title or venue. `from <= starts_at < to`; without
    `from`, what is not over yet."""

    q: Annotated[str, Meta(max_length=200)] = ""
    since: Moment | None = msgspec.field(default=None, name="from")
    until: Moment | None = msgspec.field(default=None, name="to")
    cursor: Annotated[str, Meta(max_length=200)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    mine: bool = False


class AreaView(View, frozen=True, kw_only=True):
    zone: str
    name: str
    category: str
    capacity: int


class EventView(View, frozen=True, kw_only=True):
    """`is_over_at` is `ends_at`, or three hours after the start where that is not said; until then the event
    is on sale. `problem` says why an event stays in the state `publishing`: its inventory can't be made.
    `currency_exponent` is the power of ten of minor units that make one.
    `plan_warnings` tell the organizer, by place in the plan, which seats buyers can't tell apart; in lists
    and for others they are left out.

    `layout_version` changes with the seats of a published event, and with nothing else.

    `max_seats_per_buyer` counts over all orders of an account, what it holds included; null is no limit.

    `state` holds at `server_time`: count down to `on_sale_at` from there, and not from the device's clock.
    """

    id: str
    title: str
    description: str
    venue: str
    starts_at: str
    ends_at: str | None
    doors_at: str | None
    is_over_at: str
    timezone: str
    currency: str
    currency_exponent: int
    on_sale_at: str | None
    hold_seconds: int
    max_seats_per_order: int
    max_seats_per_buyer: int | None
    refundable_until: str | None
    state: domain.State
    organizer_id: str
    prices: Mapping[str, int]
    areas: list[AreaView]
    line: LineTermsView
    gates: GatesView
    reschedules: list[RescheduleView]
    plan_name: str
    plan_hash: str
    layout_version: str
    seats_total: int
    price_from_minor: int
    price_to_minor: int
    problem: str | None
    plan_warnings: dict[str, str]
    created_at: str
    updated_at: str
    server_time: str


def _new_event(body: NewEventInput) -> NewEvent:
    return NewEvent(
        title=body.title,
        description=body.description,
        venue=body.venue,
        starts_at=millis(body.starts_at),
        ends_at=_moment(body.ends_at),
        doors_at=_moment(body.doors_at),
        timezone=body.timezone,
        currency=body.currency,
        on_sale_at=_moment(body.on_sale_at),
        hold_seconds=body.hold_seconds,
        max_seats_per_order=body.max_seats_per_order,
        max_seats_per_buyer=body.max_seats_per_buyer,
        refundable_until=_moment(body.refundable_until),
        prices=body.prices,
        areas=_areas(body.areas),
        plan=SentPlan.of(bytes(body.plan)),
        line=line_views.terms(body.line),
        gates=gate_views.gates(body.gates),
    )


def _changes(body: ChangesInput) -> Changes:
    said: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    for name in said.keys() & {"starts_at", "ends_at", "doors_at", "on_sale_at", "refundable_until"}:
        said[name] = _moment(said[name])
    if "areas" in said:
        said["areas"] = _areas(said["areas"])
    if "line" in said:
        said["line"] = line_views.terms(said["line"])
    if "gates" in said:
        said["gates"] = gate_views.gates(said["gates"])
    if "plan" in said:
        said["plan"] = SentPlan.of(bytes(said["plan"]))
    return Changes(**said)


async def create_event(
    service: EventsService, request: Request, body: NewEvent, context: IdempotencyContext | None
) -> EventView:
    """Make a draft of an event from a seating plan and prices"""
    return await service.create(request.user, body, lambda event: _own_view(service, event), context)


async def delete_event(service: EventsService, request: Request, event_id: str) -> None:
    """Delete a draft; what was ever published can only be cancelled"""
    await service.delete(request.user, event_id)


async def change_event(service: EventsService, request: Request, event_id: str, body: Changes) -> EventView:
    """Change an event; of a published one only what does not concern its seats"""
    return _own_view(service, await service.change(request.user, event_id, body))


async def publish_event(service: EventsService, request: Request, event_id: str) -> EventView:
    """Publish an event: everybody sees it, and its inventory is made"""
    return event_view(service, await service.publish(request.user, event_id))


async def cancel_event(service: EventsService, request: Request, event_id: str) -> EventView:
    """Cancel an event and give all buyers their money back"""
    return event_view(service, await service.cancel(request.user, event_id))


async def reschedule_event(
    service: EventsService, request: Request, event_id: str, body: Move, context: IdempotencyContext
) -> EventView:
    """Move a published event to another date or place; its buyers are told, and may return their orders

    Every buyer of a confirmed order gets one email, with the date for the calendar. Holds, orders and tickets
    stay good.
    """
    return await service.reschedule(
        request.user, event_id, body, lambda event: _own_view(service, event), context
    )


async def get_event(service: EventsService, request: Request, event_id: str) -> EventView:
    """One event"""
    event = await service.event(request.who, event_id)
    return _own_view(service, event) if is_owned(event, request.who) else event_view(service, event)


async def list_events(service: EventsService, request: Request, query: EventsQuery) -> Page[EventView]:
    """Published events in the order of their beginning; with mine=true one's own, newest first

    A list with `next_cursor` may hold fewer than `limit` events, or none, and yet go on.
    """
    search = Search(
        query=query.q,
        since=_moment(query.since),
        until=_moment(query.until),
        organizer_id=request.user.user_id if query.mine else None,
        after=moment_of(query.cursor),
        limit=query.limit,
    )
    found, more = await service.search(search)
    return Page([event_view(service, event) for event in found], None if more is None else cursor_of(*more))


def event_view(service: EventsService, event: Event) -> EventView:
    lowest, highest = event.price_range_minor
    now = service.now()
    return EventView(
        id=event.id,
        title=event.title,
        description=event.description,
        venue=event.venue,
        starts_at=rfc3339(event.starts_at),
        ends_at=_written(event.ends_at),
        doors_at=_written(event.doors_at),
        is_over_at=rfc3339(event.is_over_at),
        timezone=event.timezone,
        currency=event.currency,
        currency_exponent=CURRENCIES[event.currency],
        on_sale_at=_written(event.on_sale_at),
        hold_seconds=event.hold_seconds,
        max_seats_per_order=event.max_seats_per_order,
        max_seats_per_buyer=event.max_seats_per_buyer,
        refundable_until=_written(event.refundable_until),
        state=domain.state(event, now),
        organizer_id=event.organizer_id,
        prices=event.prices,
        areas=[
            AreaView(zone=area.zone, name=area.name, category=area.category, capacity=area.capacity)
            for area in event.areas
        ],
        line=line_views.view(event),
        gates=gate_views.view(event.gates),
        reschedules=[reschedule_views.view(one) for one in event.reschedules],
        plan_name=event.hall.plan_name,
        plan_hash=event.hall.plan_hash,
        layout_version=event.layout_version or event.hall.plan_hash,
        seats_total=event.hall.seats_total,
        price_from_minor=lowest,
        price_to_minor=highest,
        problem=event.problem,
        plan_warnings={},
        created_at=rfc3339(event.created_at),
        updated_at=rfc3339(event.updated_at),
        server_time=rfc3339(now),
    )


def _own_view(service: EventsService, event: Event) -> EventView:
    return msgspec.structs.replace(event_view(service, event), plan_warnings=event.hall.warnings)


def _areas(areas: list[AreaInput]) -> list[StandingArea]:
    return [
        StandingArea(zone=area.zone, name=area.name, category=area.category, capacity=area.capacity)
        for area in areas
    ]


def _moment(moment: datetime | None) -> Millis | None:
    return None if moment is None else millis(moment)


def _written(moment: Millis | None) -> str | None:
    return None if moment is None else rfc3339(moment)


ENDPOINTS = (
    Endpoint("GET", "/api/events", list_events),
    Endpoint(
        "POST",
        "/api/events",
        create_event,
        rate=Rate(per_second=2, burst=20),
        prepare=_new_event,
        status=201,
        who=ORGANIZER,
        body_bytes=PLAN_BYTES,
        repeatable=True,
    ),
    Endpoint("GET", "/api/events/{event_id}", get_event),
    Endpoint("DELETE", "/api/events/{event_id}", delete_event, who=ORGANIZER),
    Endpoint(
        "PATCH",
        "/api/events/{event_id}",
        change_event,
        prepare=_changes,
        who=ORGANIZER,
        body_bytes=PLAN_BYTES,
    ),
    Endpoint("POST", "/api/events/{event_id}/publish", publish_event, status=202, who=ORGANIZER),
    Endpoint("POST", "/api/events/{event_id}/cancel", cancel_event, status=202, who=ORGANIZER),
    Endpoint(
        "POST",
        "/api/events/{event_id}/reschedule",
        reschedule_event,
        prepare=reschedule_views.move,
        status=202,
        who=ORGANIZER,
        idempotent=True,
    ),
)
