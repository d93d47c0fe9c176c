"""The gate's list: which tickets of an event are not simply good, small enough for a phone at a large house.

A ticket is told by the last eight bytes of its id, which are random. First a gate gets the whole list, page
by page, then what has changed since. Transactions commit in another order than their times say, so each look
at what changed begins a little before the end of the last one; an entry that comes twice says the same.
"""

import base64
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import invalid
from houseful.tickets.domain.tickets import Ticket, TicketState

OVERLAP_MILLIS = 60_000
"""Longer than a transaction takes, and than clocks of processes differ."""

GateState = Literal["good", "inside", "outside", "refunded"]


class Position(NamedTuple):
    """`part` is what is being read, behind (`moment`, `id`); the whole list was begun at `moment`."""

    part: Literal["used", "refunded", "changes"]
    moment: Millis
    id: str


def begin(now: Millis) -> Position:
    return Position("used", now, "")


def following(position: Position, page: list[Ticket], now: Millis, *, is_last: bool) -> Position:
    """Where to read on after this page."""
    if not is_last:
        last = page[-1]
        moment = position.moment if position.part != "changes" else last.changed_at or position.moment
        return Position(position.part, moment, last.id)
    match position.part:
        case "used":
            return Position("refunded", position.moment, "")
        case "refunded":
            return Position("changes", position.moment - OVERLAP_MILLIS, "")
        case "changes":
            return Position("changes", max(position.moment, now - OVERLAP_MILLIS), "")


def text_of(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def position_of(text: str) -> Position:
    """Raises `Invalid` for what is none."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=Position)
    except (ValueError, msgspec.MsgspecError) as error:
        raise invalid(
            {"after": "is not the next of a gate's list; leave it out for the whole list"}
        ) from error


def state_of(ticket: Ticket) -> GateState:
    match ticket.state:
        case TicketState.VALID:
            return "good"
        case TicketState.REFUNDED:
            return "refunded"
        case TicketState.USED:
            return "inside" if ticket.out_at is None else "outside"


def packed(tickets: Iterable[Ticket], state: GateState) -> str:
    """Base64 of eight bytes a ticket."""
    ids = b"".join(bytes.fromhex(one.id[-16:]) for one in tickets if state_of(one) == state)
    return base64.b64encode(ids).decode()
