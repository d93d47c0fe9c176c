"""What every `Coordination` does. An adapter's test inherits `CoordinationContract`, says how time passes."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Coordination
from tests.support.patience import PATIENCE_SECONDS

PassTime = Callable[[float], Awaitable[None]]
"""Lets at least so many seconds pass for the adapter."""

LONG = 60.0
SHORT = 0.3


class CoordinationContract:
    @pytest.fixture
    async def coordination(self) -> Coordination:
        raise NotImplementedError

    @pytest.fixture
    def pass_time(self) -> PassTime:
        raise NotImplementedError

    @pytest.fixture
    def name(self) -> str:
        return uuid.uuid4().hex

    async def test_a_lock_has_one_owner(self, coordination: Coordination, name: str) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        assert not await coordination.acquire([name], "bob", ttl_seconds=LONG)
        coordination.release([name], "ada")
        assert await coordination.acquire([name], "bob", ttl_seconds=LONG)

    async def test_of_many_at_once_one_gets_it(self, coordination: Coordination, name: str) -> None:
        got = await asyncio.gather(
            *(coordination.acquire([name], f"owner {number}", ttl_seconds=LONG) for number in range(50))
        )
        assert got.count(True) == 1

    async def test_all_locks_or_none(self, coordination: Coordination, name: str) -> None:
        first, second, third = (f"{name}-{number}" for number in (1, 2, 3))
        assert await coordination.acquire([second], "ada", ttl_seconds=LONG)
        assert not await coordination.acquire([first, second, third], "bob", ttl_seconds=LONG)
        assert await coordination.acquire([first, third], "cid", ttl_seconds=LONG)

    async def test_a_lock_named_twice_is_one(self, coordination: Coordination, name: str) -> None:
        assert await coordination.acquire([name, name], "ada", ttl_seconds=LONG)
        coordination.release([name, name], "ada")
        assert await coordination.acquire([name], "bob", ttl_seconds=LONG)

    async def test_only_its_owner_frees_a_lock(self, coordination: Coordination, name: str) -> None:
        other = f"{name}-2"
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        assert await coordination.acquire([other], "bob", ttl_seconds=LONG)
        coordination.release([name, other, f"{name}-3"], "bob")
        assert not await coordination.acquire([name], "bob", ttl_seconds=LONG)
        assert await coordination.acquire([other], "cid", ttl_seconds=LONG)

    async def test_a_lock_expires(self, coordination: Coordination, pass_time: PassTime, name: str) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=SHORT)
        await pass_time(SHORT * 1.1)
        assert await coordination.acquire([name], "bob", ttl_seconds=LONG)
        coordination.release([name], "ada")
        assert not await coordination.acquire([name], "cid", ttl_seconds=LONG), (
            "the late release frees nothing"
        )

    async def test_its_owner_prolongs_a_lock(
        self, coordination: Coordination, pass_time: PassTime, name: str
    ) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=SHORT)
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        await pass_time(SHORT * 1.1)
        assert not await coordination.acquire([name], "bob", ttl_seconds=LONG)

    async def test_waiting_ends_when_the_lock_is_freed(self, coordination: Coordination, name: str) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        waiting = asyncio.create_task(
            coordination.acquire([name], "bob", ttl_seconds=LONG, wait_seconds=LONG)
        )
        await asyncio.sleep(0.01)
        assert not waiting.done()
        coordination.release([name], "ada")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await waiting
        assert not await coordination.acquire([name], "cid", ttl_seconds=LONG)

    async def test_waiting_ends_when_the_lock_expires(
        self, coordination: Coordination, pass_time: PassTime, name: str
    ) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=SHORT)
        waiting = asyncio.create_task(
            coordination.acquire([name], "bob", ttl_seconds=LONG, wait_seconds=LONG)
        )
        await pass_time(SHORT * 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await waiting

    async def test_waiting_has_an_end(
        self, coordination: Coordination, pass_time: PassTime, name: str
    ) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        waiting = asyncio.create_task(
            coordination.acquire([name, f"{name}-2"], "bob", ttl_seconds=LONG, wait_seconds=SHORT)
        )
        await pass_time(SHORT * 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert not await waiting
        assert await coordination.acquire([f"{name}-2"], "cid", ttl_seconds=LONG), "it left nothing locked"

    async def test_who_gave_up_waiting_gets_no_lock(self, coordination: Coordination, name: str) -> None:
        assert await coordination.acquire([name], "ada", ttl_seconds=LONG)
        waiting = asyncio.create_task(
            coordination.acquire([name], "bob", ttl_seconds=LONG, wait_seconds=LONG)
        )
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        coordination.release([name], "ada")
        assert await coordination.acquire([name], "cid", ttl_seconds=LONG)

    async def test_circles_of_wishes_make_progress(self, coordination: Coordination, name: str) -> None:
        wishes = [(1, 2), (2, 3), (3, 1)] * 10
        inside: set[str] = set()

        async def work(number: int, wish: tuple[int, ...]) -> None:
            names = [f"{name}-{one}" for one in wish]
            owner = f"owner {number}"
            assert await coordination.acquire(names, owner, ttl_seconds=LONG, wait_seconds=LONG)
            assert inside.isdisjoint(names)
            inside.update(names)
            await asyncio.sleep(0)
            inside.difference_update(names)
            coordination.release(names, owner)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(work(number, wish) for number, wish in enumerate(wishes)))

    async def test_a_bucket_gives_its_burst_and_then_its_rate(
        self, coordination: Coordination, pass_time: PassTime, name: str
    ) -> None:
        rate = {"per_second": 0.5, "burst": 3.0}
        assert [await coordination.take(name, **rate) for _ in range(3)] == [0, 0, 0]
        pause = await coordination.take(name, **rate)
        assert 0 < pause <= 2
        await pass_time(pause)
        assert await coordination.take(name, **rate) == 0
        assert await coordination.take(name, **rate) > 0

    async def test_a_bucket_never_holds_more_than_its_burst(
        self, coordination: Coordination, pass_time: PassTime, name: str
    ) -> None:
        rate = {"per_second": 1.0, "burst": 2.0}
        assert await coordination.take(name, **rate) == 0
        await pass_time(4)
        assert [await coordination.take(name, **rate) for _ in range(2)] == [0, 0]
        assert await coordination.take(name, **rate) > 0

    async def test_who_only_looks_takes_nothing(self, coordination: Coordination, name: str) -> None:
        rate = {"per_second": 0.001, "burst": 2.0}
        assert [await coordination.peek(name, **rate) for _ in range(5)] == [0] * 5
        assert [await coordination.take(name, **rate) for _ in range(2)] == [0, 0]
        waits = [await coordination.peek(name, **rate) for _ in range(2)]
        assert all(900 < wait <= 1000 for wait in waits)
        assert 900 < await coordination.take(name, **rate) <= 1000

    async def test_buckets_do_not_touch(self, coordination: Coordination, name: str) -> None:
        assert await coordination.take(name, per_second=0.001, burst=1) == 0
        assert await coordination.take(name, per_second=0.001, burst=1) > 0
        assert await coordination.take(f"{name}-2", per_second=0.001, burst=1) == 0

    async def test_signals_reach_all_who_listen_to_their_channel(
        self, coordination: Coordination, name: str
    ) -> None:
        async with (
            coordination.subscribe(name) as first,
            coordination.subscribe(name) as second,
            coordination.subscribe(f"{name}-2") as other,
        ):
            for number in range(5):
                await coordination.publish(name, b"signal %d" % number)
            await coordination.publish(f"{name}-2", b"\x00\xff")
            async with asyncio.timeout(PATIENCE_SECONDS):
                for listener in (first, second):
                    heard = [await anext(listener) for _ in range(5)]
                    assert heard == [b"signal 0", b"signal 1", b"signal 2", b"signal 3", b"signal 4"]
                assert await anext(other) == b"\x00\xff"

    async def test_a_signal_to_nobody_is_lost(self, coordination: Coordination, name: str) -> None:
        await coordination.publish(name, b"early")
        async with coordination.subscribe(name) as listener:
            await coordination.publish(name, b"late")
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await anext(listener) == b"late"

    async def test_closed_coordination_says_so(self, coordination: Coordination, name: str) -> None:
        await coordination.ready()
        await coordination.close()
        with pytest.raises(Unavailable):
            await coordination.acquire([name], "ada", ttl_seconds=LONG)
        with pytest.raises(Unavailable):
            await coordination.take(name, per_second=1, burst=1)
        with pytest.raises(Unavailable):
            await coordination.ready()
