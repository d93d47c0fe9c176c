"""The card processor's HTTP surface: for buyers with an intent's secret, and for servers with the API key."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from houseful.kernel.errors import StateConflict
from houseful.payments import domain
from houseful.payments.domain import Card, Intent, State
from houseful.payments.service import Payments
from houseful.webapi.auth import bearer
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.problems import ProblemError
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import AbortConnection, View
from houseful.webapi.validation import WRONG

Text = Annotated[str, Meta(min_length=1, max_length=200)]
AmountMinor = Annotated[int, Meta(ge=1, le=10**12)]


class CardInput(Input, frozen=True, kw_only=True):
    """`exp` is MM/YY. Spaces in the number do not matter."""

    number: Annotated[str, Meta(max_length=40)]
    exp: Annotated[str, Meta(max_length=10)]
    cvc: Annotated[str, Meta(max_length=10)]

    def __repr__(self) -> str:
        return "CardInput(•••)"


class ConfirmInput(Input, frozen=True, kw_only=True):
    client_secret: Text
    card: CardInput


class ChallengeInput(Input, frozen=True, kw_only=True):
    outcome: Literal["approve", "refuse"]


class SecretQuery(Input, frozen=True, kw_only=True):
    client_secret: Text


class IntentInput(Input, frozen=True, kw_only=True):
    amount_minor: AmountMinor
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    reference: Annotated[
        str,
        Meta(
            max_length=100,
            pattern=r"^[A-Za-z0-9_:.-]+(?!\n)$",
            extra={WRONG: "may have letters, digits and _ : . - only"},
        ),
    ]
    """What it is for, such as an order's id. (Python's `$` alone would let a line break at the end pass.)"""


class NothingInput(Input, frozen=True, kw_only=True):
    """An empty object: these are all or nothing, and a field such as an amount must not be overlooked."""


class CancelInput(Input, frozen=True, kw_only=True):
    """With `unless_authorized` money that is reserved stays so; the answer's status says which it is."""

    unless_authorized: bool = False


class RefundInput(Input, frozen=True, kw_only=True):
    amount_minor: AmountMinor


class NextActionView(View, frozen=True, kw_only=True):
    """POST `{"outcome": "approve" | "refuse"}` to `url`, a path of this API."""

    url: str
    type: Literal["redirect"] = "redirect"


class ConfirmationView(View, frozen=True, kw_only=True):
    id: str
    status: str
    next_action: NextActionView | UnsetType = UNSET


class IntentView(View, frozen=True, kw_only=True):
    id: str
    status: str
    amount_minor: int
    currency: str


class DetailsView(View, frozen=True, kw_only=True):
    """All that the server side sees. `succeeded` means authorised; what was taken is `captured_minor`."""

    id: str
    client_secret: str
    status: str
    amount_minor: int
    currency: str
    reference: str
    authorized_minor: int
    authorized_at: int | None
    """Milliseconds since 1970, by the processor's clock."""
    captured_minor: int
    refunded_minor: int
    voided: bool
    attempts: int
    last_error: str | None
    card_brand: str | None
    card_last4: str | None


async def confirm(service: Payments, intent_id: str, body: ConfirmInput) -> ConfirmationView:
    """Pay with a card. Repeating it is safe: a payment that succeeded says so again and takes no more."""
    given = body.card
    card = Card(given.number, given.exp, given.cvc)
    intent, changed = await service.confirm(intent_id, body.client_secret, card)
    if changed and domain.outcome(card).answer_lost:
        raise AbortConnection  # it is committed: only the answer is lost, and only once
    return _confirmation(intent)


async def answer_challenge(service: Payments, challenge_id: str, body: ChallengeInput) -> ConfirmationView:
    """Approve or refuse a payment, as in the page of a bank (3-D Secure)."""
    approved = body.outcome == "approve"
    return _confirmation(await service.answer_challenge(challenge_id, approved=approved))


async def look_up(service: Payments, intent_id: str, query: SecretQuery) -> IntentView:
    """How a payment stands, for the holder of its secret, such as a buyer whose answer was lost."""
    intent = await service.intent_by_secret(intent_id, query.client_secret)
    return msgspec.convert(intent, IntentView, from_attributes=True)


async def create(service: Payments, request: Request, body: IntentInput) -> DetailsView:
    """Begin a payment, to be confirmed by the buyer and captured later."""
    context = _use(service, request, "create", "")
    intent = await service.create(
        context, amount_minor=body.amount_minor, currency=body.currency, reference=body.reference
    )
    return _details(intent)


async def details(service: Payments, request: Request, intent_id: str) -> DetailsView:
    """All about a payment."""
    _server_only(service, request)
    return _details(await service.intent(intent_id))


async def capture(service: Payments, request: Request, intent_id: str, body: NothingInput) -> DetailsView:
    """Take the money that is reserved, all of it."""
    return _details(await service.capture(intent_id, _use(service, request, "capture", intent_id)))


async def cancel(service: Payments, request: Request, intent_id: str, body: CancelInput) -> DetailsView:
    """End a payment that is not captured; reserved money is given back, unless it is to stay."""
    context = _use(service, request, "cancel", intent_id)
    return _details(await service.cancel(intent_id, context, unless_authorized=body.unless_authorized))


async def refund(service: Payments, request: Request, intent_id: str, body: RefundInput) -> DetailsView:
    """Give captured money back, a part or all."""
    context = _use(service, request, "refund", intent_id)
    return _details(await service.refund(intent_id, context, body.amount_minor))


def _server_only(service: Payments, request: Request) -> None:
    key = bearer(request.headers.get("authorization"))
    if key is None or not service.knows_key(key):
        raise ProblemError(
            401,
            "api_key_invalid",
            "This needs the payment gateway's API key.",
            headers={"www-authenticate": "Bearer"},
        )


def _use(service: Payments, request: Request, operation: str, about: str) -> IdempotencyContext:
    _server_only(service, request)
    return service.once(operation, about, request.headers.get("idempotency-key"), request.raw)


def _confirmation(intent: Intent) -> ConfirmationView:
    """Raises `ProblemError` (402) for a payment that did not go through, `StateConflict` for one that
    can't any more."""
    if intent.state is State.CANCELED:
        code, detail = domain.REFUSALS[domain.Action.AUTHORIZE]
        raise StateConflict(code, detail, intent_status=intent.status)
    if intent.last_error is not None:
        raise ProblemError(
            402, intent.last_error, domain.DECLINES[intent.last_error], intent_status=intent.status
        )
    if intent.state is State.CHALLENGED:
        url = f"/api/payments/challenges/{intent.id}-{intent.challenge_secret}"
        return ConfirmationView(id=intent.id, status=intent.status, next_action=NextActionView(url=url))
    return ConfirmationView(id=intent.id, status=intent.status)


def _details(intent: Intent) -> DetailsView:
    return msgspec.convert(intent, DetailsView, from_attributes=True)


_INTENT = "/api/payments/intents/{intent_id}"

# The buyer's endpoints read no access token: whoever has the secret may pay, signed in or not.
# The server's have the processor's own API key in its place.
ENDPOINTS = (
    Endpoint("POST", f"{_INTENT}/confirm", confirm, reads_token=False),
    Endpoint("GET", _INTENT, look_up, reads_token=False),
    Endpoint("POST", "/api/payments/challenges/{challenge_id}", answer_challenge, reads_token=False),
    Endpoint("POST", "/api/payments/intents", create, status=201, public=False),
    Endpoint("GET", f"{_INTENT}/details", details, public=False),
    Endpoint("POST", f"{_INTENT}/capture", capture, public=False),
    Endpoint("POST", f"{_INTENT}/cancel", cancel, public=False),
    Endpoint("POST", f"{_INTENT}/refunds", refund, public=False),
)
