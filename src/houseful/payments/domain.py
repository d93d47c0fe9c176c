"""The rules of a card processor: what a payment can become, what each card does, and where the money is.

An intent is authorised at most once (the money is reserved), then captured in full or given back, then
refunded up to what was captured. Card numbers are looked at and forgotten: only brand and last four digits
are kept.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import StateConflict


class State(StrEnum):
    UNPAID = "unpaid"
    CHALLENGED = "challenged"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    CANCELED = "canceled"


class Action(StrEnum):
    DECLINE = "decline"
    CHALLENGE = "challenge"
    DELAY = "delay"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    CANCEL = "cancel"


# Whatever is not here can't happen. A processing payment may be cancelled at once, because no money is taken
# before it settles: the late outcome then finds no way on from `canceled`.
TRANSITIONS: dict[tuple[State, Action], State] = {
    (State.UNPAID, Action.DECLINE): State.UNPAID,
    (State.UNPAID, Action.CHALLENGE): State.CHALLENGED,
    (State.UNPAID, Action.DELAY): State.PROCESSING,
    (State.UNPAID, Action.AUTHORIZE): State.AUTHORIZED,
    (State.UNPAID, Action.CANCEL): State.CANCELED,
    (State.CHALLENGED, Action.DECLINE): State.UNPAID,
    (State.CHALLENGED, Action.CHALLENGE): State.CHALLENGED,
    (State.CHALLENGED, Action.DELAY): State.PROCESSING,
    (State.CHALLENGED, Action.AUTHORIZE): State.AUTHORIZED,
    (State.CHALLENGED, Action.CANCEL): State.CANCELED,
    (State.PROCESSING, Action.AUTHORIZE): State.AUTHORIZED,
    (State.PROCESSING, Action.CANCEL): State.CANCELED,
    (State.AUTHORIZED, Action.CAPTURE): State.CAPTURED,
    (State.AUTHORIZED, Action.CANCEL): State.CANCELED,
    (State.CAPTURED, Action.REFUND): State.CAPTURED,
}

STATUS: dict[State, str] = {
    State.UNPAID: "requires_payment_method",
    State.CHALLENGED: "requires_action",
    State.PROCESSING: "processing",
    State.AUTHORIZED: "succeeded",
    State.CAPTURED: "succeeded",
    State.CANCELED: "canceled",
}
"""What the outside is told. The money itself shows in `captured_minor` and `refunded_minor`."""

EVENTS: dict[Action, str] = {
    Action.DECLINE: "payment_intent.payment_failed",
    Action.CHALLENGE: "payment_intent.requires_action",
    Action.DELAY: "payment_intent.processing",
    Action.AUTHORIZE: "payment_intent.succeeded",
    Action.CAPTURE: "payment_intent.captured",
    Action.REFUND: "charge.refunded",
    Action.CANCEL: "payment_intent.canceled",
}

_NOT_PAYABLE = ("intent_not_payable", "This payment can no longer be paid.")
REFUSALS: dict[Action, tuple[str, str]] = {
    Action.DECLINE: _NOT_PAYABLE,
    Action.CHALLENGE: _NOT_PAYABLE,
    Action.DELAY: _NOT_PAYABLE,
    Action.AUTHORIZE: _NOT_PAYABLE,
    Action.CAPTURE: (
        "intent_not_capturable",
        "Only a payment that is authorised and not yet captured can be captured.",
    ),
    Action.REFUND: ("intent_not_refundable", "Only a captured payment can be refunded."),
    Action.CANCEL: ("intent_not_cancelable", "A captured payment can't be cancelled. Refund it."),
}

DECLINES: dict[str, str] = {
    "card_declined": "The card was declined. Try another one.",
    "insufficient_funds": "There is not enough money on the card. Try another one.",
    "authentication_failed": "The payment was not approved. Try again or use another card.",
}


class Intent(Document, frozen=True, kw_only=True):
    """One payment. `reference` is the caller's name for it (the order's id); every webhook has it."""

    collection = "intents"
    read_soon = True
    indexes = (Index(("next_at",)),)

    client_secret: str
    amount_minor: int
    currency: str
    reference: str
    created_at: Millis
    state: State = State.UNPAID
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    attempts: int = 0
    last_error: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    challenge_secret: str | None = None
    authorized_at: Millis | None = None
    """By the processor's clock. An authorisation of an older version has none."""
    next_at: Millis | None = None
    """When a delayed outcome is due; None unless it is processing."""

    @property
    def status(self) -> str:
        return STATUS[self.state]

    @property
    def voided(self) -> bool:
        """Money was reserved and given back without being taken."""
        return self.state is State.CANCELED and self.authorized_minor > 0

    @property
    def open_minor(self) -> int:
        """What is reserved on the card and neither taken nor given back."""
        return self.authorized_minor if self.state is State.AUTHORIZED else 0


class Card(msgspec.Struct, frozen=True):
    """A card as typed in. Its text form hides the number, so that no log can show it."""

    number: str
    exp: str
    cvc: str

    @property
    def digits(self) -> str:
        return self.number.replace(" ", "")

    @property
    def last4(self) -> str:
        return self.digits[-4:]

    @property
    def brand(self) -> str:
        """By the first digit, which is the industry's (ISO/IEC 7812)."""
        return {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}.get(self.digits[:1], "unknown")

    def __repr__(self) -> str:
        return f"Card(•••• {self.last4})"


class Outcome(msgspec.Struct, frozen=True):
    """What becomes of a confirmation. With `answer_lost` the connection is cut after the work is done."""

    action: Action
    error: str | None = None
    answer_lost: bool = False


# The test cards of the public interface. Any other card is declined: no real card is ever charged.
OUTCOMES: dict[str, Outcome] = {
    "4242424242424242": Outcome(Action.AUTHORIZE),
    "4000000000000002": Outcome(Action.DECLINE, "card_declined"),
    "4000000000009995": Outcome(Action.DECLINE, "insufficient_funds"),
    "4000002760003184": Outcome(Action.CHALLENGE),
    "4000000000000077": Outcome(Action.DELAY),
    "4000000000000341": Outcome(Action.AUTHORIZE, answer_lost=True),
}


def outcome(card: Card) -> Outcome:
    return OUTCOMES.get(card.digits, Outcome(Action.DECLINE, "card_declined"))


def luhn_holds(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def card_errors(card: Card, now: Millis) -> dict[str, str]:
    """What is wrong with it, by field; empty for a card that could exist, to the end of its last month."""
    errors = {}
    digits = card.digits
    if not _is_digits(digits) or not 12 <= len(digits) <= 19:
        errors["card.number"] = "is not 12 to 19 digits"
    elif not luhn_holds(digits):
        errors["card.number"] = "is not a card number: a digit is wrong"
    month, slash, year = card.exp.partition("/")
    if not (
        slash
        and _is_digits(month)
        and _is_digits(year)
        and len(month) == len(year) == 2
        and 1 <= int(month) <= 12
    ):
        errors["card.exp"] = "is not a month and a year such as 04/31"
    else:
        today = datetime.fromtimestamp(now / 1000, UTC)
        if (2000 + int(year), int(month)) < (today.year, today.month):
            errors["card.exp"] = "is past: the card has expired"
    if not _is_digits(card.cvc) or not 3 <= len(card.cvc) <= 4:
        errors["card.cvc"] = "is not 3 or 4 digits"
    return errors


class Change(msgspec.Struct, frozen=True):
    """An intent as it is now, and what the outside is to be told; `event` is None where nothing changed."""

    intent: Intent
    event: str | None = None


def _moved(intent: Intent, action: Action, **changes: object) -> Change:
    """Raises `StateConflict` for what the table does not have."""
    state = TRANSITIONS.get((intent.state, action))
    if state is None:
        code, detail = REFUSALS[action]
        raise StateConflict(code, detail, intent_status=intent.status)
    return Change(msgspec.structs.replace(intent, state=state, **changes), EVENTS[action])


def confirm(intent: Intent, card: Card, now: Millis, delay_millis: int, challenge_secret: str) -> Change:
    """Try to pay with this card. What is paid, or about to be, stays as it is: nothing is taken twice."""
    if intent.state in (State.PROCESSING, State.AUTHORIZED, State.CAPTURED):
        return Change(intent)
    what = outcome(card)
    attempt = msgspec.structs.replace(
        intent,
        attempts=intent.attempts + 1,
        card_brand=card.brand,
        card_last4=card.last4,
        challenge_secret=None,
    )
    match what.action:
        case Action.AUTHORIZE:
            return _authorized(attempt, now)
        case Action.CHALLENGE:
            return _moved(attempt, Action.CHALLENGE, challenge_secret=challenge_secret, last_error=None)
        case Action.DELAY:
            return _moved(attempt, Action.DELAY, next_at=now + delay_millis, last_error=None)
        case _:
            return _moved(attempt, Action.DECLINE, last_error=what.error)


def challenged(intent: Intent, approved: bool, now: Millis) -> Change:
    """The buyer's answer to the bank's question. The first answer counts; later ones change nothing."""
    if intent.state is not State.CHALLENGED:
        return Change(intent)
    if approved:
        return _authorized(intent, now)
    return _moved(intent, Action.DECLINE, last_error="authentication_failed")


def settle(intent: Intent, now: Millis) -> Change:
    """The outcome of a delayed payment, once it is due. Changes nothing if it was cancelled meanwhile."""
    if intent.state is not State.PROCESSING or intent.next_at is None or intent.next_at > now:
        return Change(intent)
    return _authorized(intent, now)


def _authorized(intent: Intent, now: Millis) -> Change:
    change = _moved(
        intent,
        Action.AUTHORIZE,
        authorized_minor=intent.amount_minor,
        authorized_at=now,
        last_error=None,
        next_at=None,
    )
    assert intent.authorized_minor == 0, "an intent is authorised at most once"
    return change


def capture(intent: Intent) -> Change:
    """Take all of the reserved money."""
    return _moved(intent, Action.CAPTURE, captured_minor=intent.authorized_minor)


def cancel(intent: Intent, *, unless_authorized: bool = False) -> Change:
    """End it; reserved money is given back. Cancelling twice is the same as once. With `unless_authorized`
    an intent whose money is reserved or taken stays as it is.
    """
    if intent.state is State.CANCELED:
        return Change(intent)
    if unless_authorized and intent.state in (State.AUTHORIZED, State.CAPTURED):
        return Change(intent)
    return _moved(intent, Action.CANCEL, next_at=None)


def refund(intent: Intent, amount_minor: int) -> Change:
    """Give back a part or all. Raises `StateConflict` for more than is left."""
    change = _moved(intent, Action.REFUND, refunded_minor=intent.refunded_minor + amount_minor)
    left = intent.captured_minor - intent.refunded_minor
    if not 0 < amount_minor <= left:
        raise StateConflict(
            "refund_too_large", "That is more than is left of this payment.", refundable_minor=left
        )
    return change


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The money of all intents with one reference; `open_minor` is reserved, neither taken nor given back."""

    captured_minor: int = 0
    refunded_minor: int = 0
    open_minor: int = 0


def count_in(ledger: dict[str, Totals], intents: Iterable[Intent]) -> None:
    """Add these intents to the totals by reference."""
    for intent in intents:
        so_far = ledger.get(intent.reference, Totals())
        ledger[intent.reference] = Totals(
            captured_minor=so_far.captured_minor + intent.captured_minor,
            refunded_minor=so_far.refunded_minor + intent.refunded_minor,
            open_minor=so_far.open_minor + intent.open_minor,
        )
