"""Claims on seats against a model that a child could check: a dict from seat to who has it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from houseful.tickets.domain import blocks
from houseful.tickets.domain.blocks import BLOCKED, Block, Claim, SeatsTaken, SeatState, state_at
from tests.support.examples import examples

FIRST, COUNT = 100, 6
SEATS = range(FIRST, FIRST + COUNT)
NOW, UNTIL = 1_000, 2_000

some_seats = st.sets(st.sampled_from(SEATS), min_size=1)
a_hold = st.sampled_from(["hold_1", "hold_2", "hold_3"])
an_order = st.sampled_from(["ord_1", "ord_2"])


def empty() -> Block:
    return Block(id=blocks.block_id("evt", 7), event_id="evt", first=FIRST, count=COUNT)


class Has(NamedTuple):
    state: SeatState
    by: str = ""
    until: int = 0


class Claims(RuleBasedStateMachine):
    """Every change is tried on the block and on the model. The clock goes forward and back."""

    def __init__(self) -> None:
        super().__init__()
        self.block = empty()
        self.model: dict[int, Has] = {}
        self.now = NOW

    def state(self, seat: int) -> SeatState:
        has = self.model.get(seat)
        if has is None or (has.state is SeatState.HELD and self.now >= has.until):
            return SeatState.AVAILABLE
        return has.state

    def held_by(self, seat: int, hold_id: str) -> bool:
        has = self.model.get(seat)
        return has is not None and has.state is SeatState.HELD and has.by == hold_id

    def change(self, act: Callable[[], Block], taken: Iterable[int], seats: set[int], after: Has) -> None:
        """All or none: either the seats that stand in the way are named, or every seat changes."""
        in_the_way = sorted(taken)
        if not in_the_way:
            self.block = act()
            self.model |= dict.fromkeys(seats, after)
            return
        with pytest.raises(SeatsTaken) as error:
            act()
        assert error.value.ordinals == in_the_way

    @rule(seats=some_seats, hold_id=a_hold, lasts=st.integers(1, 50))
    def hold(self, seats: set[int], hold_id: str, lasts: int) -> None:
        until = self.now + lasts
        self.change(
            lambda: blocks.hold(self.block, seats, hold_id, until, self.now),
            (seat for seat in seats if self.state(seat) is not SeatState.AVAILABLE),
            seats,
            Has(SeatState.HELD, hold_id, until),
        )

    @rule(seats=some_seats, hold_id=a_hold, lasts=st.integers(1, 50))
    def extend(self, seats: set[int], hold_id: str, lasts: int) -> None:
        """By the hold's id, whatever the clock says: an expired hold that nobody took over is its own."""
        until = self.now + lasts
        self.change(
            lambda: blocks.extend(self.block, seats, hold_id, until),
            (seat for seat in seats if not self.held_by(seat, hold_id)),
            seats,
            Has(SeatState.HELD, hold_id, until),
        )

    @rule(seats=some_seats, hold_id=a_hold, order_id=an_order)
    def sell(self, seats: set[int], hold_id: str, order_id: str) -> None:
        """What the hold has, or what is free again."""
        self.change(
            lambda: blocks.sell(self.block, seats, hold_id, order_id, self.now),
            (
                seat
                for seat in seats
                if not self.held_by(seat, hold_id) and self.state(seat) is not SeatState.AVAILABLE
            ),
            seats,
            Has(SeatState.SOLD, order_id),
        )

    @rule(seats=some_seats, by=a_hold | an_order)
    def release(self, seats: set[int], by: str) -> None:
        """Frees one's own; says nothing of the others."""
        self.block = blocks.release(self.block, seats, by)
        self.model = {seat: has for seat, has in self.model.items() if not (seat in seats and has.by == by)}

    @rule(seats=some_seats)
    def close(self, seats: set[int]) -> None:
        self.change(
            lambda: blocks.close(self.block, seats, self.now),
            (seat for seat in seats if self.state(seat) in (SeatState.HELD, SeatState.SOLD)),
            seats,
            Has(SeatState.BLOCKED),
        )

    @rule(seats=some_seats)
    def reopen(self, seats: set[int]) -> None:
        self.block = blocks.reopen(self.block, seats)
        for seat in seats:
            if self.state(seat) is SeatState.BLOCKED:
                del self.model[seat]

    @rule(change=st.integers(-60, 60))
    def pass_time(self, change: int) -> None:
        self.now += change

    @precondition(lambda self: any(has.state is SeatState.HELD for has in self.model.values()))
    @rule(data=st.data(), before=st.integers(0, 1))
    def go_to_the_end_of_a_hold(self, data: st.DataObject, before: int) -> None:
        ends = sorted({has.until for has in self.model.values() if has.state is SeatState.HELD})
        self.now = data.draw(st.sampled_from(ends)) - before

    @invariant()
    def every_seat_is_as_it_should_be(self) -> None:
        for seat in SEATS:
            assert state_at(self.block.claims.get(seat - FIRST), self.now) is self.state(seat)

    @invariant()
    def claims_are_within_the_block(self) -> None:
        assert set(self.block.claims) <= set(range(COUNT))


TestClaims = Claims.TestCase
TestClaims.settings = examples(80, stateful_step_count=40)


def test_a_hold_ends_at_until_and_not_a_millisecond_earlier() -> None:
    held = blocks.hold(empty(), [101], "hold_1", UNTIL, NOW)
    assert state_at(held.claims[1], UNTIL - 1) is SeatState.HELD
    assert state_at(held.claims[1], UNTIL) is SeatState.AVAILABLE
    with pytest.raises(SeatsTaken):
        blocks.hold(held, [101], "hold_2", UNTIL + 1, UNTIL - 1)
    assert blocks.hold(held, [101], "hold_2", UNTIL + 1, UNTIL).claims[1].by == "hold_2"


def test_a_taken_over_seat_is_lost_whatever_the_clock_says() -> None:
    block = blocks.hold(empty(), [101, 102], "hold_1", UNTIL, NOW)
    block = blocks.hold(block, [102], "hold_2", UNTIL + 500, UNTIL)
    with pytest.raises(SeatsTaken) as lost:
        blocks.extend(block, [101, 102], "hold_1", UNTIL + 500)
    assert lost.value.ordinals == [102]
    with pytest.raises(SeatsTaken):
        blocks.sell(block, [101, 102], "hold_1", "ord_1", NOW)  # the clock was set back: hold_1 seems alive


def test_a_late_payment_gets_seats_that_are_free_again() -> None:
    block = blocks.hold(empty(), [101], "hold_1", UNTIL, NOW)
    assert blocks.sell(block, [101], "hold_1", "ord_1", UNTIL + 10**9).claims[1].by == "ord_1"
    freed = blocks.release(block, [101], "hold_1")
    assert blocks.sell(freed, [101], "hold_1", "ord_1", UNTIL).claims[1].state is SeatState.SOLD


def test_nothing_is_changed_in_place() -> None:
    block = empty()
    blocks.hold(block, SEATS, "hold_1", UNTIL, NOW)
    assert block.claims == {}


def test_a_seat_of_another_block_is_a_bug() -> None:
    for seat in (FIRST - 1, FIRST + COUNT):
        with pytest.raises(AssertionError):
            blocks.hold(empty(), [seat], "hold_1", UNTIL, NOW)


def test_what_is_not_ones_own_is_not_released() -> None:
    block = blocks.sell(empty(), [101], "hold_1", "ord_1", NOW)
    assert blocks.release(block, [101, 102], "hold_1") is block
    assert blocks.release(block, [101], "ord_1").claims == {}


def test_a_sold_seat_stays_sold_for_ever() -> None:
    block = blocks.sell(empty(), [101], "hold_1", "ord_1", NOW)
    for moment in (0, NOW, UNTIL, 10**15):
        assert state_at(block.claims[1], moment) is SeatState.SOLD
    with pytest.raises(SeatsTaken):
        blocks.sell(block, [101], "hold_1", "ord_2", NOW)
    with pytest.raises(SeatsTaken):
        blocks.close(block, [101], NOW)


def test_blocking_takes_free_and_expired_seats() -> None:
    block = blocks.hold(empty(), [101], "hold_1", UNTIL, NOW)
    closed = blocks.close(block, [101, 102], UNTIL)
    assert closed.claims == {1: BLOCKED, 2: BLOCKED}
    assert blocks.close(closed, [101], UNTIL) == closed
    assert blocks.reopen(closed, [101, 103]).claims == {2: BLOCKED}
    with pytest.raises(SeatsTaken):
        blocks.extend(closed, [101], "hold_1", UNTIL + 1)


def test_names_of_blocks_sort_as_their_numbers_do() -> None:
    ids = [blocks.block_id("evt:with:colons", index) for index in (0, 9, 10, 99_999)]
    assert ids == sorted(ids)
    assert [blocks.block_index(id) for id in ids] == [0, 9, 10, 99_999]


def test_an_expired_claim_says_available_and_a_missing_one_too() -> None:
    assert state_at(None, NOW) is SeatState.AVAILABLE
    assert state_at(Claim(SeatState.HELD, "hold_1", NOW), NOW) is SeatState.AVAILABLE
    assert state_at(BLOCKED, 10**15) is SeatState.BLOCKED
