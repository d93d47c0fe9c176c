"""Scans: each ticket admits once, and a scan that is sent again is the same scan.

A scan is what was read, where, when and for which event, and the scanner's own number. Whoever sends it, and
however often, it gets the answer that it got first; where any of these differs, it is another scan, which
finds the ticket used. So phones that count from 1 and share an account never admit by each other's answers,
and a batch that a colleague sends again admits nobody twice.
"""

import hashlib
from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.tickets import Ticket, TicketState, transition

Clock = Literal["right", "ahead", "behind"]
"""How the scanner's clock was, as far as a scan tells."""

AHEAD_MILLIS = 120_000
"""Clocks of phones differ by less."""
EARLIEST: Millis = 1_767_225_600_000  # 2026-01-01
"""No scan is older than the product; clocks that were never set begin in 1970, 1980, 2000 or 2020."""


class Verdict(StrEnum):
    """What the gate shows."""

    ADMITTED = "admitted"
    ALREADY_USED = "already_used"
    WRONG_EVENT = "wrong_event"
    REFUNDED = "refunded"
    INVALID = "invalid"


class ScanRequest(msgspec.Struct, frozen=True):
    """`event_id` is the event that the gate belongs to, None for any."""

    code: str
    gate: str
    scan_id: str
    scanned_at: Millis
    event_id: str | None


class Scan(Document, frozen=True, kw_only=True):
    """A scan and the answer it got. `scanned_at` is when it counts; `clock` says whether that is what the
    scanner said."""

    collection: ClassVar[str] = "scans"
    indexes = (Index(("ticket_id",)),)

    verdict: Verdict
    ticket_id: str | None
    gate: str
    scanned_at: Millis
    received_at: Millis
    first_at: Millis | None = None
    first_gate: str | None = None
    clock: Clock = "right"
    user_id: str | None = None


def scan_key(request: ScanRequest) -> str:
    """The scan's id."""
    event = "" if request.event_id is None else request.event_id
    parts = (request.scan_id, request.code, request.gate, str(request.scanned_at), event)
    return _digest("\0".join(f"{len(part)}:{part}" for part in parts))


def key_by_account(user_id: str, request: ScanRequest) -> str:
    """The id that scans had while they belonged to an account; some are stored, and may be sent again."""
    return _digest(f"{user_id}\0{request.scan_id}\0{request.code}")


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=20).hexdigest()


def is_copy(earlier: Scan, request: ScanRequest) -> bool:
    """Whether a scan that was stored by account is this one: what its id does not tell must agree."""
    return (earlier.gate, earlier.scanned_at) == (request.gate, request.scanned_at)


def counted_at(scanned_at: Millis, received_at: Millis) -> tuple[Millis, Clock]:
    """When a scan counts: at the time that its scanner says, if that can be."""
    if scanned_at > received_at:
        return received_at, "ahead" if scanned_at - received_at > AHEAD_MILLIS else "right"
    if scanned_at < EARLIEST:
        return received_at, "behind"
    return scanned_at, "right"


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
            return Verdict.ALREADY_USED, ticket
        case TicketState.VALID:
            used = transition(ticket, TicketState.USED, used_at=scanned_at, gate=gate, scan_id=scan_id)
            return Verdict.ADMITTED, used
