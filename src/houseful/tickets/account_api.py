"""The ticket service's part of an account's export, and its obstacles to an erasure, over HTTP."""

from houseful.kernel.times import rfc3339
from houseful.tickets import schemas
from houseful.tickets.desk_views import HistoryView, history_views
from houseful.tickets.emails_views import EmailView, email_view
from houseful.tickets.use_cases import Tickets
from houseful.webapi.account_parts import ERASURE, EXPORT, PART_RATE, Obstacles, PartQuery
from houseful.webapi.cursors import cursor_of, moment_of, text_of
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Request
from houseful.webapi.responses import Page, View

_ORDERS_AT_ONCE = 50


class OrderExportView(View, frozen=True, kw_only=True):
    """An order with its tickets, what became of the emails about it, and what was done with it."""

    order: schemas.OrderView
    tickets: list[schemas.TicketView]
    emails: list[EmailView]
    history: list[HistoryView]


class GateStaffExportView(View, frozen=True, kw_only=True):
    """An event whose organizer named the account for its gate."""

    event_id: str
    name: str
    email: str
    added_at: str


class AccessCodeExportView(View, frozen=True, kw_only=True):
    """An access code that the account has used for an event's presale; the code itself is not kept."""

    event_id: str
    begins_with: str
    used_at: str


async def exported_orders(tickets: Tickets, request: Request, query: PartQuery) -> Page[OrderExportView]:
    """My orders with their tickets and emails, as an export has them; newest first."""
    user_id = request.user.user_id
    found = await tickets.ordering.orders(user_id, moment_of(query.cursor), _ORDERS_AT_ONCE)
    shown = []
    for order, view in found:
        _, _, its_tickets = await tickets.ordering.tickets_of(user_id, order.id)
        emails = await tickets.undelivered_emails.of_order(order)
        shown.append(
            OrderExportView(
                order=view,
                tickets=its_tickets,
                emails=[email_view(one) for one in emails],
                history=history_views(
                    order,
                    await tickets.order_desk.acts(order.id),
                    await tickets.inventory.layout(order.event_id, [one.ordinal for one in order.all_seats]),
                ),
            )
        )
    last = found[-1][0] if len(found) == _ORDERS_AT_ONCE else None
    return Page(shown, None if last is None else cursor_of(last.created_at, last.id))


async def exported_holds(tickets: Tickets, request: Request, query: PartQuery) -> Page[schemas.HoldView]:
    """What I hold now, as an export has it."""
    return Page(await tickets.holding.running_holds(request.user.user_id))


async def exported_gate_staff(
    tickets: Tickets, request: Request, query: PartQuery
) -> Page[GateStaffExportView]:
    """The events that I was named for as gate staff. A page with `next_cursor` may be empty."""
    found, last = await tickets.erasures.gate_staff(request.user.user_id, text_of(query.cursor))
    shown = [
        GateStaffExportView(event_id=event_id, name=one.name, email=one.email, added_at=rfc3339(one.added_at))
        for event_id, one in found
    ]
    return Page(shown, None if last is None else cursor_of(last, last))


async def exported_access_codes(
    tickets: Tickets, request: Request, query: PartQuery
) -> Page[AccessCodeExportView]:
    """The access codes that I have used, as an export has them."""
    accesses, more = await tickets.presales.used_by(request.user.user_id, text_of(query.cursor))
    shown = [
        AccessCodeExportView(event_id=code.event_id, begins_with=code.begins_with, used_at=rfc3339(used_at))
        for code, used_at in accesses
    ]
    return Page(shown, None if more is None else cursor_of(more, more))


async def obstacles(tickets: Tickets, request: Request) -> Obstacles:
    """What of my orders keeps my account from being erased now."""
    return Obstacles(obstacles=await tickets.erasures.obstacles(request.user.user_id))


ENDPOINTS = (
    Endpoint("GET", f"{EXPORT}/orders", exported_orders, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{EXPORT}/holds", exported_holds, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{EXPORT}/gate-staff", exported_gate_staff, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{EXPORT}/access-codes", exported_access_codes, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{ERASURE}/tickets", obstacles, who=USER, rate=PART_RATE),
)
