"""The card processor's HTTP surface: for buyers with an intent's secret, and for servers with the API key."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from houseful.kernel.errors import ProblemError
from houseful.payments import domain
from houseful.payments.domain import Card, Intent, State
from houseful.payments.service import Payments
from houseful.webapi.auth import bearer
from houseful.webapi.endpoint import AbortConnection, Endpoint, Input, Request, View
from houseful.webapi.idempotency import IdempotencyContext
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
    captured_minor: int
    refunded_minor: int
    voided: bool
    attempts: int
    last_error: str | None
    card_brand: str | None
    card_last4: str | None


async def confirm(service: Payments, call: Request[ConfirmInput]) -> ConfirmationView:
    """Pay with a card. Repeating it is safe: a payment that succeeded says so again and takes no more."""
    given = call.body.card
    card = Card(given.number, given.exp, given.cvc)
    intent, changed = await service.confirm(call.path["intent_id"], call.body.client_secret, card)
    if changed and domain.outcome(card).answer_lost:
        raise AbortConnection  # it is committed: only the answer is lost, and only once
    return _confirmation(intent)


async def answer_challenge(service: Payments, call: Request[ChallengeInput]) -> ConfirmationView:
    """Approve or refuse a payment, as in the page of a bank (3-D Secure)."""
    approved = call.body.outcome == "approve"
    return _confirmation(await service.answer_challenge(call.path["challenge_id"], approved=approved))


async def look_up(service: Payments, call: Request[None]) -> IntentView:
    """How a payment stands, for the holder of its secret, such as a buyer whose answer was lost."""
    intent = await service.intent_by_secret(call.path["intent_id"], call.query.client_secret)
    return msgspec.convert(intent, IntentView, from_attributes=True)


async def create(service: Payments, call: Request[IntentInput]) -> DetailsView:
    """Begin a payment, to be confirmed by the buyer and captured later."""
    context = _use(service, call, "create", "")
    body = call.body
    intent = await service.create(
        context, amount_minor=body.amount_minor, currency=body.currency, reference=body.reference
    )
    return _details(intent)


async def details(service: Payments, call: Request[None]) -> DetailsView:
    """All about a payment."""
    _server_only(service, call)
    return _details(await service.intent(call.path["intent_id"]))


async def capture(service: Payments, call: Request[NothingInput]) -> DetailsView:
    """Take the money that is reserved, all of it."""
    intent_id = call.path["intent_id"]
    return _details(await service.capture(intent_id, _use(service, call, "capture", intent_id)))


async def cancel(service: Payments, call: Request[NothingInput]) -> DetailsView:
    """End a payment that is not captured; reserved money is given back."""
    intent_id = call.path["intent_id"]
    return _details(await service.cancel(intent_id, _use(service, call, "cancel", intent_id)))


async def refund(service: Payments, call: Request[RefundInput]) -> DetailsView:
    """Give captured money back, a part or all."""
    intent_id = call.path["intent_id"]
    context = _use(service, call, "refund", intent_id)
    return _details(await service.refund(intent_id, context, call.body.amount_minor))


def _server_only(service: Payments, call: Request[Any]) -> None:
    key = bearer(call.headers.get("authorization"))
    if key is None or not service.knows_key(key):
        raise ProblemError(
            401,
            "api_key_invalid",
            "This needs the payment gateway's API key.",
            headers={"www-authenticate": "Bearer"},
        )


def _use(service: Payments, call: Request[Any], operation: str, about: str) -> IdempotencyContext:
    _server_only(service, call)
    return service.once(operation, about, call.headers.get("idempotency-key"), call.raw)


def _confirmation(intent: Intent) -> ConfirmationView:
    """Raises `ProblemError`: 402 for a payment that did not go through, 409 for one that can't any more."""
    if intent.state is State.CANCELED:
        code, detail = domain.REFUSALS[domain.Action.AUTHORIZE]
        raise ProblemError(409, code, detail, intent_status=intent.status)
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
    Endpoint(
        "POST", f"{_INTENT}/confirm", confirm, answer=ConfirmationView, body=ConfirmInput, reads_token=False
    ),
    Endpoint("GET", _INTENT, look_up, answer=IntentView, query=SecretQuery, reads_token=False),
    Endpoint(
        "POST",
        "/api/payments/challenges/{challenge_id}",
        answer_challenge,
        answer=ConfirmationView,
        body=ChallengeInput,
        reads_token=False,
    ),
    Endpoint(
        "POST",
        "/api/payments/intents",
        create,
        answer=DetailsView,
        body=IntentInput,
        status=201,
        public=False,
    ),
    Endpoint("GET", f"{_INTENT}/details", details, answer=DetailsView, public=False),
    Endpoint("POST", f"{_INTENT}/capture", capture, answer=DetailsView, body=NothingInput, public=False),
    Endpoint("POST", f"{_INTENT}/cancel", cancel, answer=DetailsView, body=NothingInput, public=False),
    Endpoint("POST", f"{_INTENT}/refunds", refund, answer=DetailsView, body=RefundInput, public=False),
)
