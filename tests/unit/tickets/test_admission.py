"""The gate's verdict and the life of a ticket."""

from itertools import product

import msgspec
import pytest

from houseful.tickets.domain import scans, tickets
from houseful.tickets.domain.scans import AHEAD_MILLIS, EARLIEST, Clock, Verdict
from houseful.tickets.domain.tickets import TRANSITIONS, Ticket, TicketState

S, V = TicketState, Verdict
NEW = tickets.issued("tkt_1", "evt_1", "ord_1", "usr_1", 7)
USED = tickets.transition(NEW, S.USED, used_at=500, gate="North", scan_id="scan_1")
REFUNDED = tickets.refunded(NEW)
USED_THEN_REFUNDED = tickets.refunded(USED)


@pytest.mark.parametrize(
    ("ticket", "event_id", "scan_id", "verdict"),
    [
        (None, None, "scan_1", V.INVALID),
        (None, "evt_1", "scan_1", V.INVALID),
        (NEW, None, "scan_1", V.ADMITTED),
        (NEW, "evt_1", "scan_1", V.ADMITTED),
        (NEW, "evt_2", "scan_1", V.WRONG_EVENT),
        (USED, "evt_1", "scan_1", V.ALREADY_USED),
        (USED, "evt_1", "scan_2", V.ALREADY_USED),
        (USED, None, "scan_2", V.ALREADY_USED),
        (USED, "evt_2", "scan_1", V.WRONG_EVENT),
        (REFUNDED, "evt_1", "scan_1", V.REFUNDED),
        (REFUNDED, "evt_2", "scan_1", V.WRONG_EVENT),
        (USED_THEN_REFUNDED, "evt_1", "scan_1", V.REFUNDED),
    ],
)
def test_verdicts(ticket: Ticket | None, event_id: str | None, scan_id: str, verdict: Verdict) -> None:
    result, after = scans.admit(ticket, scan_id=scan_id, gate="South", scanned_at=900, event_id=event_id)
    assert result is verdict
    if ticket is NEW and verdict is V.ADMITTED:
        assert after == msgspec.structs.replace(
            NEW, state=S.USED, used_at=900, gate="South", scan_id="scan_1"
        )
    else:
        assert after is ticket  # nothing but a first admission changes a ticket


def test_of_many_scans_in_any_order_one_admits() -> None:
    ticket: Ticket | None = NEW
    verdicts = []
    for number in range(10):
        verdict, ticket = scans.admit(
            ticket, scan_id=f"scan_{number}", gate="North", scanned_at=1000 - number, event_id="evt_1"
        )
        verdicts.append(verdict)
    assert verdicts == [V.ADMITTED] + [V.ALREADY_USED] * 9


NOW = EARLIEST + 10**10


@pytest.mark.parametrize(
    ("said", "counts", "clock"),
    [
        (NOW, NOW, "right"),
        (NOW - 3_600_000, NOW - 3_600_000, "right"),
        (EARLIEST, EARLIEST, "right"),
        (EARLIEST - 1, NOW, "behind"),
        (0, NOW, "behind"),
        (NOW + 1, NOW, "right"),
        (NOW + AHEAD_MILLIS, NOW, "right"),
        (NOW + AHEAD_MILLIS + 1, NOW, "ahead"),
    ],
)
def test_a_scan_counts_at_a_time_that_can_be(said: int, counts: int, clock: Clock) -> None:
    assert scans.counted_at(said, NOW) == (counts, clock)


def test_a_living_ticket_holds_its_seat_and_a_refunded_one_lets_go() -> None:
    assert NEW.seat_key == USED.seat_key == tickets.seat_key("evt_1", 7)
    assert REFUNDED.seat_key is None
    assert USED_THEN_REFUNDED.seat_key is None
    assert USED_THEN_REFUNDED.used_at == 500  # that somebody was there is not forgotten


def test_refunding_twice_is_once() -> None:
    assert tickets.refunded(REFUNDED) is REFUNDED


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_is_in_the_table_or_an_error(before: TicketState, after: TicketState) -> None:
    ticket = msgspec.structs.replace(NEW, state=before)
    if (before, after) in {(S.VALID, S.USED), (S.VALID, S.REFUNDED), (S.USED, S.REFUNDED), (S.USED, S.VALID)}:
        assert tickets.transition(ticket, after).state is after
    else:
        with pytest.raises(ValueError, match=f"{before} can't become {after}"):
            tickets.transition(ticket, after)


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {state for state in S if not TRANSITIONS[state]} == {S.REFUNDED}
