"""Coordination in process: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from houseful.adapters.memory.coordination import SIGNALS_KEPT, LocalCoordination
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from tests.contract.coordination_contract import CoordinationContract, PassTime


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def coordination(clock: ManualClock) -> AsyncIterator[LocalCoordination]:
    coordination = LocalCoordination(clock)
    yield coordination
    await coordination.close()


class TestLocalCoordination(CoordinationContract):
    @pytest.fixture
    async def coordination(self, clock: ManualClock) -> AsyncIterator[LocalCoordination]:
        coordination = LocalCoordination(clock)
        yield coordination
        await coordination.close()

    @pytest.fixture
    def pass_time(self, clock: ManualClock) -> PassTime:
        return clock.advance


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_first_come_first_served(coordination: LocalCoordination) -> None:
    order: list[int] = []

    async def work(number: int) -> None:
        assert await coordination.acquire(["seat"], f"owner {number}", ttl_seconds=60, wait_seconds=60)
        order.append(number)
        await asyncio.sleep(0)
        coordination.release(["seat"], f"owner {number}")

    await asyncio.gather(*(work(number) for number in range(100)))
    assert order == list(range(100))


async def test_who_wants_two_is_not_overtaken_for_ever(coordination: LocalCoordination) -> None:
    await coordination.acquire(["a"], "ada", ttl_seconds=600)
    both = asyncio.create_task(coordination.acquire(["a", "b"], "bob", ttl_seconds=600, wait_seconds=600))
    await settle()
    later = asyncio.create_task(coordination.acquire(["b"], "cid", ttl_seconds=600, wait_seconds=600))
    await settle()
    assert not later.done(), "the lock is free, but bob came first"
    coordination.release(["a"], "ada")
    assert await both
    coordination.release(["a", "b"], "bob")
    assert await later


async def test_who_is_first_for_one_lock_does_not_take_another_before_its_turn(
    coordination: LocalCoordination,
) -> None:
    await coordination.acquire(["a", "c"], "ada", ttl_seconds=600)
    first = asyncio.create_task(coordination.acquire(["b", "c"], "bob", ttl_seconds=600, wait_seconds=600))
    await settle()
    second = asyncio.create_task(coordination.acquire(["a", "b"], "cid", ttl_seconds=600, wait_seconds=600))
    await settle()
    coordination.release(["a"], "ada")
    await settle()
    assert not second.done(), "a and b are free, but bob was first to ask for b"
    coordination.release(["c"], "ada")
    assert await first
    coordination.release(["b", "c"], "bob")
    assert await second


async def test_who_leaves_the_queue_makes_way(coordination: LocalCoordination, clock: ManualClock) -> None:
    await coordination.acquire(["a"], "ada", ttl_seconds=600)
    both = asyncio.create_task(coordination.acquire(["a", "b"], "bob", ttl_seconds=600, wait_seconds=10))
    await settle()
    later = asyncio.create_task(coordination.acquire(["b"], "cid", ttl_seconds=600, wait_seconds=600))
    await clock.advance(10)
    assert not await both
    assert await later


async def test_who_was_served_and_cancelled_at_once_frees_the_lock(coordination: LocalCoordination) -> None:
    await coordination.acquire(["a"], "ada", ttl_seconds=600)
    waiting = asyncio.create_task(coordination.acquire(["a"], "bob", ttl_seconds=600, wait_seconds=600))
    await settle()
    coordination.release(["a"], "ada")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await coordination.acquire(["a"], "cid", ttl_seconds=600)


async def test_the_wall_clock_expires_nothing(coordination: LocalCoordination, clock: ManualClock) -> None:
    await coordination.acquire(["a"], "ada", ttl_seconds=60)
    clock.jump(600)
    assert not await coordination.acquire(["a"], "bob", ttl_seconds=60)
    clock.jump(-1200)
    await clock.advance(60)
    assert await coordination.acquire(["a"], "bob", ttl_seconds=60)


async def test_what_is_over_is_forgotten(coordination: LocalCoordination, clock: ManualClock) -> None:
    """Half a million of each in an hour, of which few live at a time."""
    for number in range(5000):
        for copy in range(100):
            await coordination.acquire([f"lock {number} {copy}"], "ada", ttl_seconds=1)
            await coordination.take(f"bucket {number} {copy}", per_second=10, burst=2)
        await clock.advance(0.72)
    for table in (coordination._locks, coordination._buckets):
        assert len(table) < 2000


async def test_waiting_leaves_nothing_behind(coordination: LocalCoordination, clock: ManualClock) -> None:
    await coordination.acquire(["a", "b"], "ada", ttl_seconds=600)
    waiting = [
        asyncio.create_task(
            coordination.acquire([name], f"{name}{number}", ttl_seconds=600, wait_seconds=number % 10 + 1)
        )
        for number in range(50)
        for name in ("a", "b")
    ]
    await clock.advance(20)
    assert not any([await one for one in waiting])
    assert not coordination._queues
    assert clock.sleepers == 0


async def test_a_bucket_taken_from_while_others_are_forgotten_keeps_count(
    coordination: LocalCoordination, clock: ManualClock
) -> None:
    for number in range(5000):
        await coordination.take(f"bucket {number}", per_second=1000, burst=1)
        await clock.advance(0.01)
        assert await coordination.take("mine", per_second=0.0001, burst=5000) == 0
    assert await coordination.take("mine", per_second=0.0001, burst=5000) > 0


async def test_a_bucket_that_never_gives_is_a_mistake(coordination: LocalCoordination) -> None:
    with pytest.raises(ValueError, match="never"):
        await coordination.take("bucket", per_second=0, burst=1)
    with pytest.raises(ValueError, match="never"):
        await coordination.take("bucket", per_second=1, burst=0.5)


async def test_a_slow_listener_loses_the_oldest(coordination: LocalCoordination) -> None:
    async with coordination.subscribe("channel") as listener:
        for number in range(SIGNALS_KEPT + 10):
            await coordination.publish("channel", b"%d" % number)
        assert await anext(listener) == b"10"
    assert not coordination._listeners


async def test_closing_ends_waiting_and_listening(clock: ManualClock) -> None:
    coordination = LocalCoordination(clock)
    await coordination.acquire(["a"], "ada", ttl_seconds=600)
    waiting = asyncio.create_task(coordination.acquire(["a"], "bob", ttl_seconds=600, wait_seconds=600))

    async def listen() -> list[bytes]:
        async with coordination.subscribe("channel") as listener:
            return [signal async for signal in listener]

    listening = asyncio.create_task(listen())
    await settle()
    await coordination.publish("channel", b"last")
    await settle()
    await coordination.close()
    with pytest.raises(Unavailable):
        await waiting
    assert await listening == [b"last"]
