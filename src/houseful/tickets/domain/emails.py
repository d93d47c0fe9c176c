"""Emails to buyers: which are owed, who may be written to, and what of a name goes into one.

An address is proven when its owner has followed the link in an email to it. To one that is not, orders that
cost nothing bring a single email: strangers are not to be written to by whoever types their addresses.
"""

import hashlib
import hmac
import re
import unicodedata
from typing import Literal

import msgspec
from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.refund_reasons import Reason

CONFIRMED, PART_REFUNDED, RESCHEDULED = "confirmed", "part_refunded", "rescheduled"
KINDS = (CONFIRMED, "refunded", "returned")
"""Of each an order has one at most; of those about refunds of parts one a part, of those about other dates
one a reschedule."""
ABOUT_MONEY_BACK = frozenset({"refunded", "returned"})
EmailState = Literal["due", "delayed", "waiting_for_proof", "refused", "sent"]

_NAME_MOST = 60
_ID_BYTES = 16
_MAC_DIGITS = 32
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+|\bwww[.．。｡]", re.IGNORECASE)
_JOINED = re.compile(r"(?<=\w)[.．。｡]+(?=\w)")
_MARKS_OF_LINKS = re.compile(r"[/\\@]+")


class QueuedEmail(Document, frozen=True, kw_only=True):
    """`id` is the email's kind and the order's id, and the number of the part or of the `reschedule`, so that
    each is queued once.
    `resent` is how often it was sent again after it had gone. `due_at` is None when it is
    gone, given up, or waits for `waits_for`, a recipient, to prove the address. `failed_at` is since when
    something is in its way; those of the first version have none, and no `event_id`.
    """

    collection = "letters"
    indexes = (
        Index(("due_at",)),
        Index(("waits_for",)),
        Index(("event_id", "failed_at")),
        Index(("queue", "queued_since")),
    )

    kind: str
    order_id: str
    due_at: Millis | None
    tries: int = 0
    error: str | None = None
    event_id: str = ""
    failed_at: Millis | None = None
    waits_for: str | None = None
    part: int = 0
    resent: int = 0
    reschedule: int = 0

    @property
    def message_id(self) -> str:
        """Another one each time, since mail programs show emails with the same one once."""
        name = self.id.replace(":", "-")
        return f"{name}-{self.resent}" if self.resent else name

    @property
    def queue(self) -> str | None:
        """`failed` where something is in its way, `waiting` where it goes by itself, None where it has
        gone."""
        if self.failed_at is not None:
            return "failed"
        return None if self.due_at is None else "waiting"

    @property
    def queued_since(self) -> Millis | None:
        return self.due_at if self.failed_at is None else self.failed_at

    @property
    def state(self) -> EmailState:
        if self.waits_for is not None:
            return "waiting_for_proof"
        if self.due_at is None:
            return "sent" if self.error is None else "refused"
        return "due" if self.error is None else "delayed"


class Recipient(Document, frozen=True, kw_only=True):
    """An address that was written to. `id` is made of it and does not tell it; `first_email` is the first
    one's id.
    """

    collection = "recipients"

    first_email: str = msgspec.field(name="first_letter")
    proven_at: Millis | None = None


def email_id(kind: str, order_id: str, number: int = 0) -> str:
    return f"{kind}:{order_id}:{number}" if number else f"{kind}:{order_id}"


def reschedule_emails(order_id: str, number: int) -> list[str]:
    """The ids of the emails about the reschedules up to this one."""
    return [email_id(RESCHEDULED, order_id, one) for one in range(1, number + 1)]


def emails_of(order: Order) -> list[str]:
    """The ids of all emails that there may be about an order."""
    parts = range(1, len(order.part_refunds) + 1)
    return [
        *(email_id(kind, order.id) for kind in KINDS),
        *(email_id(PART_REFUNDED, order.id, part) for part in parts),
        *reschedule_emails(order.id, order.told_of),
    ]


def due_again(email: QueuedEmail, event_id: str, now: Millis) -> QueuedEmail:
    """On its way again, to whatever address its order has by then."""
    return replace(
        email,
        event_id=event_id,
        due_at=now,
        tries=0,
        error=None,
        failed_at=None,
        waits_for=None,
        resent=email.resent + (email.state == "sent"),
    )


def recipient_id(email: str) -> str:
    return hashlib.blake2b(email_addresses.searched(email).encode(), digest_size=_ID_BYTES).hexdigest()


def may_go(email: QueuedEmail, order: Order, recipient: Recipient) -> bool:
    """An email about money always goes; it cost its sender some. So does one about an event that was
    cancelled or moved, which no buyer can bring about. Others go to proven addresses, and the first one to
    anybody.
    """
    return (
        costs(order)
        or email.kind == RESCHEDULED
        or order.reason is Reason.EVENT_CANCELLED
        or recipient.proven_at is not None
        or recipient.first_email == email.id
    )


def costs(order: Order) -> bool:
    return order.total_minor + order.part_refunds_minor > 0


class Proofs:
    """What the link in an email has to show, so that the address it went to is proven. It can be followed any
    number of times.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, person=b"letter proofs").digest()

    def token(self, recipient: str) -> str:
        return recipient + self._mac(recipient)

    def recipient(self, token: str) -> str | None:
        """None for a token that is none of ours."""
        recipient = token[: 2 * _ID_BYTES]
        good = hmac.compare_digest(self.token(recipient).encode(), token.encode())
        return recipient if good else None

    def _mac(self, recipient: str) -> str:
        return hmac.new(self._key, recipient.encode(), "sha256").hexdigest()[:_MAC_DIGITS]


def shown_name(name: str) -> str:
    """What of a buyer's name goes into an email: no line, no link and nothing that a mail program makes one
    of, and no more than a name's length.
    """
    text = "".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", name))
    text = _MARKS_OF_LINKS.sub(" ", _JOINED.sub(". ", _SCHEME.sub(" ", text)))
    text = " ".join(text.split())
    return text if len(text) <= _NAME_MOST else text[: _NAME_MOST - 1].rstrip() + "…"
