"""What the organizer of an event sees and does: seats off sale, sales, orders."""

from typing import Annotated

from msgspec import Meta

from houseful.kernel.roles import Role
from houseful.tickets import schemas
from houseful.tickets.api import SeatId, view_messages
from houseful.tickets.domain.shows import Show
from houseful.tickets.use_cases import Tickets
from houseful.webapi.audit import actor_of
from houseful.webapi.endpoint import ORGANIZER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import EVENT_STREAM, Stream


class BlockedInput(Input, frozen=True, kw_only=True):
    """Seats to take off sale and seats to put on sale again."""

    block: Annotated[list[SeatId], Meta(max_length=1000)] = []
    unblock: Annotated[list[SeatId], Meta(max_length=1000)] = []


async def own_show(tickets: Tickets, request: Request, event_id: str) -> Show:
    return await tickets.inventory.own_show(event_id, request.user.user_id, request.user.has(Role.ADMIN))


async def set_blocked(tickets: Tickets, request: Request, event_id: str, body: BlockedInput) -> None:
    """Take seats off sale, or put them on sale again."""
    show = await own_show(tickets, request, event_id)
    await tickets.set_blocked(show, body.block, body.unblock, actor_of(request.user))


async def sales(tickets: Tickets, request: Request, event_id: str) -> schemas.SalesView:
    """Sales figures of one of my events."""
    return await tickets.sales_report.sales(await own_show(tickets, request, event_id))


async def watch_sales(
    tickets: Tickets, request: Request, event_id: str
) -> Annotated[Stream, schemas.SalesView]:
    """Sales figures whenever they change."""
    return Stream(
        view_messages("sales", tickets.sales_report.watch_sales(await own_show(tickets, request, event_id)))
    )


async def orders_csv(tickets: Tickets, request: Request, event_id: str) -> Stream:
    """All orders of one of my events as CSV."""
    show = await own_show(tickets, request, event_id)
    name = f'attachment; filename="{show.id}-orders.csv"'
    return Stream(
        tickets.sales_report.orders_csv(show), "text/csv; charset=utf-8", [("content-disposition", name)]
    )


_EVENT = "/api/events/{event_id}"

ENDPOINTS = (
    Endpoint("POST", f"{_EVENT}/blocked-seats", set_blocked, who=ORGANIZER),
    Endpoint("GET", f"{_EVENT}/sales", sales, who=ORGANIZER),
    Endpoint("GET", f"{_EVENT}/sales/stream", watch_sales, who=ORGANIZER, media_type=EVENT_STREAM),
    Endpoint("GET", f"{_EVENT}/orders.csv", orders_csv, who=ORGANIZER, media_type="text/csv"),
)
