"""The ticket service's HTTP surface: each handler is one call of the service."""

import base64
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from houseful.kernel import email_addresses, webhook_signature
from houseful.kernel.errors import ProblemError, invalid, not_found
from houseful.kernel.ports import PaymentIntent, Transaction
from houseful.tickets import schemas
from houseful.tickets.documents import printing
from houseful.tickets.domain.shows import Show
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.availability import HallView
from houseful.webapi.auth import Role
from houseful.webapi.cached_bodies import Kept, is_known
from houseful.webapi.endpoint import (
    EVENT_STREAM,
    ORGANIZER,
    USER,
    Endpoint,
    Input,
    Page,
    Request,
    Response,
    Stream,
    View,
    decode,
    server_sent,
)
from houseful.webapi.validation import ONE_LINE

SeatId = Annotated[str, Meta(min_length=1, max_length=150)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=ONE_LINE)]
Email = Annotated[str, Meta(max_length=email_addresses.MOST)]

_MOST_DRAWN = 1000
"""Tickets of one buyer that are drawn, or wait for it: a browser that saves a whole order at once."""


class BestAvailable(Input, frozen=True, kw_only=True):
    """The best free seats: next to each other, near to what one came to see."""

    quantity: Annotated[int, Meta(ge=1, le=100)]
    category: str | None = None
    section: str | None = None


class HoldInput(Input, frozen=True, kw_only=True):
    """Either `seats` by id, or `best_available`."""

    seats: Annotated[list[SeatId], Meta(max_length=10_000)] | None = None
    best_available: BestAvailable | None = None


class BuyerInput(Input, frozen=True, kw_only=True):
    name: Name
    email: Email


class OrderInput(Input, frozen=True, kw_only=True):
    hold_id: str
    buyer: BuyerInput


class BlockedInput(Input, frozen=True, kw_only=True):
    """Seats to take off sale and seats to put on sale again."""

    block: Annotated[list[SeatId], Meta(max_length=1000)] = []
    unblock: Annotated[list[SeatId], Meta(max_length=1000)] = []


class CategoryQuery(Input, frozen=True, kw_only=True):
    category: str | None = None


class GeometryQuery(Input, frozen=True, kw_only=True):
    v: str | None = None


class PageQuery(Input, frozen=True, kw_only=True):
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class TicketKeyView(View, frozen=True, kw_only=True):
    kid: str
    alg: str
    public_key: str


class WebhookIntent(msgspec.Struct):
    id: str
    reference: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0
    last_error: str | None = None


class WebhookData(msgspec.Struct):
    intent: WebhookIntent


class Webhook(msgspec.Struct):
    """What the payment gateway posts; fields that it may add are ignored."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    type: str
    data: WebhookData


# Browsing


async def inventory(tickets: Tickets, call: Request[None]) -> schemas.InventoryView:
    """How far the making of an event's seats has come."""
    return await tickets.inventory.progress(call.path["event_id"], call.headers.get("authorization"))


async def _hall(tickets: Tickets, call: Request[None]) -> tuple[Show, HallView]:
    show, layout = await tickets.inventory.hall(call.path["event_id"])
    return show, await tickets.availability.view(show.id, layout)


async def categories(tickets: Tickets, call: Request[None]) -> Response:
    """The price levels of an event with their availability."""
    show, hall = await _hall(tickets, call)
    return await _kept(call, hall.kept(("categories",), lambda: Page(schemas.category_views(show, hall))))


async def sections(tickets: Tickets, call: Request[None]) -> Response:
    """The sections of an event, of one category if asked, with their availability."""
    show, hall = await _hall(tickets, call)
    wanted = call.query.category
    category = None if wanted is None else hall.layout.category_named(wanted)
    if wanted is not None and category is None:
        raise invalid({"category": "is no category of this event"}, "The query needs a correction.")
    key = ("sections",) if wanted is None else ("sections", wanted)
    return await _kept(call, hall.kept(key, lambda: Page(schemas.section_views(show, hall, category))))


async def seats(tickets: Tickets, call: Request[None]) -> Response:
    """The seats of a section with their status."""
    _, hall = await _hall(tickets, call)
    section = hall.layout.section_by_id(call.path["section_id"])
    if section is None:
        raise not_found("section")
    key = ("seats", section.id)
    return await _kept(call, hall.kept(key, lambda: Page(schemas.seat_views(hall, section))))


async def _kept(call: Request[None], kept: Kept, cache: str = "no-cache") -> Response:
    accept_encoding = call.headers.get("accept-encoding")
    await kept.prepare(accept_encoding)
    return kept.answer(
        accept_encoding=accept_encoding,
        if_none_match=call.headers.get("if-none-match"),
        headers=[("cache-control", cache)],
    )


async def hall_geometry(tickets: Tickets, call: Request[None]) -> Response:
    """The seat map's geometry; docs/seat-map.md describes its bytes."""
    plan_hash, kept = await tickets.inventory.geometry(call.path["event_id"])
    is_named = call.query.v == plan_hash
    return await _kept(
        call, kept, "public, max-age=31536000, immutable" if is_named else "public, max-age=60"
    )


async def availability(tickets: Tickets, call: Request[None]) -> Response:
    """The status of every seat, 2 bits each; docs/seat-map.md describes the bytes."""
    _, hall = await _hall(tickets, call)
    etag = f'"{hall.version}"'
    headers = [("cache-control", "public, max-age=1"), ("etag", etag)]
    if is_known(etag, call.headers.get("if-none-match")):
        return Response(b"", 304, "application/octet-stream", headers)
    return Response(hall.snapshot(), 200, "application/octet-stream", headers)


async def watch_availability(tickets: Tickets, call: Request[None]) -> Stream:
    """Changes of seats as they happen: a snapshot, then deltas."""
    show, layout = await tickets.inventory.hall(call.path["event_id"])
    return Stream(tickets.availability.watch(show.id, layout, call.headers.get("last-event-id")))


# Buying


async def hold(tickets: Tickets, call: Request[HoldInput]) -> schemas.HoldView:
    """Hold seats, by id or the best available ones."""
    body, event_id, user_id = call.body, call.path["event_id"], call.user.user_id
    if (body.seats is None) == (body.best_available is None):
        raise invalid({"seats": "give either this or best_available"})
    best = body.best_available
    if best is None:
        assert body.seats is not None
        work = partial(tickets.holding.hold_seats, user_id, event_id, body.seats, call.use)
    else:
        work = partial(
            tickets.holding.hold_best, user_id, event_id, best.quantity, best.category, best.section, call.use
        )
    return await tickets.hold(user_id, work)


async def held(tickets: Tickets, call: Request[HoldInput], tx: Transaction) -> schemas.HoldView | None:
    """What `hold` answered to the same request."""
    return await tickets.holding.again(tx, call.use)


async def running_holds(tickets: Tickets, call: Request[None]) -> Page[schemas.HoldView]:
    """What I hold now, in all events."""
    return Page(await tickets.holding.running_holds(call.user.user_id))


async def get_hold(tickets: Tickets, call: Request[None]) -> schemas.HoldView:
    """One of my holds."""
    return await tickets.holding.hold(call.user.user_id, call.path["hold_id"])


async def release(tickets: Tickets, call: Request[None]) -> None:
    """Give back a hold."""
    await tickets.holding.release(call.user.user_id, call.path["hold_id"])


async def order(tickets: Tickets, call: Request[OrderInput]) -> schemas.OrderView:
    """Order what is held; the answer has what is needed to pay."""
    buyer = call.body.buyer
    email = email_addresses.address(buyer.email, "buyer.email").email
    return await tickets.ordering.order(
        call.user.user_id, call.body.hold_id, buyer.name.strip(), email, call.use
    )


async def orders(tickets: Tickets, call: Request[None]) -> Page[schemas.OrderView]:
    """My orders, newest first."""
    query: PageQuery = call.query
    found = await tickets.ordering.orders(call.user.user_id, after_cursor(query.cursor), query.limit)
    cursor = f"{found[-1][0].created_at}:{found[-1][0].id}" if len(found) == query.limit else None
    return Page([view for _, view in found], cursor)


def after_cursor(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    moment, _, id = cursor.partition(":")
    if not moment.isascii() or not moment.isdigit() or len(moment) > 15 or not id:
        raise invalid({"cursor": "is not one that we gave"}, "The query needs a correction.")
    return int(moment), id


async def get_order(tickets: Tickets, call: Request[None]) -> schemas.OrderView:
    """One of my orders."""
    return await tickets.ordering.order_view(call.user.user_id, call.path["order_id"])


async def watch_order(tickets: Tickets, call: Request[None]) -> Stream:
    """An order whenever it changes."""
    user_id, order_id = call.user.user_id, call.path["order_id"]
    await tickets.ordering.own_order(user_id, order_id)
    return Stream(_messages("order", tickets.ordering.watch_order(user_id, order_id)))


async def cancel_order(tickets: Tickets, call: Request[None]) -> schemas.OrderView:
    """Cancel an order; what was paid goes back by the event's rules."""
    return await tickets.ordering.cancel(call.user.user_id, call.path["order_id"], call.use)


async def order_tickets(tickets: Tickets, call: Request[None]) -> Page[schemas.TicketView]:
    """The tickets of one of my orders."""
    _, _, found = await tickets.ordering.tickets_of(call.user.user_id, call.path["order_id"])
    return Page(found)


async def ticket_qr(tickets: Tickets, call: Request[None]) -> Response:
    """A ticket's QR code."""
    _, _, ticket = await tickets.ordering.own_ticket(call.user.user_id, call.path["ticket_id"])
    return Response(
        printing.qr_svg(ticket.code), 200, "image/svg+xml", [("cache-control", "private, max-age=86400")]
    )


async def ticket_pdf(tickets: Tickets, call: Request[None]) -> Response:
    """A ticket to print."""
    show, its_order, ticket = await tickets.ordering.own_ticket(call.user.user_id, call.path["ticket_id"])
    name = f'attachment; filename="{ticket.id}.pdf"'
    printed = await tickets.workers.run(
        printing.tickets_pdf, show, its_order, [ticket], whose=call.user.user_id, most=_MOST_DRAWN
    )
    return Response(printed, 200, "application/pdf", [("content-disposition", name)])


async def order_calendar(tickets: Tickets, call: Request[None]) -> Response:
    """The event's date for a calendar; of an order that was taken back, its cancellation."""
    show, its_order, found = await tickets.ordering.tickets_of(call.user.user_id, call.path["order_id"])
    if not found:
        raise ProblemError(
            404, "no_tickets", "This order has no tickets, so there is no date to keep for it."
        )
    date = printing.calendar_date(show, its_order.id, found, tickets.post.sender, tickets.clock.now())
    return Response(
        date.content,
        200,
        f"text/calendar; charset=utf-8; method={date.method}",
        [("content-disposition", 'attachment; filename="event.ics"')],
    )


async def ticket_keys(tickets: Tickets, call: Request[None]) -> Page[TicketKeyView]:
    """The public keys that ticket codes are signed with, for gates without a network."""
    key = base64.urlsafe_b64encode(tickets.signer.public_key).rstrip(b"=").decode()
    return Page([TicketKeyView(kid=key[:8], alg="EdDSA", public_key=key)])


# The payment gateway


async def webhook(tickets: Tickets, call: Request[None]) -> None:
    """News from the payment gateway, signed."""
    webhook_signature.verify(
        tickets.webhook_keys, call.raw, call.headers.get(webhook_signature.HEADER), tickets.clock.now()
    )
    news: Webhook = decode(Webhook, call.raw)
    intent = news.data.intent
    await tickets.settlement.on_webhook(
        news.id,
        news.type,
        intent.reference,
        PaymentIntent(
            id=intent.id,
            client_secret="",
            status=intent.status,
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            captured_minor=intent.captured_minor,
            refunded_minor=intent.refunded_minor,
        ),
        intent.last_error,
    )


# The organizer


async def own_show(tickets: Tickets, call: Request[Any]) -> Show:
    return await tickets.inventory.own_show(
        call.path["event_id"], call.user.user_id, call.user.has(Role.ADMIN)
    )


async def set_blocked(tickets: Tickets, call: Request[BlockedInput]) -> None:
    """Take seats off sale, or put them on sale again."""
    await tickets.inventory.set_blocked(await own_show(tickets, call), call.body.block, call.body.unblock)


async def sales(tickets: Tickets, call: Request[None]) -> schemas.SalesView:
    """Sales figures of one of my events."""
    return await tickets.figures.sales(await own_show(tickets, call))


async def watch_sales(tickets: Tickets, call: Request[None]) -> Stream:
    """Sales figures whenever they change."""
    return Stream(_messages("sales", tickets.figures.watch_sales(await own_show(tickets, call))))


async def orders_csv(tickets: Tickets, call: Request[None]) -> Stream:
    """All orders of one of my events as CSV."""
    show = await own_show(tickets, call)
    name = f'attachment; filename="{show.id}-orders.csv"'
    return Stream(
        tickets.figures.orders_csv(show), "text/csv; charset=utf-8", [("content-disposition", name)]
    )


async def _messages(event: str, shown: AsyncIterator[View]) -> AsyncIterator[bytes]:
    async for view in shown:
        yield server_sent(event, msgspec.json.encode(view))


_EVENT = "/api/events/{event_id}"
_BINARY = "application/octet-stream"

ENDPOINTS = (
    Endpoint("GET", f"{_EVENT}/inventory", inventory, schemas.InventoryView),
    Endpoint("GET", f"{_EVENT}/categories", categories, Page[schemas.CategoryView]),
    Endpoint("GET", f"{_EVENT}/sections", sections, Page[schemas.SectionView], query=CategoryQuery),
    Endpoint("GET", f"{_EVENT}/sections/{{section_id}}/seats", seats, Page[schemas.SeatView]),
    Endpoint("GET", f"{_EVENT}/geometry", hall_geometry, query=GeometryQuery, media_type=_BINARY),
    Endpoint("GET", f"{_EVENT}/availability", availability, media_type=_BINARY),
    Endpoint("GET", f"{_EVENT}/availability/stream", watch_availability, media_type=EVENT_STREAM),
    Endpoint(
        "POST",
        f"{_EVENT}/holds",
        hold,
        schemas.HoldView,
        body=HoldInput,
        status=201,
        who=USER,
        idempotent=True,
        again=held,
    ),
    Endpoint("GET", "/api/holds", running_holds, Page[schemas.HoldView], who=USER),
    Endpoint("GET", "/api/holds/{hold_id}", get_hold, schemas.HoldView, who=USER),
    Endpoint("DELETE", "/api/holds/{hold_id}", release, who=USER, status=204),
    Endpoint(
        "POST",
        "/api/orders",
        order,
        schemas.OrderView,
        body=OrderInput,
        status=201,
        who=USER,
        idempotent=True,
    ),
    Endpoint("GET", "/api/orders", orders, Page[schemas.OrderView], query=PageQuery, who=USER),
    Endpoint("GET", "/api/orders/{order_id}", get_order, schemas.OrderView, who=USER),
    Endpoint(
        "GET",
        "/api/orders/{order_id}/stream",
        watch_order,
        schemas.OrderView,
        who=USER,
        media_type=EVENT_STREAM,
    ),
    Endpoint(
        "POST", "/api/orders/{order_id}/cancel", cancel_order, schemas.OrderView, who=USER, idempotent=True
    ),
    Endpoint("GET", "/api/orders/{order_id}/tickets", order_tickets, Page[schemas.TicketView], who=USER),
    Endpoint("GET", "/api/orders/{order_id}/event.ics", order_calendar, who=USER, media_type="text/calendar"),
    Endpoint("GET", "/api/tickets/keys", ticket_keys, Page[TicketKeyView]),
    Endpoint("GET", "/api/tickets/{ticket_id}/qr.svg", ticket_qr, who=USER, media_type="image/svg+xml"),
    Endpoint("GET", "/api/tickets/{ticket_id}.pdf", ticket_pdf, who=USER, media_type="application/pdf"),
    Endpoint(
        "POST", "/api/tickets/webhooks/payments", webhook, body=Webhook, raw=True, public=False, status=204
    ),
    Endpoint("POST", f"{_EVENT}/blocked-seats", set_blocked, body=BlockedInput, who=ORGANIZER, status=204),
    Endpoint("GET", f"{_EVENT}/sales", sales, schemas.SalesView, who=ORGANIZER),
    Endpoint(
        "GET",
        f"{_EVENT}/sales/stream",
        watch_sales,
        schemas.SalesView,
        who=ORGANIZER,
        media_type=EVENT_STREAM,
    ),
    Endpoint("GET", f"{_EVENT}/orders.csv", orders_csv, who=ORGANIZER, media_type="text/csv"),
)
