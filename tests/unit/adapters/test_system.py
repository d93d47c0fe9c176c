"""Clocks and ids, and their doubles."""

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.ids import SeededIds, SystemIds


async def test_manual_time_passes_only_when_told() -> None:
    clock = ManualClock(1_000)
    order: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        order.append((name, clock.now()))

    tasks = [
        asyncio.create_task(sleeper(name, seconds))
        for name, seconds in (("late", 3), ("early", 1), ("mid", 2))
    ]
    await clock.advance(2)
    assert order == [("early", 2_000), ("mid", 3_000)]
    assert (clock.now(), clock.monotonic(), clock.sleepers) == (3_000, 2, 1)
    await clock.advance(5)
    assert order[2:] == [("late", 4_000)]
    assert clock.now() == 8_000
    await asyncio.gather(*tasks)


async def test_who_sleeps_again_is_woken_again() -> None:
    clock = ManualClock(0)
    moments: list[int] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(0.1)
            moments.append(clock.now())

    task = asyncio.create_task(ticker())
    await clock.advance(1)
    task.cancel()
    assert moments == list(range(100, 1001, 100))


async def test_a_cancelled_sleeper_is_gone() -> None:
    clock = ManualClock(0)
    task = asyncio.create_task(clock.sleep(10))
    await clock.advance(1)
    task.cancel()
    await clock.advance(20)
    assert clock.sleepers == 0


async def test_a_jump_moves_the_wall_clock_only() -> None:
    clock = ManualClock(1_000_000)
    task = asyncio.create_task(clock.sleep(10))
    await clock.advance(1)
    clock.jump(-600)
    assert (clock.now(), clock.monotonic()) == (401_000, 1)
    await clock.advance(9)
    assert task.done()


async def test_the_system_clock() -> None:
    clock = SystemClock()
    assert abs(clock.now() / 1000 - time.time()) < 60
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before


def test_ids_are_ordered_and_different() -> None:
    ids = SystemIds()
    made = [ids.new("evt") for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert len({ids.secret() for _ in range(1000)}) == 1000
    assert {len(ids.secret()) for _ in range(100)} == {43}


def test_an_id_is_a_uuid_of_version_7() -> None:
    ids = SystemIds()
    before = time.time_ns() // 1_000_000
    for _ in range(1000):
        prefix, _, digits = ids.new("ord").partition("_")
        assert prefix == "ord"
        assert len(digits) == 32
        assert digits[12] == "7"
        assert digits[16] in "89ab"
        assert before <= int(digits[:12], 16) <= time.time_ns() // 1_000_000 + 10


@given(st.lists(st.integers(-600, 600), max_size=50))
def test_ids_stay_ordered_when_the_clock_jumps(jumps: list[int]) -> None:
    clock = ManualClock()
    ids = SeededIds(1, clock)
    made: list[str] = []
    for jump in jumps:
        clock.jump(jump)
        made += [ids.new("evt"), ids.new("evt")]
    assert made == sorted(set(made))


def test_a_seed_makes_the_same_ids() -> None:
    first, second, other = (SeededIds(seed, ManualClock()) for seed in (7, 7, 8))
    assert [first.new("evt"), first.secret()] == [second.new("evt"), second.secret()]
    assert first.new("evt") != other.new("evt")


async def test_a_manual_clock_in_steps_wakes_a_sleeper_once_a_step_and_never_early() -> None:
    clock = ManualClock(step_seconds=10)
    woken: list[float] = []

    async def look() -> None:
        while True:
            await clock.sleep(1)
            woken.append(clock.monotonic())

    looking = asyncio.create_task(look())
    await clock.advance(0.5)
    assert woken == []
    await clock.advance(24.5)
    assert woken == [11, 22, 25]
    assert clock.monotonic() == 25
    looking.cancel()
