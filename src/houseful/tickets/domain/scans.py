"""Scans: each ticket admits once, and a scan that is sent again is the same scan.

A scan is what was read, where, when and for which event, and the scanner's own number. Whoever sends it, and
however often, it gets the answer that it got first; where any of these differs, it is another scan, which
finds the ticket used. So phones that count from 1 and share an account never admit by each other's answers,
and a batch that a colleague sends again admits nobody twice.

Who leaves is checked out, and may come in again by the same ticket. A gate without a network decides by
itself and says so when it sends the scan; where the verdict is then another one, that is a conflict, which is
reported.
"""

import hashlib
from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.tickets import Ticket, TicketState, checked_out, re_entered, transition

Direction = Literal["in", "out"]

Clock = Literal["right", "ahead", "behind"]
"""How the scanner's clock was, as far as a scan tells."""

AHEAD_MILLIS = 120_000
"""Clocks of phones differ by less."""
EARLIEST: Millis = 1_767_225_600_000  # 2026-01-01
"""No scan is older than the product; clocks that were never set begin in 1970, 1980, 2000 or 2020."""


class Verdict(StrEnum):
    """What the gate shows. The last two are for scans of who leaves."""

    ADMITTED = "admitted"
    ALREADY_USED = "already_used"
    WRONG_EVENT = "wrong_event"
    REFUNDED = "refunded"
    INVALID = "invalid"
    CHECKED_OUT = "checked_out"
    NOT_INSIDE = "not_inside"


class ScanRequest(msgspec.Struct, frozen=True):
    """`event_id` is the event that the gate belongs to, None for any. `decided_offline`: the gate has acted
    on it already. `by_name`: `code` is the id of a ticket that was found in the list of names.
    `override_reason` is why a supervisor lets in by a ticket that is used or refunded."""

    code: str
    gate: str
    scan_id: str
    scanned_at: Millis
    event_id: str | None
    direction: Direction = "in"
    decided_offline: bool = False
    by_name: bool = False
    override_reason: str = ""


class Scan(Document, frozen=True, kw_only=True):
    """A scan and the answer it got. `scanned_at` is when it counts; `clock` says whether that is what the
    scanner said. `event_id` is the gate's event or else the ticket's; scans of versions before have none.
    `override_reason` is there where it admitted and the ticket did not."""

    collection: ClassVar[str] = "scans"
    indexes = (Index(("ticket_id",)), Index(("event_id", "conflict_at")))

    verdict: Verdict
    ticket_id: str | None
    gate: str
    scanned_at: Millis
    received_at: Millis
    first_at: Millis | None = None
    first_gate: str | None = None
    clock: Clock = "right"
    user_id: str | None = None
    event_id: str | None = None
    direction: Direction = "in"
    re_entry: bool = False
    decided_offline: bool = False
    by_name: bool = False
    override_reason: str = ""
    not_supervisor: bool = False

    @property
    def conflict_at(self) -> Millis | None:
        """When it became known that a gate without a network let in who should not have been."""
        let_in = self.decided_offline and self.direction == "in"
        return self.received_at if let_in and self.verdict is not Verdict.ADMITTED else None


def scan_key(request: ScanRequest) -> str:
    """The scan's id."""
    event = "" if request.event_id is None else request.event_id
    parts = [request.scan_id, request.code, request.gate, str(request.scanned_at), event]
    if request.direction != "in":
        parts.append(request.direction)
    if request.by_name:
        parts.append("by_name")
    if request.override_reason:
        parts.append(request.override_reason)
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


def judge(
    ticket: Ticket | None, request: ScanRequest, *, scan_id: str, scanned_at: Millis
) -> tuple[Verdict, Ticket | None]:
    """The verdict and the ticket as it is afterwards, the very same one where nothing has become of it."""
    if ticket is None:
        return Verdict.INVALID, None
    if request.event_id is not None and ticket.event_id != request.event_id:
        return Verdict.WRONG_EVENT, ticket
    if ticket.state is TicketState.REFUNDED:
        return Verdict.REFUNDED, ticket
    if request.direction == "out":
        out = (
            None
            if _is_too_early(request, scanned_at, ticket.used_at)
            else checked_out(ticket, scan_id, scanned_at)
        )
        return (Verdict.NOT_INSIDE, ticket) if out is None else (Verdict.CHECKED_OUT, out)
    if ticket.state is TicketState.VALID:
        used = transition(ticket, TicketState.USED, used_at=scanned_at, gate=request.gate, scan_id=scan_id)
        return Verdict.ADMITTED, used
    if ticket.out_at is not None and not _is_too_early(request, scanned_at, ticket.out_at):
        return Verdict.ADMITTED, re_entered(ticket, scan_id, request.gate, scanned_at)
    return Verdict.ALREADY_USED, ticket


def may_override(verdict: Verdict, request: ScanRequest) -> bool:
    """A supervisor vouches for a person, not for a code that is no ticket or another evening's."""
    is_refused = verdict in (Verdict.ALREADY_USED, Verdict.REFUNDED)
    return is_refused and request.direction == "in" and request.override_reason != ""


def _is_too_early(request: ScanRequest, scanned_at: Millis, last: Millis | None) -> bool:
    """Whether this happened before the ticket's last passage, which was heard of first. Who asks now is
    answered by what is known now; what was decided before counts at its own time, so that somebody who was
    let in before the check-out is known to have come in a second time."""
    return request.decided_offline and last is not None and scanned_at < last
