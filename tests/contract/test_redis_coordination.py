"""Coordination on real servers: the contract, and what is Redis's own. Outages: `test_redis_outages.py`."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from houseful.adapters.memory.coordination import SIGNALS_KEPT
from houseful.adapters.redis import connection as redis_connection
from houseful.adapters.redis.coordination import RedisCoordination
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from tests.contract.coordination_contract import CoordinationContract, PassTime
from tests.contract.redis_engine import PATIENT_SECONDS, redis_url
from tests.support.patience import PATIENCE_SECONDS

__all__ = ["redis_url"]

Open = Callable[..., RedisCoordination]


@pytest.fixture
async def open_(redis_url: str) -> AsyncIterator[Open]:
    """Opens as many processes of one installation as wanted; `prefix` makes another installation."""
    opened: list[RedisCoordination] = []
    own = uuid.uuid4().hex

    def open_one(clock: SystemClock | ManualClock | None = None, prefix: str = own) -> RedisCoordination:
        opened.append(
            RedisCoordination.open(
                redis_url, clock=clock or SystemClock(), prefix=prefix, answer_seconds=PATIENT_SECONDS
            )
        )
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as server:
        yield server


class TestRedisCoordination(CoordinationContract):
    @pytest.fixture
    async def coordination(self, redis_url: str) -> AsyncIterator[RedisCoordination]:
        coordination = RedisCoordination.open(
            redis_url, clock=SystemClock(), prefix=uuid.uuid4().hex, answer_seconds=PATIENT_SECONDS
        )
        yield coordination
        await coordination.close()

    @pytest.fixture
    def pass_time(self) -> PassTime:
        async def sleep(seconds: float) -> None:
            await asyncio.sleep(seconds + 0.01)

        return sleep


# Between processes


async def test_processes_share_locks_buckets_and_signals(open_: Open) -> None:
    here, there = open_(), open_()
    assert await here.acquire(["a", "b"], "ada", ttl_seconds=60)
    assert not await there.acquire(["b", "c"], "bob", ttl_seconds=60)
    there.release(["a", "b"], "ada")
    assert await here.acquire(["b", "c"], "bob", ttl_seconds=60, wait_seconds=PATIENCE_SECONDS)
    assert await here.take("t", per_second=0.001, burst=1) == 0
    assert await there.take("t", per_second=0.001, burst=1) > 0
    async with there.subscribe("channel") as signals:
        await here.publish("channel", b"hello")
        assert await asyncio.wait_for(anext(signals), PATIENCE_SECONDS) == b"hello"


async def test_waiting_ends_when_another_process_releases(open_: Open) -> None:
    here, there = open_(), open_()
    assert await there.acquire(["a"], "ada", ttl_seconds=60)
    waiting = asyncio.create_task(here.acquire(["a"], "bob", ttl_seconds=60, wait_seconds=60))
    await asyncio.sleep(0.01)
    there.release(["a"], "ada")
    assert await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def test_what_is_released_before_the_end_is_free(open_: Open) -> None:
    here, there = open_(), open_()
    assert await here.acquire(["a"], "ada", ttl_seconds=600)
    here.release(["a"], "ada")
    await here.close()
    assert await there.acquire(["a"], "bob", ttl_seconds=60)


async def test_installations_on_one_server_do_not_touch(open_: Open) -> None:
    ours, theirs = open_(), open_(prefix=uuid.uuid4().hex)
    assert await ours.acquire(["a"], "ada", ttl_seconds=60)
    assert await theirs.acquire(["a"], "bob", ttl_seconds=60)
    async with ours.subscribe("channel") as signals:
        await theirs.publish("channel", b"theirs")
        await ours.publish("channel", b"ours")
        assert await asyncio.wait_for(anext(signals), PATIENCE_SECONDS) == b"ours"


async def test_everything_that_is_kept_ends_by_itself(open_: Open, server: Redis) -> None:
    prefix = uuid.uuid4().hex
    coordination = open_(prefix=prefix)
    assert await coordination.acquire(["a", "b"], "ada", ttl_seconds=60)
    assert await coordination.take("bucket", per_second=1, burst=10) == 0
    await coordination.ready()
    lifetimes = {key: await server.pttl(key) async for key in server.scan_iter(f"{{{prefix}}}:*", count=1000)}
    assert len(lifetimes) == 4
    assert all(0 < lifetime <= 60_000 for lifetime in lifetimes.values()), lifetimes


async def test_keys_of_one_installation_are_in_one_slot_of_a_cluster(open_: Open, server: Redis) -> None:
    coordination = open_(prefix="a")
    await coordination.acquire(["x", "{y}"], "ada", ttl_seconds=1)
    keys = [key async for key in server.scan_iter("{a}:*", count=1000)]
    assert len(keys) >= 2
    assert len({key_slot(key) for key in keys}) == 1


# Waiting


async def test_who_releases_tells_who_waits_in_this_process(open_: Open) -> None:
    """Time stands still, so nobody asks again by itself."""
    coordination = open_(ManualClock())
    assert await coordination.acquire(["a", "b"], "ada", ttl_seconds=60)
    waiting = [
        asyncio.create_task(coordination.acquire(["a"], f"owner {n}", ttl_seconds=60, wait_seconds=60))
        for n in range(20)
    ]
    await _until(lambda: len(coordination._queues.get(f"{coordination._prefix}:lock:a", ())) == 20)
    owners = ["ada"]
    async with asyncio.timeout(PATIENCE_SECONDS):
        for number, one in enumerate(waiting):
            assert not any(other.done() for other in waiting[number:])
            coordination.release(["a"], owners[-1])
            assert await one, "in one process, first come, first served"
            owners.append(f"owner {number}")
    assert not coordination._queues


async def test_of_a_crowd_in_one_process_one_asks(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    coordination = open_(clock)
    assert await coordination.acquire(["a"], "ada", ttl_seconds=60)
    asked = 0
    ask = coordination._connection.request

    async def counted(call: redis_connection.PendingCommand) -> object:
        nonlocal asked
        asked += 1
        return await ask(call)

    monkeypatch.setattr(coordination._connection, "request", counted)
    waiting = [
        asyncio.create_task(coordination.acquire(["a"], f"owner {n}", ttl_seconds=60, wait_seconds=3600))
        for n in range(100)
    ]
    await _until(lambda: clock.sleepers >= 100)
    first = asked
    for _ in range(50):
        seen = asked
        await clock.advance(0.1)
        await _until(lambda seen=seen: asked > seen and clock.sleepers >= 100)  # type: ignore[misc]
    assert first == 101, "each tries once before it waits, the first once more"
    assert asked - first <= 100, "one asks, not a hundred"
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not coordination._queues


async def test_who_is_cancelled_while_the_answer_is_on_its_way_keeps_nothing(open_: Open) -> None:
    coordination, other = open_(), open_()
    await coordination.ready()
    for turns in range(12):
        asking = asyncio.create_task(coordination.acquire(["a"], f"owner {turns}", ttl_seconds=600))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            if await asking:
                coordination.release(["a"], f"owner {turns}")
    assert await other.acquire(["a"], "bob", ttl_seconds=60, wait_seconds=20)


# Calls


async def test_what_is_asked_in_one_turn_goes_out_at_once(open_: Open, server: Redis) -> None:
    coordination = open_()
    await coordination.ready()
    before = (await server.info("stats"))["total_reads_processed"]
    taken = await asyncio.gather(
        *(coordination.take(f"bucket {n}", per_second=1, burst=1) for n in range(100)),
        *(coordination.acquire([f"lock {n}"], "ada", ttl_seconds=60) for n in range(100)),
    )
    reads = (await server.info("stats"))["total_reads_processed"] - before
    assert taken == [0] * 100 + [True] * 100
    assert reads < 20, "200 calls, each by itself, are 200 reads"


async def test_too_many_waiting_calls_are_refused(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connection, "MOST_WAITING", 10)
    coordination = open_()
    results = await asyncio.gather(
        *(coordination.take("n", per_second=0.001, burst=11) for _ in range(15)), return_exceptions=True
    )
    assert results[:10] == [0] * 10
    assert all(isinstance(one, Unavailable) for one in results[10:])
    assert await coordination.take("n", per_second=0.001, burst=11) == 0
    assert await coordination.take("n", per_second=0.001, burst=11) > 0, "what was refused took nothing"


async def test_a_bucket_that_never_gives_is_a_mistake(open_: Open) -> None:
    with pytest.raises(ValueError, match="never"):
        await open_().take("bucket", per_second=0, burst=1)
    with pytest.raises(ValueError, match="never"):
        await open_().take("bucket", per_second=1, burst=0.5)


async def test_a_bucket_may_change_its_rate(open_: Open) -> None:
    coordination = open_()
    for _ in range(100):
        assert await coordination.take("bucket", per_second=0.01, burst=100) == 0
    pause = await coordination.take("bucket", per_second=10, burst=2)
    assert 0 < pause <= 0.1, "as if it had just been emptied, and not for as long as the old rate took"


# Signals


async def test_a_slow_listener_loses_the_oldest(open_: Open) -> None:
    coordination = open_()
    async with coordination.subscribe("channel") as signals, coordination.subscribe("end") as end:
        await asyncio.gather(
            *(coordination.publish("channel", b"%d" % number) for number in range(SIGNALS_KEPT + 10))
        )
        await coordination.publish("end", b"")
        await asyncio.wait_for(anext(end), PATIENCE_SECONDS)
        assert await anext(signals) == b"10"


async def test_a_channel_is_left_with_its_last_listener(open_: Open, server: Redis) -> None:
    prefix = uuid.uuid4().hex
    coordination = open_(prefix=prefix)

    async def channels() -> int:
        return len(await server.pubsub_channels(f"*{prefix}*"))

    async with coordination.subscribe("one"):
        async with coordination.subscribe("one"), coordination.subscribe("two"):
            assert await channels() == 2
        await _until_async(channels, 1)
        async with coordination.subscribe("two") as again:
            await coordination.publish("two", b"heard")
            assert await asyncio.wait_for(anext(again), PATIENCE_SECONDS) == b"heard"
    await _until_async(channels, 0)


async def test_closing_ends_waiting_and_listening(open_: Open) -> None:
    coordination = open_(ManualClock())
    await coordination.acquire(["a"], "ada", ttl_seconds=600)
    waiting = [
        asyncio.create_task(coordination.acquire(["a"], f"owner {n}", ttl_seconds=600, wait_seconds=600))
        for n in range(3)
    ]
    begun = asyncio.Event()

    async def listen() -> list[bytes]:
        async with coordination.subscribe("channel") as listener:
            begun.set()
            return [signal async for signal in listener]

    listening = asyncio.create_task(listen())
    await begun.wait()
    await coordination.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for one in waiting:
            with pytest.raises(Unavailable):
                await one
        assert await listening == []
    with pytest.raises(Unavailable):
        async with coordination.subscribe("channel"):
            pass


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", ""])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis://"):
        RedisCoordination.open(url, clock=SystemClock())


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not look():  # noqa: ASYNC110 - it is nobody's to tell
            await asyncio.sleep(0.002)


async def _until_async(look: Callable[[], Awaitable[int]], wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await look()) != wanted:  # noqa: ASYNC110 - the server does not tell
            await asyncio.sleep(0.002)
