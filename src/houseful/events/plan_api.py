"""The seating plan of an event, as a file."""

from typing import Annotated

from houseful.events.service import EventsService
from houseful.seating.parsing import Plan
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Response

_A_MINUTE, _FOR_EVER = 60, 86_400


class PlanQuery(Input, frozen=True, kw_only=True):
    v: str | None = None


async def get_plan(
    service: EventsService, request: Request, event_id: str, query: PlanQuery
) -> Annotated[Response, Plan]:
    """The seating plan of an event, as pretix seating-plan JSON

    With `v`, the event's `plan_hash`, it may be cached.
    """
    known = [
        tag.strip().removeprefix("W/").strip('"')
        for tag in request.headers.get("if-none-match", "").split(",")
    ]
    plan = await service.plan(request.who, event_id, known, query.v)
    caching = (
        f"public, max-age={_FOR_EVER if plan.final else _A_MINUTE}" if plan.public else "private, no-cache"
    )
    headers = [("etag", f'"{plan.plan_hash}"'), ("cache-control", caching)]
    return Response(plan.content, 200 if plan.content else 304, headers=headers)


ENDPOINTS = (Endpoint("GET", "/api/events/{event_id}/plan", get_plan),)
