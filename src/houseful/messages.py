"""Every message that crosses a service line, in the order of a purchase.

A message is a fact in the past tense. Its topic is the service that sends it, its key the thing it is about;
the type on the wire is `houseful.<ClassName>.v<version>`. A field may be added with a default; anything else
is a new version. The golden files in `tests/golden/` hold what older installations may still have on their
bus.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`about` names the aggregate's kind and `key_field` the field with its id; the pair is what order is
    kept for.
    """

    sender: ClassVar[str]
    about: ClassVar[str]
    key_field: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def key(self) -> str:
        return str(getattr(self, self.key_field))

    @classmethod
    def type(cls) -> str:
        return f"houseful.{cls.__name__}.v{cls.version}"


class LineTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether buyers of an event stand in a line, and how it is drawn; with `auto` there is none until the
    shop is at its limit. With the beacon "pair" the organizer has a secret too: `commitment` is its SHA-256,
    in lower-case hex."""

    mode: Literal["off", "on", "auto"] = "off"
    lobby_opens_at: int | None = None
    beacon: Literal["none", "pair"] = "none"
    commitment: str | None = None


class Gates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event asks of an account before it sells to it: a verified email address, or to have been made
    before a time."""

    verified_email: bool = False
    accounts_before: int | None = None


class EventPublished(Message, frozen=True, kw_only=True):
    """An organizer put an event up for sale. Sent by events; tickets generates the inventory and
    fetches the plan (too large for a message) through the gateway by its hash; line makes the event's line.
    """

    sender = "events"
    about = "event"
    key_field = "event_id"

    event_id: str
    organizer_id: str
    title: str
    venue: str
    starts_at: int
    timezone: str
    currency: str
    on_sale_at: int | None
    hold_seconds: int
    max_seats_per_order: int
    refundable_until: int | None
    plan_hash: str
    seats_total: int
    prices: Mapping[str, int]
    ends_at: int | None = None
    line: LineTerms | None = None
    max_seats_per_buyer: int | None = None
    gates: Gates | None = None
    doors_at: int | None = None


class EventChanged(Message, frozen=True, kw_only=True):
    """What may still change after publishing, all of it; prices, and the number of seats, where they have
    changed. Sent by events; received by tickets and line."""

    sender = "events"
    about = "event"
    key_field = "event_id"

    event_id: str
    title: str
    on_sale_at: int | None
    max_seats_per_order: int
    refundable_until: int | None
    ends_at: int | None = None
    max_seats_per_buyer: int | None = None
    gates: Gates | None = None
    prices: Mapping[str, int] | None = None
    seats_total: int | None = None
    doors_at: int | None = None


class Reschedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published event moved to another date, or to another place, for a reason that `message` tells. The
    first one of an event has the `number` 1. Who had bought before may return the order until `return_until`.
    """

    number: int
    at: int
    from_starts_at: int
    from_ends_at: int | None
    from_venue: str
    starts_at: int
    ends_at: int | None
    venue: str
    message: str
    return_until: int
    doors_at: int | None = None


class EventRescheduled(Message, frozen=True, kw_only=True):
    """A published event has another date or another place. Sent by events; tickets tells the buyers, line
    ends with the event."""

    sender = "events"
    about = "event"
    key_field = "event_id"

    event_id: str
    reschedule: Reschedule


class AmendmentRequested(Message, frozen=True, kw_only=True):
    """An organizer wants another plan for a published event; the first amendment of an event has the `number`
    1. `layout_version` will name the hall with it, `prices` are those of its categories. Sent by events;
    tickets changes the inventory, or refuses."""

    sender = "events"
    about = "event"
    key_field = "event_id"

    event_id: str
    number: int
    plan_hash: str
    layout_version: str
    seats_total: int
    prices: Mapping[str, int]


class InventoryReady(Message, frozen=True, kw_only=True):
    """Every seat of the plan exists and can be sold. Sent by tickets; events puts the event on sale."""

    sender = "tickets"
    about = "inventory"
    key_field = "event_id"

    event_id: str
    seats_total: int


class InventoryFailed(Message, frozen=True, kw_only=True):
    """The inventory can't be made, for a reason that trying again will not change. Sent by tickets; received
    by events.
    """

    sender = "tickets"
    about = "inventory"
    key_field = "event_id"

    event_id: str
    detail: str


class AmendmentApplied(Message, frozen=True, kw_only=True):
    """The inventory is that of the amended plan. Sent by tickets; events shows the plan and its prices."""

    sender = "tickets"
    about = "inventory"
    key_field = "event_id"

    event_id: str
    number: int


class AmendmentRefused(Message, frozen=True, kw_only=True):
    """The inventory stays as it is, for the reason in `detail`: where somebody has seats that the plan
    changes, `seats` says of each of them, up to 1,000, what to do. Sent by tickets; events tells the
    organizer."""

    sender = "tickets"
    about = "inventory"
    key_field = "event_id"

    event_id: str
    number: int
    detail: str
    seats: tuple[str, ...] = ()


class AvailabilityChanged(Message, frozen=True, kw_only=True):
    """No seat can be bought any more, since each is sold or blocked; or one can be again. Sent by tickets;
    events shows sold out or not.
    """

    sender = "tickets"
    about = "inventory"
    key_field = "event_id"

    event_id: str
    sold_out: bool


class SoldSeat(msgspec.Struct, frozen=True, kw_only=True):
    seat_id: str
    category: str
    price_minor: int


class OrderConfirmed(Message, frozen=True, kw_only=True):
    """Paid for, sold, tickets issued. Sent by tickets; tickets itself mails the buyer and counts the sale."""

    sender = "tickets"
    about = "order"
    key_field = "order_id"

    order_id: str
    event_id: str
    confirmed_at: int
    total_minor: int
    seats: tuple[SoldSeat, ...]
    user_id: str = ""


class OrderRefunded(Message, frozen=True, kw_only=True):
    """A confirmed order was taken back, by its buyer, its organizer or with the event, as the reason says:
    its tickets are void, its seats free, its money on the way back. With a `part`, counted from 1, these
    seats of the order were, and it keeps others. Sent by tickets; tickets itself mails the buyer and counts
    it."""

    sender = "tickets"
    about = "order"
    key_field = "order_id"

    order_id: str
    event_id: str
    refunded_at: int
    total_minor: int
    seats: tuple[SoldSeat, ...]
    reason: str = ""
    part: int = 0


class PaymentReturned(Message, frozen=True, kw_only=True):
    """A payment could not be taken and was given back, for this reason (`tickets.domain.refund_reasons`).
    Sent by tickets; tickets itself tells the buyer.
    """

    sender = "tickets"
    about = "order"
    key_field = "order_id"

    order_id: str
    event_id: str
    returned_at: int
    total_minor: int
    reason: str = "seats_gone"


class AccountErased(Message, frozen=True, kw_only=True):
    """An account was erased by its owner. Sent by users; tickets erases the buyer's name and address from the
    account's orders, and the account from the gate staff of events; line lets the next one in."""

    sender = "users"
    about = "account"
    key_field = "user_id"

    user_id: str
    erased_at: int


class TurnNear(Message, frozen=True, kw_only=True):
    """Somebody who stands in a line, and wanted to be told, is called in a few minutes. Sent by line; users
    writes an email to the account. `title` is the event's."""

    sender = "line"
    about = "place"
    key_field = "place_id"

    place_id: str
    event_id: str
    user_id: str
    title: str
    told_at: int


class EventCancelled(Message, frozen=True, kw_only=True):
    """The show will not be. Sent by events; tickets stops sales and refunds every order, line ends."""

    sender = "events"
    about = "event"
    key_field = "event_id"

    event_id: str


MESSAGES: dict[str, type[Message]] = {
    message.type(): message
    for message in (
        EventPublished,
        EventChanged,
        EventRescheduled,
        AmendmentRequested,
        InventoryReady,
        InventoryFailed,
        AmendmentApplied,
        AmendmentRefused,
        AvailabilityChanged,
        OrderConfirmed,
        OrderRefunded,
        PaymentReturned,
        EventCancelled,
        AccountErased,
        TurnNear,
    )
}
