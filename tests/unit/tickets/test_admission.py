"""The gate's verdict and the life of a ticket."""

from itertools import product

import msgspec
import pytest

from houseful.tickets.domain import scans, tickets
from houseful.tickets.domain.scans import AHEAD_MILLIS, EARLIEST, Clock, Direction, ScanRequest, Verdict
from houseful.tickets.domain.tickets import TRANSITIONS, Ticket, TicketState

S, V = TicketState, Verdict
NEW = tickets.issued("tkt_1", "evt_1", "ord_1", "usr_1", 7)
USED = tickets.transition(NEW, S.USED, used_at=500, gate="North", scan_id="scan_1")
REFUNDED = tickets.refunded(NEW, 600)
USED_THEN_REFUNDED = tickets.refunded(USED, 600)


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
    request = ScanRequest("", "South", "", 900, event_id)
    result, after = scans.judge(ticket, request, scan_id=scan_id, scanned_at=900)
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
        at = 1000 - number
        request = ScanRequest("", "North", "", at, "evt_1")
        verdict, ticket = scans.judge(ticket, request, scan_id=f"scan_{number}", scanned_at=at)
        verdicts.append(verdict)
    assert verdicts == [V.ADMITTED] + [V.ALREADY_USED] * 9


def passages(*steps: tuple[Direction, int, bool]) -> tuple[list[Verdict], Ticket]:
    """The verdicts on these scans of one ticket: direction, time, whether decided without a network."""
    ticket, verdicts = NEW, []
    for number, (direction, at, offline) in enumerate(steps):
        request = ScanRequest("", "North", "", at, "evt_1", direction, offline)
        verdict, after = scans.judge(ticket, request, scan_id=f"scan_{number}", scanned_at=at)
        assert after is not None
        assert (after is ticket) == (verdict in (V.ALREADY_USED, V.NOT_INSIDE))
        verdicts.append(verdict)
        ticket = after
    return verdicts, ticket


def test_who_is_checked_out_may_come_in_once_more() -> None:
    verdicts, ticket = passages(
        ("out", 1, False), ("in", 2, False), ("in", 3, False), ("out", 4, False), ("out", 5, False),
        ("in", 6, False), ("in", 7, False), ("out", 8, False),
    )  # fmt: skip
    assert verdicts == [
        V.NOT_INSIDE, V.ADMITTED, V.ALREADY_USED, V.CHECKED_OUT, V.NOT_INSIDE,
        V.ADMITTED, V.ALREADY_USED, V.CHECKED_OUT,
    ]  # fmt: skip
    assert ticket.exits == (("scan_1", "scan_3"), ("scan_5", "scan_7"))
    assert (ticket.used_at, ticket.out_at, ticket.state) == (6, 8, S.USED)


def test_passages_without_a_network_count_at_their_own_time() -> None:
    """Let in at 15 while already inside since 10 and out at 20: somebody came in a second time."""
    late: list[tuple[Direction, int, bool]] = [("in", 10, False), ("out", 20, False), ("in", 15, True)]
    assert passages(*late)[0] == [V.ADMITTED, V.CHECKED_OUT, V.ALREADY_USED]
    assert passages(*late[:2], ("in", 25, True))[0][-1] is V.ADMITTED
    assert passages(*late[:2], ("in", 15, False))[0][-1] is V.ADMITTED  # a slow clock, asked now
    assert passages(late[0], ("out", 5, True))[0][-1] is V.NOT_INSIDE


def test_a_reopened_ticket_is_as_new_but_for_what_was() -> None:
    _, out = passages(("in", 1, False), ("out", 2, False))
    again = tickets.reopened(out, 9)
    assert (again.state, again.out_at, again.scan_id, again.changed_at) == (S.VALID, None, None, 9)
    assert again.earlier_scans == ("scan_0",)


def test_scans_in_and_out_are_different_scans() -> None:
    here = ScanRequest("code", "North", "1", 5, "evt_1")
    out = msgspec.structs.replace(here, direction="out")
    offline = msgspec.structs.replace(here, decided_offline=True)
    for named in ({"by_name": True}, {"override_reason": "a twin"}):
        assert scans.scan_key(msgspec.structs.replace(here, **named)) != scans.scan_key(here)
    assert scans.scan_key(out) != scans.scan_key(here) == scans.scan_key(offline)


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
    assert tickets.refunded(REFUNDED, 700) is REFUNDED


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
