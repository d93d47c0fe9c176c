"""Emails over HTTP: what has not arrived and why, an address corrected, an address proven."""

from typing import Annotated, Literal

from msgspec import Meta

from houseful.kernel import email_addresses
from houseful.kernel.errors import invalid
from houseful.kernel.telemetry import request_id
from houseful.kernel.times import rfc3339
from houseful.tickets.api import PageQuery
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.order_acts import desk
from houseful.tickets.domain.orders import Order
from houseful.tickets.emails_views import EmailView, email_reason, email_view
from houseful.tickets.organizer_api import own_show
from houseful.tickets.schemas import BuyerView
from houseful.tickets.use_cases import Tickets
from houseful.webapi.cursors import cursor_of, moment_of
from houseful.webapi.endpoint import ADMIN, ORGANIZER, USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page

_MOST_TOKEN = 200


class EmailInput(Input, frozen=True, kw_only=True):
    email: Annotated[str, Meta(max_length=email_addresses.MOST)]


class ProofInput(Input, frozen=True, kw_only=True):
    token: Annotated[str, Meta(max_length=_MOST_TOKEN)]


class UndeliveredView(EmailView, frozen=True, kw_only=True):
    order_id: str
    buyer: BuyerView
    since: str
    tries: int


def undelivered_view(email: QueuedEmail, order: Order) -> UndeliveredView:
    return UndeliveredView(
        kind=email.kind,
        state=email.state,
        reason=email_reason(email),
        order_id=order.id,
        buyer=BuyerView(name=order.buyer_name, email=order.buyer_email),
        since=rfc3339(email.failed_at or 0),
        tries=email.tries,
    )


async def order_letters(tickets: Tickets, request: Request, order_id: str) -> Page[EmailView]:
    """The emails about one of my orders, and what became of them."""
    order = await tickets.ordering.own_order(request.user.user_id, order_id)
    return Page([email_view(email) for email in await tickets.undelivered_emails.of_order(order)])


async def undelivered(
    tickets: Tickets, request: Request, event_id: str, query: PageQuery
) -> Page[UndeliveredView]:
    """Emails about orders of one of my events that have not arrived, the longest waiting first."""
    show = await own_show(tickets, request, event_id)
    found = await tickets.undelivered_emails.page(show, moment_of(query.cursor), query.limit)
    cursor = None
    if len(found) == query.limit:
        last = found[-1][0]
        assert last.failed_at is not None, "a search by it finds no other"
        cursor = cursor_of(last.failed_at, last.id)
    return Page([undelivered_view(email, order) for email, order in found], cursor)


async def correct(
    tickets: Tickets, request: Request, event_id: str, order_id: str, body: EmailInput
) -> Page[EmailView]:
    """Correct the address of an order's buyer, and send the order's emails there."""
    show = await own_show(tickets, request, event_id)
    address = email_addresses.address(body.email).email
    order = await tickets.order_desk.correct_address(
        show, order_id, address, desk(show, request.user, request_id.get() or "")
    )
    return Page([email_view(email) for email in await tickets.undelivered_emails.of_order(order)])


async def prove(tickets: Tickets, body: ProofInput) -> None:
    """Say that an address is mine, with the token of an email to it; what waits for that is sent."""
    if not body.token.isascii():
        raise invalid({"token": "is not the one of a letter; copy the whole link"})
    await tickets.undelivered_emails.prove(body.token)


class EmailQueueQuery(PageQuery, frozen=True, kw_only=True):
    """`waiting` are those that go by themselves, `failed` those that something is in the way of."""

    state: Literal["waiting", "failed"] = "waiting"


class QueuedEmailView(EmailView, frozen=True, kw_only=True):
    """`due_at` is null for one that was given up, or waits for its address to be proven."""

    id: str
    to: str
    order_id: str
    event_id: str
    since: str
    due_at: str | None
    tries: int


async def email_queue(tickets: Tickets, query: EmailQueueQuery) -> Page[QueuedEmailView]:
    """Emails about orders of all events that have not gone, the longest waiting first"""
    found = await tickets.undelivered_emails.queued(query.state, moment_of(query.cursor), query.limit)
    last = found[-1][0] if len(found) == query.limit else None
    cursor = None if last is None else cursor_of(last.queued_since or 0, last.id)
    return Page([queued_view(email, order) for email, order in found], cursor)


async def send_email(
    tickets: Tickets, request: Request, email_id: str, context: IdempotencyContext
) -> QueuedEmailView:
    """Send an email about an order again that has not gone, now"""
    return await tickets.order_desk.send_again(
        email_id, request.user, request_id.get() or "", queued_view, context
    )


def queued_view(email: QueuedEmail, order: Order) -> QueuedEmailView:
    return QueuedEmailView(
        kind=email.kind,
        state=email.state,
        reason=email_reason(email),
        id=email.id,
        to=order.buyer_email,
        order_id=order.id,
        event_id=order.event_id,
        since=rfc3339(email.queued_since or 0),
        due_at=None if email.due_at is None else rfc3339(email.due_at),
        tries=email.tries,
    )


ENDPOINTS = (
    Endpoint("GET", "/api/orders/{order_id}/letters", order_letters, who=USER),
    Endpoint("GET", "/api/events/{event_id}/undelivered-letters", undelivered, who=ORGANIZER),
    Endpoint("POST", "/api/events/{event_id}/orders/{order_id}/email", correct, who=ORGANIZER),
    Endpoint("POST", "/api/letters/proofs", prove, reads_token=False),
    Endpoint("GET", "/api/emails/orders", email_queue, who=ADMIN),
    Endpoint("POST", "/api/emails/orders/{email_id}/send", send_email, who=ADMIN, idempotent=True),
)
