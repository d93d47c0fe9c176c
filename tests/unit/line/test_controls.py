"""The controls of a line's promises: with a guard taken out, what sees the promise kept sees it broken."""

import os
from typing import Any

import pytest

from houseful.kernel.ports import Transaction
from houseful.line import progress
from houseful.line.domain import admission, draw, lines
from houseful.line.domain.lines import Line
from houseful.line.progress import Progress
from houseful.tools.invariants import Installation
from houseful.tools.invariants.lines import numbers_of_lines, turns_of_lines
from tests.unit.line.harness import EVENT, ON_SALE, START, Harness, who
from tests.unit.line.test_admission import Shop

SEALED = ON_SALE - 60_000


async def opened(harness: Harness, people: int) -> None:
    await harness.opened_lobby()
    await harness.join(*range(people))
    await harness.until(SEALED)
    await harness.until(ON_SALE)


async def found(harness: Harness) -> set[str]:
    installation = Installation({"line": harness.store}, None, harness.clock)
    one, other = await numbers_of_lines(installation), await turns_of_lines(installation)
    return {violation.code for violation in (*one.violations, *other.violations)}


async def test_l1_a_draw_that_is_made_anew_by_each_process(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(harness, 30)
    before = [await harness.number(user) for user in range(30)]
    monkeypatch.setattr(Line, "seed", property(lambda line: os.urandom(32)))
    harness = await harness.again()
    assert [await harness.number(user) for user in range(30)] != before
    await harness.store.close()


async def test_l2_a_pass_for_whoever_asks(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(harness, 40)
    assert await harness.admit() < 40
    assert await found(harness) == set()
    monkeypatch.setattr(lines, "check_called", lambda number, front: None)
    for user in range(40):
        await harness.line.line_pass(f"usr_{user}", EVENT)
    assert await found(harness) == {"L2"}


class Stale:
    """A transaction that reads the line as it was, and commits all the same: no version is compared."""

    def __init__(self, tx: Transaction, line: Line) -> None:
        self._tx = tx
        self._line = line

    async def get(self, kind: Any, id: str) -> Any:
        found = await self._tx.get(kind, id)
        return self._line if kind is Line else found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


async def test_l3_two_sequencers_without_the_version_of_the_line(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(harness, 10)
    await harness.join("a", "b")
    line, transact = await harness.stored(), harness.store.transact
    monkeypatch.setattr(progress, "_NUMBERED_AT_ONCE", 1)
    monkeypatch.setattr(harness.store, "transact", lambda work: transact(lambda tx: work(Stale(tx, line))))
    assert [await harness.line.progress.number(EVENT) for _ in range(2)] == [1, 1]
    assert [await harness.number("a"), await harness.number("b")] == [11, 11]
    assert await found(harness) == {"L3"}


def test_l5_without_the_bound_more_are_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def most_inside() -> tuple[int, int]:
        shop = Shop(visit_seconds=300)
        for _ in range(250):
            now = shop.second(rate_cap=5.0)
        return len(shop.visitors), now.bound

    inside, bound = most_inside()
    assert inside <= bound
    monkeypatch.setattr(admission, "room_inside", lambda by_pace, by_seats, expected: 1_000_000)
    inside, bound = most_inside()
    assert inside > bound


async def test_l6_an_entry_that_depends_on_the_device(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.opened_lobby()
    monkeypatch.setattr(draw, "entrant", lambda key, event_id, user_id: os.urandom(32))
    first, second = [await harness.line.join(who("usr_anna"), EVENT) for _ in range(2)]
    assert first[0].entry.id != second[0].entry.id


async def test_l8_a_lobby_that_goes_by_the_time_of_each_entry(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = Progress._all

    async def by_time(self: Progress, event_id: str, queue: str) -> Any:
        return [entry for entry in await every(self, event_id, queue) if entry.joined_at >= START]

    await harness.opened_lobby()
    harness.clock.jump(-600)
    await harness.join("early by its clock")
    harness.clock.jump(600)
    await harness.join("right")
    monkeypatch.setattr(Progress, "_all", by_time)
    await harness.until(SEALED)
    assert (await harness.stored()).drawn == 1
