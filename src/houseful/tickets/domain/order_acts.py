"""What was done with an order after it was placed: each act, by whom and when.

An act is stored in the transaction that does it. That an order was placed and paid is in the order itself.
"""

from enum import StrEnum
from typing import ClassVar, NamedTuple

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.roles import Identity
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
    LET_IN = "let_in"


class Actor(StrEnum):
    """`SYSTEM` is Houseful itself: an email goes, a cancelled event is refunded."""

    BUYER = "buyer"
    ORGANIZER = "organizer"
    ADMIN = "admin"
    SYSTEM = "system"


STAFF = frozenset({Actor.ORGANIZER, Actor.ADMIN})


class ActBy(NamedTuple):
    """`email` is the staff's address at this moment, for the audit log."""

    actor: Actor
    user_id: str = ""
    email: str = ""
    request_id: str = ""


BY_SYSTEM = ActBy(Actor.SYSTEM)


class Buyer(msgspec.Struct, frozen=True, array_like=True):
    name: str
    email: str


class OrderAct(Document, frozen=True, kw_only=True):
    """`text` is a note, or the reason of a refund or of letting in at the gate. `before` and `after` are
    the buyer around a correction; of an email `after` is who it went to, and `email_kind` what it was.
    `seats` are ordinals. Acts of staff are found by `staff_id` and `staff_at`, which others do not have;
    before the audit log they had no `request_id`.
    """

    collection: ClassVar[str] = "order_acts"
    indexes = (Index(("order_id", "at")), Index(("staff_at",)), Index(("staff_id", "staff_at")))

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
    request_id: str = ""

    @property
    def staff_at(self) -> Millis | None:
        return self.at if self.actor in STAFF else None

    @property
    def staff_id(self) -> str | None:
        return self.user_id if self.actor in STAFF else None


def buyer_of(order: Order) -> Buyer:
    return Buyer(order.buyer_name, order.buyer_email)


def desk(show: Show, who: Identity, request_id: str = "") -> ActBy:
    """Who acts at the order desk of this event: its organizer, or else an administrator."""
    actor = Actor.ORGANIZER if show.organizer_id == who.user_id else Actor.ADMIN
    return ActBy(actor, who.user_id, who.email, request_id)


def erased_act(act: OrderAct) -> OrderAct:
    """A note and a reason may tell who the buyer was."""
    return replace(act, text="", before=None, after=None)
