"""The order desk over HTTP: an organizer finds an order of an own event, and does something for its buyer."""

from typing import Annotated

from msgspec import Meta

from houseful.kernel import email_addresses
from houseful.kernel.telemetry import request_id
from houseful.tickets.api import Email, Name, SeatId
from houseful.tickets.desk_views import (
    DeskOrderDetailsView,
    DeskOrderView,
    desk_order_view,
    history_views,
    seat_views,
)
from houseful.tickets.domain.order_acts import ActBy, Buyer, desk
from houseful.tickets.domain.shows import Show
from houseful.tickets.emails_views import email_view
from houseful.tickets.organizer_api import own_show
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import ORGANIZER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page
from houseful.webapi.validation import ONE_LINE

_MOST_QUERY = 2000
"""As much as a scanner reads, see `scan_text`."""


class OrdersQuery(Input, frozen=True, kw_only=True):
    """`q` is the beginning of a buyer's name or address, an order's id, a ticket's code or id, or a seat."""

    q: Annotated[str, Meta(max_length=_MOST_QUERY)] = ""
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class CorrectionInput(Input, frozen=True, kw_only=True):
    """With `resend` the tickets are sent once more, to the address as it is then."""

    name: Name
    email: Email
    resend: bool = False


class DeskRefundInput(Input, frozen=True, kw_only=True):
    """`seats` by id; without them all that the order has. `reason` is for the history, not for the buyer."""

    reason: Annotated[str, Meta(max_length=500, pattern=ONE_LINE)]
    seats: Annotated[list[SeatId], Meta(max_length=1000)] | None = None


class NoteInput(Input, frozen=True, kw_only=True):
    text: Annotated[str, Meta(max_length=2000, pattern=r"\S")]


async def desk_orders(
    tickets: Tickets, request: Request, event_id: str, query: OrdersQuery
) -> Page[DeskOrderView]:
    """Orders of one of my events, newest first, or those that a text finds."""
    show = await own_show(tickets, request, event_id)
    found, cursor = await tickets.order_search.page(show, query.q, query.cursor, query.limit)
    layout = await tickets.inventory.layout_of(show)
    return Page([desk_order_view(order, layout) for order in found], cursor)


async def desk_order(
    tickets: Tickets, request: Request, event_id: str, order_id: str
) -> DeskOrderDetailsView:
    """An order of one of my events, with its seats, emails and history."""
    show = await own_show(tickets, request, event_id)
    order, its_tickets, emails, acts = await tickets.order_desk.order(show, order_id)
    layout = await tickets.inventory.layout_of(show)
    return DeskOrderDetailsView(
        order=desk_order_view(order, layout),
        seats=seat_views(order, its_tickets, layout),
        emails=[email_view(email) for email in emails],
        history=history_views(order, acts, layout),
    )


async def desk_resend(
    tickets: Tickets, request: Request, event_id: str, order_id: str, context: IdempotencyContext
) -> DeskOrderView:
    """Send the tickets of an order once more."""
    show = await own_show(tickets, request, event_id)
    return await tickets.order_desk.resend(show, order_id, _by(show, request), context)


async def desk_correct(
    tickets: Tickets,
    request: Request,
    event_id: str,
    order_id: str,
    body: CorrectionInput,
    context: IdempotencyContext,
) -> DeskOrderView:
    """Correct the name and the address of an order's buyer."""
    show = await own_show(tickets, request, event_id)
    buyer = Buyer(body.name.strip(), email_addresses.address(body.email).email)
    return await tickets.order_desk.correct(
        show, order_id, buyer, _by(show, request), context, resend=body.resend
    )


async def desk_refund(
    tickets: Tickets,
    request: Request,
    event_id: str,
    order_id: str,
    body: DeskRefundInput,
    context: IdempotencyContext,
) -> DeskOrderView:
    """Refund seats of a confirmed order, or all of it."""
    show = await own_show(tickets, request, event_id)
    return await tickets.order_desk.refund(
        show, order_id, body.seats, body.reason.strip(), _by(show, request), context
    )


async def desk_note(
    tickets: Tickets,
    request: Request,
    event_id: str,
    order_id: str,
    body: NoteInput,
    context: IdempotencyContext,
) -> DeskOrderView:
    """Add a note to an order; its buyer does not see it."""
    show = await own_show(tickets, request, event_id)
    return await tickets.order_desk.note(show, order_id, body.text.strip(), _by(show, request), context)


def _by(show: Show, request: Request) -> ActBy:
    return desk(show, request.user, request_id.get() or "")


_ORDERS = "/api/events/{event_id}/orders"
_ORDER = f"{_ORDERS}/{{order_id}}"

ENDPOINTS = (
    Endpoint("GET", _ORDERS, desk_orders, who=ORGANIZER),
    Endpoint("GET", _ORDER, desk_order, who=ORGANIZER),
    Endpoint("POST", f"{_ORDER}/resend", desk_resend, who=ORGANIZER, idempotent=True),
    Endpoint("POST", f"{_ORDER}/buyer", desk_correct, who=ORGANIZER, idempotent=True),
    Endpoint("POST", f"{_ORDER}/refund", desk_refund, who=ORGANIZER, idempotent=True),
    Endpoint("POST", f"{_ORDER}/notes", desk_note, status=201, who=ORGANIZER, idempotent=True),
)
