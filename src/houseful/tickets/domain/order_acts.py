"""What was done with an order after it was placed: each act, by whom and when.

An act is stored in the transaction that does it. That an order was placed and paid is in the order itself.
"""

from enum import StrEnum
from typing import ClassVar, NamedTuple

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.shows import Show


class Act(StrEnum):
    EMAILED = "emailed"
    RESENT = "resent"
    CORRECTED = "corrected"
    SEATS_REFUNDED = "seats_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    NOTED = "noted"


class Actor(StrEnum):
    """`SYSTEM` is Houseful itself: an email goes, a cancelled event is refunded."""

    BUYER = "buyer"
    ORGANIZER = "organizer"
    ADMIN = "admin"
    SYSTEM = "system"


class ActBy(NamedTuple):
    actor: Actor
    user_id: str = ""


BY_SYSTEM = ActBy(Actor.SYSTEM)


class Buyer(msgspec.Struct, frozen=True, array_like=True):
    name: str
    email: str


class OrderAct(Document, frozen=True, kw_only=True):
    """`text` is a note, or the reason of a refund. `before` and `after` are the buyer around a correction; of
    an email `after` is who it went to, and `email_kind` what it was. `seats` are ordinals.
    """

    collection: ClassVar[str] = "order_acts"
    indexes = (Index(("order_id", "at")),)

    order_id: str
    at: Millis
    act: Act
    actor: Actor
    user_id: str = ""
    text: str = ""
    email_kind: str = ""
    before: Buyer | None = None
    after: Buyer | None = None
    seats: tuple[int, ...] = ()
    amount_minor: int = 0


def buyer_of(order: Order) -> Buyer:
    return Buyer(order.buyer_name, order.buyer_email)


def desk(show: Show, user_id: str) -> ActBy:
    """Who acts at the order desk of this event: its organizer, or else an administrator."""
    return ActBy(Actor.ORGANIZER if show.organizer_id == user_id else Actor.ADMIN, user_id)


def erased_act(act: OrderAct) -> OrderAct:
    """A note and a reason may tell who the buyer was."""
    return replace(act, text="", before=None, after=None)
