"""Letters over HTTP: what has not arrived and why, an address corrected, an address proven."""

from typing import Annotated

from msgspec import Meta

from houseful.kernel import email_addresses
from houseful.kernel.errors import invalid
from houseful.kernel.times import rfc3339
from houseful.tickets.api import PageQuery, after_cursor, own_show
from houseful.tickets.domain.emails import LetterState, QueuedLetter
from houseful.tickets.domain.orders import Order
from houseful.tickets.schemas import BuyerView
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page, View

_MOST_TOKEN = 200


class EmailInput(Input, frozen=True, kw_only=True):
    email: Annotated[str, Meta(max_length=email_addresses.MOST)]


class ProofInput(Input, frozen=True, kw_only=True):
    token: Annotated[str, Meta(max_length=_MOST_TOKEN)]


class LetterView(View, frozen=True, kw_only=True):
    """`kind` is `confirmed`, `refunded` or `returned`; `reason` says why it has not gone."""

    kind: str
    state: LetterState
    reason: str | None


class UndeliveredView(LetterView, frozen=True, kw_only=True):
    order_id: str
    buyer: BuyerView
    since: str
    tries: int


_WAITS = (
    "The address is not proven yet: the letter goes when its owner has followed the link in the first one."
)


def _reason(letter: QueuedLetter) -> str | None:
    return _WAITS if letter.waits_for is not None else letter.error


def letter_view(letter: QueuedLetter) -> LetterView:
    return LetterView(kind=letter.kind, state=letter.state, reason=_reason(letter))


def undelivered_view(letter: QueuedLetter, order: Order) -> UndeliveredView:
    return UndeliveredView(
        kind=letter.kind,
        state=letter.state,
        reason=_reason(letter),
        order_id=order.id,
        buyer=BuyerView(name=order.buyer_name, email=order.buyer_email),
        since=rfc3339(letter.failed_at or 0),
        tries=letter.tries,
    )


async def order_letters(tickets: Tickets, request: Request, order_id: str) -> Page[LetterView]:
    """The letters about one of my orders, and what became of them."""
    order = await tickets.ordering.own_order(request.user.user_id, order_id)
    return Page([letter_view(letter) for letter in await tickets.undelivered.of_order(order)])


async def undelivered(
    tickets: Tickets, request: Request, event_id: str, query: PageQuery
) -> Page[UndeliveredView]:
    """Letters about orders of one of my events that have not arrived, the longest waiting first."""
    show = await own_show(tickets, request, event_id)
    found = await tickets.undelivered.page(show, after_cursor(query.cursor), query.limit)
    cursor = None
    if len(found) == query.limit:
        last = found[-1][0]
        cursor = f"{last.failed_at}:{last.id}"
    return Page([undelivered_view(letter, order) for letter, order in found], cursor)


async def correct(
    tickets: Tickets, request: Request, event_id: str, order_id: str, body: EmailInput
) -> Page[LetterView]:
    """Correct the address of an order's buyer, and send the order's letters there."""
    show = await own_show(tickets, request, event_id)
    email = email_addresses.address(body.email).email
    letters = await tickets.undelivered.correct(show, order_id, email, request.user.user_id)
    return Page([letter_view(letter) for letter in letters])


async def prove(tickets: Tickets, body: ProofInput) -> None:
    """Say that an address is mine, with the token of a letter to it; what waits for that is sent."""
    if not body.token.isascii():
        raise invalid({"token": "is not the one of a letter; copy the whole link"})
    await tickets.undelivered.prove(body.token)


ENDPOINTS = (
    Endpoint("GET", "/api/orders/{order_id}/letters", order_letters, who=USER),
    Endpoint("GET", "/api/events/{event_id}/undelivered-letters", undelivered, who=ORGANIZER),
    Endpoint("POST", "/api/events/{event_id}/orders/{order_id}/email", correct, who=ORGANIZER),
    Endpoint("POST", "/api/letters/proofs", prove, reads_token=False),
)
