"""The ticket service's HTTP surface: each handler is one call of the service."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import lru_cache, partial
from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.kernel import email_addresses
from houseful.kernel.errors import NotFound, invalid, not_found
from houseful.kernel.ports import Transaction
from houseful.tickets import schemas
from houseful.tickets.availability_views import (
    CategoryView,
    SectionView,
    category_views,
    seat_views,
    section_views,
)
from houseful.tickets.documents import calendar_entry
from houseful.tickets.documents.event_time import moved_words
from houseful.tickets.documents.ticket_pdf import qr_svg, tickets_pdf
from houseful.tickets.domain.shows import Show
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.availability import AvailabilityView, SeatsUpdate
from houseful.webapi.cached_bodies import CachedBody, is_known
from houseful.webapi.cursors import cursor_of, moment_of
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.line_passes import HEADER as LINE_PASS
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import EVENT_STREAM, Page, Response, Stream, View, server_sent
from houseful.webapi.routes import Rate
from houseful.webapi.validation import ONE_LINE

SeatId = Annotated[str, Meta(min_length=1, max_length=150)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=ONE_LINE)]
Email = Annotated[str, Meta(max_length=email_addresses.MOST)]

LAYOUT_VERSION = "x-layout-version"
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


class CategoryQuery(Input, frozen=True, kw_only=True):
    category: str | None = None


class LayoutQuery(Input, frozen=True, kw_only=True):
    """`v` is the event's `layout_version`."""

    v: str | None = None


class PageQuery(Input, frozen=True, kw_only=True):
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class TicketKeyView(View, frozen=True, kw_only=True):
    kid: str
    alg: str
    public_key: str


# Browsing


async def inventory(tickets: Tickets, request: Request, event_id: str) -> schemas.InventoryView:
    """How far the making of an event's seats has come."""
    return await tickets.inventory.progress(event_id, request.headers.get("authorization"))


async def _hall(tickets: Tickets, event_id: str) -> tuple[Show, AvailabilityView]:
    show, layout = await tickets.inventory.hall(event_id)
    view = await tickets.availability.view(show.id, layout)
    if view.layout.version != layout.version:  # the plan was amended meanwhile, and the prices with it
        show = await tickets.inventory.show(event_id)
    view.priced(show.prices)
    return show, view


async def categories(
    tickets: Tickets, request: Request, event_id: str
) -> Annotated[Response, Page[CategoryView]]:
    """The price levels of an event with their availability."""
    show, hall = await _hall(tickets, event_id)
    return await _kept(request, hall.kept(("categories",), lambda: Page(category_views(show, hall))))


async def sections(
    tickets: Tickets, request: Request, event_id: str, query: CategoryQuery
) -> Annotated[Response, Page[SectionView]]:
    """The sections of an event, of one category if asked, with their availability."""
    show, hall = await _hall(tickets, event_id)
    wanted = query.category
    category = None if wanted is None else hall.layout.category_named(wanted)
    if wanted is not None and category is None:
        raise invalid({"category": "is no category of this event"}, "The query needs a correction.")
    key = ("sections",) if wanted is None else ("sections", wanted)
    return await _kept(request, hall.kept(key, lambda: Page(section_views(show, hall, category))))


async def seats(
    tickets: Tickets, request: Request, event_id: str, section_id: str
) -> Annotated[Response, Page[schemas.SeatView]]:
    """The seats of a section with their status."""
    _, hall = await _hall(tickets, event_id)
    section = hall.layout.section_by_id(section_id)
    if section is None:
        raise not_found("section")
    key = ("seats", section.id)
    return await _kept(request, hall.kept(key, lambda: Page(seat_views(hall, section))))


async def _kept(request: Request, kept: CachedBody, cache: str = "no-cache") -> Response:
    accept_encoding = request.headers.get("accept-encoding")
    await kept.prepare(accept_encoding)
    return kept.answer(
        accept_encoding=accept_encoding,
        if_none_match=request.headers.get("if-none-match"),
        headers=[("cache-control", cache)],
    )


async def hall_geometry(tickets: Tickets, request: Request, event_id: str, query: LayoutQuery) -> Response:
    """The seat map's geometry; docs/seat-map.md describes its bytes."""
    version, kept = await tickets.inventory.geometry(event_id, query.v)
    is_named = query.v == version
    return await _kept(
        request, kept, "public, max-age=31536000, immutable" if is_named else "public, max-age=60"
    )


async def availability(tickets: Tickets, request: Request, event_id: str) -> Response:
    """The status of every seat, 2 bits each; docs/seat-map.md describes the bytes."""
    _, hall = await _hall(tickets, event_id)
    etag = f'"{hall.version}"'
    headers = [("cache-control", "public, max-age=1"), ("etag", etag), (LAYOUT_VERSION, hall.layout.version)]
    if is_known(etag, request.headers.get("if-none-match")):
        return Response(b"", 304, "application/octet-stream", headers)
    return Response(hall.snapshot(), 200, "application/octet-stream", headers)


async def watch_availability(tickets: Tickets, request: Request, event_id: str, query: LayoutQuery) -> Stream:
    """Changes of seats as they happen: a snapshot, then deltas.

    Where the layout is not `v` any more, `layout` says first which it is.
    """
    _, hall = await _hall(tickets, event_id)
    updates = tickets.availability.watch(event_id, hall.layout, request.headers.get("last-event-id"))
    version = hall.layout.version
    return Stream(_seatview_messages(None if query.v in (None, version) else version, updates))


async def _seatview_messages(
    version: str | None, updates: AsyncGenerator[SeatsUpdate, None]
) -> AsyncIterator[bytes]:
    async with aclosing(updates):
        if version is not None:
            yield server_sent("layout", msgspec.json.encode({"version": version}))
        async for update in updates:
            yield _seat_message(update)


@lru_cache(maxsize=64)  # made once for all watchers
def _seat_message(update: SeatsUpdate) -> bytes:
    return server_sent(update.kind, base64.b64encode(update.data), str(update.version))


# Buying


async def hold(
    tickets: Tickets, request: Request, event_id: str, body: HoldInput, context: IdempotencyContext
) -> schemas.HoldView:
    """Hold seats, by id or the best available ones.

    For an event with a line the header X-Line-Pass has the pass of `POST /api/events/{event_id}/line/pass`.
    Before `on_sale_at` it takes an access code of a presale that is open instead, used with
    `POST /api/events/{event_id}/presale-access`.
    """
    user_id = request.user.user_id
    line_pass = request.headers.get(LINE_PASS)
    if (body.seats is None) == (body.best_available is None):
        raise invalid({"seats": "give either this or best_available"})
    best = body.best_available
    if best is None:
        assert body.seats is not None
        work = partial(tickets.holding.hold_seats, request.user, event_id, body.seats, context, line_pass)
    else:
        work = partial(
            tickets.holding.hold_best,
            request.user,
            event_id,
            best.quantity,
            best.category,
            best.section,
            context,
            line_pass,
        )
    return await tickets.hold(user_id, event_id, work)


async def held(tickets: Tickets, tx: Transaction, context: IdempotencyContext) -> schemas.HoldView | None:
    """What `hold` answered to the same request."""
    return await tickets.holding.replay(tx, context)


async def running_holds(tickets: Tickets, request: Request) -> Page[schemas.HoldView]:
    """What I hold now, in all events."""
    return Page(await tickets.holding.running_holds(request.user.user_id))


async def get_hold(tickets: Tickets, request: Request, hold_id: str) -> schemas.HoldView:
    """One of my holds."""
    return await tickets.holding.get_hold(request.user.user_id, hold_id)


async def release(tickets: Tickets, request: Request, hold_id: str) -> None:
    """Give back a hold."""
    await tickets.release(request.user.user_id, hold_id)


async def order(
    tickets: Tickets, request: Request, body: OrderInput, context: IdempotencyContext
) -> schemas.OrderView:
    """Order what is held; the answer has what is needed to pay."""
    buyer = body.buyer
    email = email_addresses.address(buyer.email, "buyer.email").email
    return await tickets.order(request.user.user_id, body.hold_id, buyer.name.strip(), email, context)


async def orders(tickets: Tickets, request: Request, query: PageQuery) -> Page[schemas.OrderView]:
    """My orders, newest first."""
    found = await tickets.ordering.orders(request.user.user_id, moment_of(query.cursor), query.limit)
    last = found[-1][0] if len(found) == query.limit else None
    cursor = None if last is None else cursor_of(last.created_at, last.id)
    return Page([view for _, view in found], cursor)


async def get_order(tickets: Tickets, request: Request, order_id: str) -> schemas.OrderView:
    """One of my orders."""
    return await tickets.ordering.order_view(request.user.user_id, order_id)


async def watch_order(
    tickets: Tickets, request: Request, order_id: str
) -> Annotated[Stream, schemas.OrderView]:
    """An order whenever it changes."""
    user_id = request.user.user_id
    await tickets.ordering.own_order(user_id, order_id)
    return Stream(view_messages("order", tickets.ordering.watch_order(user_id, order_id)))


async def cancel_order(
    tickets: Tickets, request: Request, order_id: str, context: IdempotencyContext
) -> schemas.OrderView:
    """Cancel an order; what was paid goes back by the event's rules."""
    return await tickets.cancel(request.user.user_id, order_id, context)


async def order_tickets(tickets: Tickets, request: Request, order_id: str) -> Page[schemas.TicketView]:
    """The tickets of one of my orders."""
    _, _, found = await tickets.ordering.tickets_of(request.user.user_id, order_id)
    return Page(found)


async def ticket_qr(tickets: Tickets, request: Request, ticket_id: str) -> Response:
    """A ticket's QR code."""
    _, _, ticket = await tickets.ordering.own_ticket(request.user.user_id, ticket_id)
    return Response(qr_svg(ticket.code), 200, "image/svg+xml", [("cache-control", "private, max-age=86400")])


async def ticket_pdf(tickets: Tickets, request: Request, ticket_id: str) -> Response:
    """A ticket to print."""
    show, its_order, ticket = await tickets.ordering.own_ticket(request.user.user_id, ticket_id)
    name = f'attachment; filename="{ticket.id}.pdf"'
    printed = await tickets.workers.run(
        tickets_pdf, show, its_order, [ticket], whose=request.user.user_id, most=_MOST_DRAWN
    )
    return Response(printed, 200, "application/pdf", [("content-disposition", name)])


async def order_calendar(tickets: Tickets, request: Request, order_id: str) -> Response:
    """The event's date for a calendar; of an order that was taken back, its cancellation."""
    show, its_order, found = await tickets.ordering.tickets_of(request.user.user_id, order_id)
    if not found:
        raise NotFound("no_tickets", "This order has no tickets, so there is no date to keep for it.")
    date = calendar_entry.calendar_entry(
        show,
        its_order.id,
        found,
        tickets.email_outbox.sender,
        tickets.clock.now(),
        moved=moved_words(show, its_order),
    )
    return Response(
        date.content,
        200,
        f"text/calendar; charset=utf-8; method={date.method}",
        [("content-disposition", 'attachment; filename="event.ics"')],
    )


async def ticket_keys(tickets: Tickets) -> Page[TicketKeyView]:
    """The public keys that ticket codes are signed with, for gates without a network."""
    key = base64.urlsafe_b64encode(tickets.signer.public_key).rstrip(b"=").decode()
    return Page([TicketKeyView(kid=key[:8], alg="EdDSA", public_key=key)])


async def view_messages(event: str, shown: AsyncGenerator[View, None]) -> AsyncIterator[bytes]:
    async with aclosing(shown):
        async for view in shown:
            yield server_sent(event, msgspec.json.encode(view))


_EVENT = "/api/events/{event_id}"
_BINARY = "application/octet-stream"
_RATE = Rate(per_second=5, burst=20)
"""Of what takes a write transaction on contended seats."""

ENDPOINTS = (
    Endpoint("GET", f"{_EVENT}/inventory", inventory),
    Endpoint("GET", f"{_EVENT}/categories", categories),
    Endpoint("GET", f"{_EVENT}/sections", sections),
    Endpoint("GET", f"{_EVENT}/sections/{{section_id}}/seats", seats),
    Endpoint("GET", f"{_EVENT}/geometry", hall_geometry, media_type=_BINARY),
    Endpoint("GET", f"{_EVENT}/availability", availability, media_type=_BINARY),
    Endpoint("GET", f"{_EVENT}/availability/stream", watch_availability, media_type=EVENT_STREAM),
    Endpoint(
        "POST",
        f"{_EVENT}/holds",
        hold,
        rate=_RATE,
        status=201,
        who=USER,
        idempotent=True,
        replay=held,
        line_pass=True,
    ),
    Endpoint("GET", "/api/holds", running_holds, who=USER),
    Endpoint("GET", "/api/holds/{hold_id}", get_hold, who=USER),
    Endpoint("DELETE", "/api/holds/{hold_id}", release, who=USER),
    Endpoint("POST", "/api/orders", order, rate=_RATE, status=201, who=USER, idempotent=True),
    Endpoint("GET", "/api/orders", orders, who=USER),
    Endpoint("GET", "/api/orders/{order_id}", get_order, who=USER),
    Endpoint("GET", "/api/orders/{order_id}/stream", watch_order, who=USER, media_type=EVENT_STREAM),
    Endpoint("POST", "/api/orders/{order_id}/cancel", cancel_order, who=USER, idempotent=True),
    Endpoint("GET", "/api/orders/{order_id}/tickets", order_tickets, who=USER),
    Endpoint("GET", "/api/orders/{order_id}/event.ics", order_calendar, who=USER, media_type="text/calendar"),
    Endpoint("GET", "/api/tickets/keys", ticket_keys),
    Endpoint("GET", "/api/tickets/{ticket_id}/qr.svg", ticket_qr, who=USER, media_type="image/svg+xml"),
    Endpoint("GET", "/api/tickets/{ticket_id}.pdf", ticket_pdf, who=USER, media_type="application/pdf"),
)
