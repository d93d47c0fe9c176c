"""Orders and their payment: from a hold to sold seats, or back.

Whoever changes an order, be it the buyer, a webhook, the deadline or the reconciler, puts the order first; of
two that do so at once, one is run again and sees what the other did.
"""

from enum import StrEnum
from typing import ClassVar

import msgspec

from houseful.kernel import person_keys
from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.ordered_seats import OrderedSeat, PartRefund
from houseful.tickets.domain.refund_reasons import Money, Reason, in_words


class OrderState(StrEnum):
    AWAITING_PAYMENT = "awaiting_payment"
    PROCESSING = "processing"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


_S = OrderState
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    _S.AWAITING_PAYMENT: frozenset({_S.PROCESSING, _S.CONFIRMED, _S.EXPIRED, _S.CANCELLED, _S.REFUNDING}),
    _S.PROCESSING: frozenset({_S.AWAITING_PAYMENT, _S.CONFIRMED, _S.EXPIRED, _S.CANCELLED, _S.REFUNDING}),
    # a late payment is honoured, or given back; after a cancellation it is not taken
    _S.EXPIRED: frozenset({_S.CONFIRMED, _S.REFUNDING, _S.CANCELLED}),
    _S.CANCELLED: frozenset({_S.REFUNDING}),  # paid in the instant of cancelling
    _S.CONFIRMED: frozenset({_S.REFUNDING}),
    _S.REFUNDING: frozenset({_S.REFUNDED}),
    _S.REFUNDED: frozenset(),
}


class PaymentState(StrEnum):
    """Where the money is, as far as we know."""

    NONE = "none"  # no intent yet
    OPEN = "open"  # an intent that nobody has paid
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    CANCELED = "canceled"  # the intent ended without money
    VOIDED = "voided"  # an authorisation given back
    REFUNDED = "refunded"


_P = PaymentState
PAYMENT_TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    _P.NONE: frozenset({_P.OPEN, _P.CANCELED}),
    _P.OPEN: frozenset({_P.AUTHORIZED, _P.CANCELED}),
    _P.AUTHORIZED: frozenset({_P.CAPTURED, _P.VOIDED}),
    _P.CAPTURED: frozenset({_P.REFUNDED}),
    _P.CANCELED: frozenset(),
    _P.VOIDED: frozenset(),
    _P.REFUNDED: frozenset(),
}


class Due(StrEnum):
    """What has to be asked of the payment gateway next. Each is asked under one idempotency key until the
    answer is known.
    """

    CREATE = "create"
    CAPTURE = "capture"
    VOID = "void"
    REFUND_PART = "refund_part"
    REFUND = "refund"
    CANCEL = "cancel"


class Order(Document, frozen=True, kw_only=True):
    """`seats` and `total_minor` are what the order has now; what went back in part is in `part_refunds`, the
    oldest first. `look_at` is when the reconciler looks at it again: always set while anything is open. `due`
    is what it will ask for. `reason` is why its money goes back; `detail` has it in words. `told_of` is the
    number of the latest reschedule that its buyer gets an email about.
    """

    collection: ClassVar[str] = "orders"
    read_soon = True
    indexes = (
        Index(("hold_id",), unique=True),
        Index(("user_id", "created_at")),
        Index(("event_id", "created_at")),
        Index(("event_id", "name_key")),
        Index(("event_id", "last_name_key")),
        Index(("event_id", "email_key")),
        Index(("look_at",)),
    )

    event_id: str
    user_id: str
    hold_id: str
    request: str
    """The idempotency key's name, so that the same request finds its own order."""
    seats: tuple[OrderedSeat, ...]
    total_minor: int
    currency: str
    buyer_name: str
    buyer_email: str
    created_at: Millis
    expires_at: Millis
    look_at: Millis | None
    state: OrderState = OrderState.AWAITING_PAYMENT
    payment: PaymentState = PaymentState.NONE
    due: Due | None = Due.CREATE
    intent_id: str | None = None
    client_secret: str | None = None
    confirmed_at: Millis | None = None
    detail: str | None = None
    reason: Reason | None = None
    looks: int = 0
    part_refunds: tuple[PartRefund, ...] = ()
    told_of: int = 0

    @property
    def ordinals(self) -> list[int]:
        return [seat.ordinal for seat in self.seats]

    @property
    def all_seats(self) -> tuple[OrderedSeat, ...]:
        """Those too that went back in part, behind the others."""
        return (*self.seats, *(seat for part in self.part_refunds for seat in part.seats))

    @property
    def part_refunds_minor(self) -> int:
        return sum(part.amount_minor for part in self.part_refunds)

    @property
    def paid_back_minor(self) -> int:
        """What the payment gateway has given back of parts, as far as we know."""
        return sum(part.amount_minor for part in self.part_refunds if part.is_settled)

    @property
    def open_part(self) -> int | None:
        """Which of the part refunds the payment gateway is asked for next."""
        return next((i for i, part in enumerate(self.part_refunds) if not part.is_settled), None)

    @property
    def name_key(self) -> str:
        return person_keys.name_key(self.buyer_name)

    @property
    def last_name_key(self) -> str:
        return person_keys.last_name_key(self.buyer_name)

    @property
    def email_key(self) -> str:
        return person_keys.email_key(self.buyer_email)


LATE_MILLIS = 3_600_000
"""How long after its deadline an order's payment is still taken, if its seats are free; then the intent is
ended.
"""

CREATE_MILLIS = 5_000
"""How long the request that placed an order has to open its payment before the reconciler does."""

_SOON_MILLIS = 5_000
_LONGEST_PAUSE_MILLIS = 300_000


def transition(order: Order, state: OrderState, **changes: object) -> Order:
    """Raises `ValueError` for a transition that the table does not have."""
    if state not in TRANSITIONS[order.state]:
        raise ValueError(f"an order that is {order.state} can't become {state}")
    return msgspec.structs.replace(order, state=state, **changes)


def transition_payment(order: Order, payment: PaymentState, **changes: object) -> Order:
    """Raises `ValueError` for a transition that the table does not have."""
    if payment not in PAYMENT_TRANSITIONS[order.payment]:
        raise ValueError(f"a payment that is {order.payment} can't become {payment}")
    return msgspec.structs.replace(order, payment=payment, **changes)


def needs_intent(order: Order) -> bool:
    return order.due is Due.CREATE


def intent_made(order: Order, intent_id: str, client_secret: str) -> Order:
    """The gateway knows the payment; from now on the deadline is what to look for. One that came after the
    deadline can be paid as late as any other; a cancelled order's is ended.
    """
    order = transition_payment(
        order, PaymentState.OPEN, intent_id=intent_id, client_secret=client_secret, looks=0
    )
    match order.state:
        case OrderState.AWAITING_PAYMENT:
            return msgspec.structs.replace(order, due=None, look_at=order.expires_at)
        case OrderState.EXPIRED:
            return msgspec.structs.replace(order, due=None, look_at=order.expires_at + LATE_MILLIS)
        case _:
            return msgspec.structs.replace(order, due=Due.CANCEL)


def is_payable(order: Order) -> bool:
    """Whether the gateway may authorise its payment, or has, and we do not know it. Without an intent nobody
    can pay.
    """
    return order.payment is PaymentState.OPEN


def may_change_by_news(order: Order) -> bool:
    """Once the money is reserved or the intent ended, only what we ask for changes the order."""
    return order.payment in (PaymentState.NONE, PaymentState.OPEN)


def is_in_time(order: Order, authorized_at: Millis | None) -> bool:
    """By the gateway's clock. An older version of it does not say when a payment was authorised."""
    return authorized_at is not None and authorized_at < order.expires_at


def processing(order: Order, now: Millis) -> Order:
    """The bank takes its time. News that comes late changes nothing."""
    if order.state is not OrderState.AWAITING_PAYMENT or order.payment is not PaymentState.OPEN:
        return order
    return transition(order, OrderState.PROCESSING, look_at=now + _SOON_MILLIS, detail=None)


def declined(order: Order, detail: str) -> Order:
    if order.payment is not PaymentState.OPEN:
        return order
    if order.state is OrderState.PROCESSING:
        order = transition(order, OrderState.AWAITING_PAYMENT, look_at=order.expires_at)
    return msgspec.structs.replace(order, detail=detail)


def confirmed(order: Order, now: Millis) -> Order:
    """Authorised and the seats are ours: sold. Taking the money is due."""
    order = transition_payment(
        order, PaymentState.AUTHORIZED, due=Due.CAPTURE, look_at=now + _SOON_MILLIS, looks=0
    )
    return transition(order, OrderState.CONFIRMED, confirmed_at=now, detail=None)


def confirmed_free(order: Order, now: Millis) -> Order:
    """An order of nothing but free seats needs no payment."""
    return transition(order, OrderState.CONFIRMED, due=None, look_at=None, confirmed_at=now)


def returned(order: Order, why: Reason, now: Millis) -> Order:
    """Authorised, but there is nothing to sell: the authorisation is given back."""
    order = transition_payment(
        order, PaymentState.AUTHORIZED, due=Due.VOID, look_at=now + _SOON_MILLIS, looks=0
    )
    return transition(order, OrderState.REFUNDING, reason=why, detail=in_words(why))


def found_captured(order: Order, now: Millis) -> Order:
    """What was to be voided has been taken, by a gateway that captures by itself or by an operator: it is
    refunded.
    """
    if order.due is not Due.VOID:
        return order
    return transition_payment(order, PaymentState.CAPTURED, due=Due.REFUND, look_at=now, looks=0)


def intent_ended(order: Order) -> Order:
    """The gateway has ended the intent; no money will come of it."""
    order = transition_payment(order, PaymentState.CANCELED, due=None, look_at=None)
    if order.state in (OrderState.AWAITING_PAYMENT, OrderState.PROCESSING):
        return transition(order, OrderState.EXPIRED, detail=None)
    return order


def on_deadline(order: Order, now: Millis) -> Order:
    """What becomes of an order whose `look_at` has come and with whose payment there is no news."""
    if order.look_at is None or order.look_at > now or order.due is not None:
        return order
    match order.state:
        case OrderState.AWAITING_PAYMENT:
            return expired(order, now) if now >= order.expires_at else postpone(order, now)
        case OrderState.PROCESSING:  # the bank has it in hand: its answer decides, not our clock
            return postpone(order, now)
        case OrderState.EXPIRED:
            return msgspec.structs.replace(order, due=Due.CANCEL, looks=0)
        case _:
            raise ValueError(f"an order that is {order.state} has nothing to be looked at for")


def expire_unopened(order: Order, now: Millis) -> Order:
    """An order whose payment could not even be opened in time."""
    if (
        order.state is OrderState.AWAITING_PAYMENT
        and order.payment is PaymentState.NONE
        and now >= order.expires_at
    ):
        return transition(order, OrderState.EXPIRED, detail=None)
    return order


def is_done(
    due: Due, status: str, captured_minor: int, refunded_minor: int, *, paid_back_minor: int = 0
) -> bool:
    """Whether an intent that is like this needs no more of what is due. `paid_back_minor` of it went back
    before.
    """
    match due:
        case Due.CAPTURE:
            return captured_minor > 0
        case Due.VOID | Due.CANCEL:
            return status == "canceled"
        case Due.REFUND | Due.REFUND_PART:
            return refunded_minor > paid_back_minor
        case Due.CREATE:
            return True


def can_be_cancelled(order: Order) -> bool:
    """What has expired can be cancelled for as long as it can be paid."""
    if order.state is OrderState.EXPIRED:
        return order.look_at is not None
    return order.state in (OrderState.AWAITING_PAYMENT, OrderState.PROCESSING, OrderState.CONFIRMED)


def expired(order: Order, now: Millis) -> Order:
    """Nobody paid in time, whatever a card was declined for before. The hold has lapsed by itself; the intent
    stays payable for `LATE_MILLIS` (then it is ended).
    """
    order = msgspec.structs.replace(order, detail=None)
    if order.payment is PaymentState.NONE:
        return transition(order, OrderState.EXPIRED, look_at=now + _SOON_MILLIS)
    return transition(order, OrderState.EXPIRED, look_at=order.expires_at + LATE_MILLIS, due=None)


def cancelled(order: Order, why: Reason, now: Millis) -> Order:
    """By the buyer or with the event. What is paid goes back; what is not paid is ended at the gateway, also
    after the deadline, so that no payment is taken any more. Twice is once.
    """
    if not can_be_cancelled(order):
        return order
    paid_for = order.state is OrderState.CONFIRMED and order.payment is not PaymentState.NONE
    detail = in_words(why, Money.COMING if paid_for else Money.NONE)
    order = msgspec.structs.replace(order, reason=why, detail=detail)
    if paid_for:
        refunding = transition(
            order, OrderState.REFUNDING, due=Due.CAPTURE, look_at=now + _SOON_MILLIS, looks=0
        )
        # A capture may be on its way; it is settled first and refunded then.
        return refund_next(refunding, now) if order.payment is PaymentState.CAPTURED else refunding
    if order.state is OrderState.CONFIRMED:  # it was free
        return transition(transition(order, OrderState.REFUNDING), OrderState.REFUNDED, look_at=None)
    due = Due.CREATE if order.payment is PaymentState.NONE else Due.CANCEL
    return transition(order, OrderState.CANCELLED, due=due, look_at=now + _SOON_MILLIS, looks=0)


def settled(order: Order, done: Due, now: Millis) -> Order:
    """The gateway has done what was due. A repetition changes nothing."""
    if order.due is not done:
        return order
    match done:
        case Due.CAPTURE:
            return refund_next(transition_payment(order, PaymentState.CAPTURED), now)
        case Due.VOID:
            return _given_back(transition_payment(order, PaymentState.VOIDED, due=None, look_at=None))
        case Due.REFUND:
            return _given_back(transition_payment(order, PaymentState.REFUNDED, due=None, look_at=None))
        case Due.CANCEL:
            return transition_payment(order, PaymentState.CANCELED, due=None, look_at=None)
        case Due.CREATE:
            raise ValueError("an intent that was made is told with intent_made")
        case Due.REFUND_PART:
            raise ValueError("a part that went back is told with part_settled")


def refund_next(order: Order, now: Millis) -> Order:
    """What is to be asked for of a captured payment: refunds of parts in their order, then the rest of an
    order that was taken back.
    """
    if order.open_part is not None:
        return msgspec.structs.replace(order, due=Due.REFUND_PART, look_at=now, looks=0)
    if order.state is not OrderState.REFUNDING:
        return msgspec.structs.replace(order, due=None, look_at=None, looks=0)
    if order.total_minor == 0:  # parts were all that was paid for
        return _given_back(transition_payment(order, PaymentState.REFUNDED, due=None, look_at=None))
    return msgspec.structs.replace(order, due=Due.REFUND, look_at=now, looks=0)


def _given_back(order: Order) -> Order:
    """An order of an older version does not say why."""
    detail = order.detail if order.reason is None else in_words(order.reason, Money.BACK)
    return transition(order, OrderState.REFUNDED, detail=detail)


def postpone(order: Order, now: Millis) -> Order:
    """Nothing is known yet: look again later, and later each time."""
    pause = min(_SOON_MILLIS * 2**order.looks, _LONGEST_PAUSE_MILLIS)
    return msgspec.structs.replace(order, look_at=now + pause, looks=min(order.looks + 1, 16))
