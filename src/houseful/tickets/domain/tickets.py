"""Tickets: the right to one seat, written so that a gate without a network can tell a true one.

A ticket's code is `HF1.<body>.<signature>`, both base64url without padding. The body is the ticket's id and
its event's id with a dot between; the signature is Ed25519 (RFC 8032) over `HF1.<body>`. Ed25519 is
deterministic, so a code is never stored.
"""

import base64
import binascii
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from houseful.common.documents import Document, Index, Millis

_VERSION = "HF1"
CODE_LENGTH = 400


class TicketState(StrEnum):
    VALID = "valid"
    USED = "used"
    REFUNDED = "refunded"


TRANSITIONS: dict[TicketState, frozenset[TicketState]] = {
    TicketState.VALID: frozenset({TicketState.USED, TicketState.REFUNDED}),
    TicketState.USED: frozenset({TicketState.REFUNDED}),  # only where the whole event is cancelled
    TicketState.REFUNDED: frozenset(),
}


class Ticket(Document, frozen=True, kw_only=True):
    """`seat_key` is unique among living tickets, the last line of defence: no seat can have two, whatever
    else goes wrong.
    """

    collection: ClassVar[str] = "tickets"
    indexes = (
        Index(("seat_key",), unique=True),
        Index(("order_id",)),
        Index(("event_id", "state")),
    )

    event_id: str
    order_id: str
    user_id: str
    ordinal: int
    seat_key: str | None
    state: TicketState = TicketState.VALID
    used_at: Millis | None = None
    gate: str | None = None
    scan_id: str | None = None


def seat_key(event_id: str, ordinal: int) -> str:
    return f"{event_id}:{ordinal}"


def issued(id: str, event_id: str, order_id: str, user_id: str, ordinal: int) -> Ticket:
    return Ticket(
        id=id,
        event_id=event_id,
        order_id=order_id,
        user_id=user_id,
        ordinal=ordinal,
        seat_key=seat_key(event_id, ordinal),
    )


def moved(ticket: Ticket, state: TicketState, **changes: object) -> Ticket:
    """Raises `ValueError` for a transition that the table does not have."""
    if state not in TRANSITIONS[ticket.state]:
        raise ValueError(f"a ticket that is {ticket.state} can't become {state}")
    return msgspec.structs.replace(ticket, state=state, **changes)


def refunded(ticket: Ticket) -> Ticket:
    if ticket.state is TicketState.REFUNDED:
        return ticket
    return moved(ticket, TicketState.REFUNDED, seat_key=None)


class Verdict(StrEnum):
    """What the gate shows."""

    ADMITTED = "admitted"
    ALREADY_USED = "already_used"
    WRONG_EVENT = "wrong_event"
    REFUNDED = "refunded"
    INVALID = "invalid"


class Scan(Document, frozen=True, kw_only=True):
    """One use of a scanner and the answer it got; the same scan always gets the same answer. `id` is the
    scanner's own.
    """

    collection: ClassVar[str] = "scans"
    indexes = (Index(("ticket_id",)),)

    verdict: Verdict
    ticket_id: str | None
    gate: str
    scanned_at: Millis
    received_at: Millis
    first_at: Millis | None = None
    first_gate: str | None = None


def admit(
    ticket: Ticket | None, *, scan_id: str, gate: str, scanned_at: Millis, event_id: str | None
) -> tuple[Verdict, Ticket | None]:
    """The verdict and the ticket as it is afterwards. `event_id` is the gate's event; None admits to any."""
    if ticket is None:
        return Verdict.INVALID, None
    if event_id is not None and ticket.event_id != event_id:
        return Verdict.WRONG_EVENT, ticket
    match ticket.state:
        case TicketState.REFUNDED:
            return Verdict.REFUNDED, ticket
        case TicketState.USED:
            return (Verdict.ADMITTED if ticket.scan_id == scan_id else Verdict.ALREADY_USED), ticket
        case TicketState.VALID:
            used = moved(ticket, TicketState.USED, used_at=scanned_at, gate=gate, scan_id=scan_id)
            return Verdict.ADMITTED, used


class CodeSigner:
    """Writes codes. The first of the published keys is its own."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def code(self, ticket_id: str, event_id: str) -> str:
        head = f"{_VERSION}.{_encode(f'{ticket_id}.{event_id}'.encode())}"
        return f"{head}.{_encode(self._key.sign(head.encode()))}"


def read_code(code: str, keys: Sequence[bytes]) -> tuple[str, str] | None:
    """The ticket's id and the event's, if one of the keys signed the code; needs nothing but the public
    keys.
    """
    head, _, signature = code.strip().rpartition(".")
    version, _, body = head.partition(".")
    if version != _VERSION or not code.isascii() or len(code) > CODE_LENGTH:
        return None
    try:
        raw, signed = _decode(signature), _decode(body).decode()
    except (binascii.Error, ValueError):
        return None
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(raw, head.encode())
        except InvalidSignature:
            continue
        ticket_id, _, event_id = signed.partition(".")
        return ticket_id, event_id
    return None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Strictly: one text for one content, so that a code with a flipped bit is never the same ticket."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw) != text:
        raise ValueError("not canonical")
    return raw
