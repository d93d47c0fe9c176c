"""The events service's part of an account's export, and its obstacles to an erasure, over HTTP."""

from houseful.events.api import EventView, event_view
from houseful.events.domain import Event
from houseful.events.searching import Search
from houseful.events.service import EventsService
from houseful.webapi.account_parts import (
    ERASURE,
    EXPORT,
    PART_RATE,
    Obstacle,
    Obstacles,
    PartQuery,
    listed,
)
from houseful.webapi.cursors import ByMoment, cursor_of, moment_of
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Request
from houseful.webapi.responses import Page

_AT_ONCE = 100


async def exported_events(service: EventsService, request: Request, query: PartQuery) -> Page[EventView]:
    """The events that I organize, as an export has them; newest first"""
    found, more = await _organized(service, request.user.user_id, moment_of(query.cursor))
    return Page([event_view(service, event) for event in found], None if more is None else cursor_of(*more))


async def obstacles(service: EventsService, request: Request) -> Obstacles:
    """What of my events keeps my account from being erased now"""
    titles: list[str] = []
    after: ByMoment | None = None
    while True:
        found, after = await _organized(service, request.user.user_id, after)
        titles += [event.title for event in found if _is_to_come(service, event)]
        if after is None:
            break
    if not titles:
        return Obstacles(obstacles=[])
    detail = f"This account organizes {listed(titles)}. Cancel, or erase the account when these are over."
    return Obstacles(obstacles=[Obstacle(code="upcoming_events", detail=detail)])


def _is_to_come(service: EventsService, event: Event) -> bool:
    return event.status in ("publishing", "published") and service.now() < event.is_over_at


async def _organized(
    service: EventsService, user_id: str, after: ByMoment | None
) -> tuple[list[Event], ByMoment | None]:
    return await service.search(Search(organizer_id=user_id, after=after, limit=_AT_ONCE))


ENDPOINTS = (
    Endpoint("GET", f"{EXPORT}/events", exported_events, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{ERASURE}/events", obstacles, who=USER, rate=PART_RATE),
)
