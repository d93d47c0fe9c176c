"""Tickets: the right to one seat, and what becomes of it."""

from enum import StrEnum
from typing import ClassVar

from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis


class TicketState(StrEnum):
    VALID = "valid"
    USED = "used"
    REFUNDED = "refunded"


TRANSITIONS: dict[TicketState, frozenset[TicketState]] = {
    TicketState.VALID: frozenset({TicketState.USED, TicketState.REFUNDED}),
    # refunded where the whole event is cancelled, valid again where it is moved
    TicketState.USED: frozenset({TicketState.REFUNDED, TicketState.VALID}),
    TicketState.REFUNDED: frozenset(),
}


class Ticket(Document, frozen=True, kw_only=True):
    """`seat_key` is unique among living tickets, the last line of defence: no seat can have two, whatever
    else goes wrong. `earlier_scans` admitted before the event was moved to another date. `exits` are pairs of
    scans: the one that admitted and the one that checked out; since `out_at` the holder is outside and may
    come in again. `changed_at` is when a gate's list last had to change, None where it never did or before
    there was one.
    """

    collection: ClassVar[str] = "tickets"
    indexes = (
        Index(("seat_key",), unique=True),
        Index(("order_id",)),
        Index(("event_id", "state")),
        Index(("event_id", "changed_at")),
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
    earlier_scans: tuple[str, ...] = ()
    exits: tuple[tuple[str, str], ...] = ()
    out_at: Millis | None = None
    changed_at: Millis | None = None


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


def transition(ticket: Ticket, state: TicketState, **changes: object) -> Ticket:
    """Raises `ValueError` for a transition that the table does not have."""
    if state not in TRANSITIONS[ticket.state]:
        raise ValueError(f"a ticket that is {ticket.state} can't become {state}")
    return replace(ticket, state=state, **changes)


def reopened(ticket: Ticket, now: Millis) -> Ticket:
    """It admits at the new date, whatever the gate has seen of it at the old one."""
    if ticket.state is not TicketState.USED or ticket.scan_id is None:
        return ticket
    earlier = (*ticket.earlier_scans, ticket.scan_id)
    return transition(
        ticket,
        TicketState.VALID,
        used_at=None,
        gate=None,
        scan_id=None,
        out_at=None,
        earlier_scans=earlier,
        changed_at=now,
    )


def checked_out(ticket: Ticket, scan_id: str, at: Millis) -> Ticket | None:
    """The ticket of somebody who leaves and may come again; None where nobody is inside by it."""
    if ticket.state is not TicketState.USED or ticket.out_at is not None or ticket.scan_id is None:
        return None
    return replace(ticket, out_at=at, exits=(*ticket.exits, (ticket.scan_id, scan_id)))


def re_entered(ticket: Ticket, scan_id: str, gate: str, at: Millis) -> Ticket:
    """Only after `checked_out`."""
    if ticket.out_at is None:
        raise ValueError(f"nobody went out by {ticket.id}")
    return replace(ticket, out_at=None, used_at=at, gate=gate, scan_id=scan_id)


def refunded(ticket: Ticket, now: Millis) -> Ticket:
    if ticket.state is TicketState.REFUNDED:
        return ticket
    return transition(ticket, TicketState.REFUNDED, seat_key=None, changed_at=now)
