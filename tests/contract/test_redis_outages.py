"""Redis emptied, killed, paused, full, loading: every method says `Unavailable` at once and works afterwards.

Whoever waits here for ever has found a method that does; nothing looks at a watch. Where the server is there
all the time, an answer may take as long as this machine needs.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from engines.valkey import RedisServer
from houseful.adapters.redis import subscriptions
from houseful.adapters.redis.connection import ConnectionFactory
from houseful.adapters.redis.coordination import RedisCoordination
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from tests.contract.redis_engine import PATIENT_SECONDS, own_redis
from tests.support.patience import PATIENCE_SECONDS

__all__ = ["own_redis"]


@pytest.fixture
async def coordination(own_redis: RedisServer) -> AsyncIterator[RedisCoordination]:
    """Gives up as soon as it usually does."""
    coordination = RedisCoordination.open(own_redis.url, clock=SystemClock())
    yield coordination
    await coordination.close()


@pytest.fixture
async def patient(own_redis: RedisServer) -> AsyncIterator[RedisCoordination]:
    """Takes nobody who is slow for gone."""
    coordination = RedisCoordination.open(own_redis.url, clock=SystemClock(), answer_seconds=PATIENT_SECONDS)
    yield coordination
    await coordination.close()


def every_method(coordination: RedisCoordination) -> dict[str, Callable[[], Awaitable[object]]]:
    """Calls that do well on an empty server."""
    name, owner = uuid.uuid4().hex, uuid.uuid4().hex

    async def listen() -> None:
        async with coordination.subscribe(name):
            pass

    return {
        "acquire": lambda: coordination.acquire([name, f"{name}-2"], owner, ttl_seconds=60),
        "wait": lambda: coordination.acquire([name], owner, ttl_seconds=60, wait_seconds=60),
        "take": lambda: coordination.take(name, per_second=1, burst=1000),
        "publish": lambda: coordination.publish(name, b"signal"),
        "subscribe": listen,
        "ready": coordination.ready,
    }


async def must_all_fail(coordination: RedisCoordination) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for method, call in every_method(coordination).items():
            try:
                await call()
            except Unavailable:
                continue
            pytest.fail(f"{method} did not say so")


async def must_all_work(coordination: RedisCoordination) -> None:
    """In a moment, once the pauses of the circuit are over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for call in every_method(coordination).values():
            while True:
                try:
                    await call()
                except Unavailable:
                    await asyncio.sleep(0.01)
                else:
                    break


# Emptied


async def test_every_method_works_on_an_emptied_server(
    own_redis: RedisServer, patient: RedisCoordination
) -> None:
    for method, call in every_method(patient).items():
        await call()
        own_redis.say("FLUSHALL")
        own_redis.say("SCRIPT", "FLUSH")
        await call()
        assert method


async def test_what_was_emptied_is_free_and_full(own_redis: RedisServer, patient: RedisCoordination) -> None:
    assert await patient.acquire(["a"], "ada", ttl_seconds=60)
    assert await patient.take("b", per_second=0.001, burst=1) == 0
    own_redis.say("FLUSHALL")
    patient.release(["a"], "ada")
    assert await patient.acquire(["a"], "bob", ttl_seconds=60)
    assert await patient.take("b", per_second=0.001, burst=1) == 0


async def test_emptied_all_the_time_under_load(own_redis: RedisServer, patient: RedisCoordination) -> None:
    done = asyncio.Event()

    async def empty() -> int:
        times = 0
        while not done.is_set():
            await asyncio.to_thread(own_redis.say, "FLUSHALL")
            await asyncio.to_thread(own_redis.say, "SCRIPT", "FLUSH")
            times += 1
        return times

    async def work(number: int) -> None:
        for turn in range(60):
            await patient.acquire([f"a{turn % 3}"], f"owner {number}", ttl_seconds=1)
            patient.release([f"a{turn % 3}"], f"owner {number}")
            await patient.take("b", per_second=1, burst=1)

    emptying = asyncio.create_task(empty())
    try:
        await asyncio.gather(*(work(number) for number in range(20)))
    finally:
        done.set()
    assert await emptying > 1


# Gone


async def test_killed_and_started_again(own_redis: RedisServer, coordination: RedisCoordination) -> None:
    await must_all_work(coordination)
    for _ in range(2):
        own_redis.kill()
        await must_all_fail(coordination)
        own_redis.start()
        await must_all_work(coordination)


async def test_a_restart_between_two_calls_is_not_noticed(
    own_redis: RedisServer, patient: RedisCoordination
) -> None:
    for count in range(3):
        assert await patient.acquire(["a"], f"owner {count}", ttl_seconds=60)
        own_redis.kill()
        own_redis.start()


async def test_a_release_that_gets_lost_is_no_trouble(
    own_redis: RedisServer, patient: RedisCoordination
) -> None:
    assert await patient.acquire(["a"], "ada", ttl_seconds=0.05)
    own_redis.kill()
    patient.release(["a"], "ada")
    await must_all_fail(patient)
    patient.release(["a"], "ada")
    own_redis.start()
    await must_all_work(patient)
    assert await patient.acquire(["a"], "bob", ttl_seconds=60, wait_seconds=PATIENCE_SECONDS)


async def test_not_there_yet_at_the_start(own_redis: RedisServer) -> None:
    own_redis.kill()
    coordination = RedisCoordination.open(own_redis.url, clock=SystemClock())
    await must_all_fail(coordination)
    own_redis.start()
    await must_all_work(coordination)
    await coordination.close()


async def test_a_dead_server_costs_no_attempt_at_it(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While time stands still nobody looks whether it is back, and nobody waits."""
    connects = 0
    connect = ConnectionFactory.connect

    async def counted(self: ConnectionFactory) -> object:
        nonlocal connects
        connects += 1
        return await connect(self)

    monkeypatch.setattr(ConnectionFactory, "connect", counted)
    clock = ManualClock()
    coordination = RedisCoordination.open(own_redis.url, clock=clock, answer_seconds=PATIENT_SECONDS)
    own_redis.kill()
    with pytest.raises(Unavailable):
        await coordination.take("b", per_second=1, burst=1)
    tried = connects
    for _ in range(1000):
        with pytest.raises(Unavailable):
            await coordination.take("b", per_second=1, burst=1)
    assert connects == tried
    own_redis.start()
    with pytest.raises(Unavailable):
        await coordination.take("b", per_second=1, burst=1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while connects == tried:  # the half-open circuit
            await clock.advance(0.1)
        while True:
            try:
                assert await coordination.take("b", per_second=1, burst=1) == 0
            except Unavailable:
                await asyncio.sleep(0.002)
            else:
                break
    assert connects == tried + 1
    await coordination.close()


async def test_those_who_wait_for_a_lock_are_told(own_redis: RedisServer, patient: RedisCoordination) -> None:
    await patient.acquire(["a"], "ada", ttl_seconds=600)
    waiting = [
        asyncio.create_task(patient.acquire(["a"], f"owner {n}", ttl_seconds=600, wait_seconds=600))
        for n in range(20)
    ]
    await asyncio.sleep(0.02)
    own_redis.kill()
    async with asyncio.timeout(PATIENCE_SECONDS):
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in results), results


async def test_calls_in_flight_are_told(own_redis: RedisServer, patient: RedisCoordination) -> None:
    await patient.ready()
    own_redis.pause()
    calls = [asyncio.create_task(patient.take("n", per_second=1, burst=1)) for _ in range(1000)]
    await asyncio.sleep(0.01)
    own_redis.kill()
    async with asyncio.timeout(PATIENCE_SECONDS):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in results), results


async def test_what_is_said_does_not_tell_the_password(own_redis: RedisServer) -> None:
    own_redis.kill()
    url = own_redis.url.replace("redis://", "redis://houseful:hidden@")
    coordination = RedisCoordination.open(url, clock=SystemClock())
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{own_redis.port}") as told:
        await coordination.ready()
    assert "hidden" not in str(told.value)
    await coordination.close()


async def test_a_wrong_password_is_said(own_redis: RedisServer) -> None:
    own_redis.say("CONFIG", "SET", "requirepass", "right")
    for password, good in (("wrong", False), ("right", True)):
        url = own_redis.url.replace("redis://", f"redis://:{password}@")
        coordination = RedisCoordination.open(url, clock=SystemClock(), answer_seconds=PATIENT_SECONDS)
        if good:
            await coordination.ready()
        else:
            with pytest.raises(Unavailable, match=r"(?i)password|WRONGPASS"):
                await coordination.ready()
        await coordination.close()


# Slow


async def test_paused_and_resumed(own_redis: RedisServer, coordination: RedisCoordination) -> None:
    await must_all_work(coordination)
    own_redis.pause()
    await must_all_fail(coordination)
    own_redis.resume()
    await must_all_work(coordination)


async def test_a_lock_taken_late_by_a_paused_server_ends_by_itself(
    own_redis: RedisServer, coordination: RedisCoordination, patient: RedisCoordination
) -> None:
    await must_all_work(coordination)
    own_redis.pause()
    with pytest.raises(Unavailable):
        await coordination.acquire(["a"], "ada", ttl_seconds=0.5)
    own_redis.resume()
    await must_all_work(coordination)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await patient.acquire(["a"], "bob", ttl_seconds=60, wait_seconds=20)


# Full


async def test_out_of_memory(own_redis: RedisServer, patient: RedisCoordination) -> None:
    await patient.ready()
    assert await patient.acquire(["mine"], "ada", ttl_seconds=600)
    own_redis.say("CONFIG", "SET", "maxmemory", "1000")  # far less than there is in use
    with pytest.raises(Unavailable, match="memory"):
        await patient.ready()
    with pytest.raises(Unavailable):
        await patient.acquire(["a", "b"], "ada", ttl_seconds=60)
    with pytest.raises(Unavailable):
        await patient.take("b", per_second=1, burst=1)
    patient.release(["mine"], "ada")  # what frees memory or needs none goes on
    async with patient.subscribe("channel") as signals:
        await patient.publish("channel", b"heard")
        assert await asyncio.wait_for(anext(signals), PATIENCE_SECONDS) == b"heard"
    own_redis.say("CONFIG", "SET", "maxmemory", "8mb")
    await patient.ready()
    assert await patient.acquire(["mine"], "bob", ttl_seconds=60)
    assert await patient.acquire(["a", "b", "mine"], "bob", ttl_seconds=60), "nothing was half taken"


# Loading


async def test_a_server_that_loads_its_data() -> None:
    async def loading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(10_000):
            writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")
        writer.close()

    listener = await asyncio.start_server(loading, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    coordination = RedisCoordination.open(
        f"redis://127.0.0.1:{port}", clock=SystemClock(), answer_seconds=PATIENT_SECONDS
    )
    await must_all_fail(coordination)
    with pytest.raises(Unavailable, match="loading"):
        await coordination.ready()
    await coordination.close()
    listener.close()


# Signals


async def heard_again(coordination: RedisCoordination, signals: AsyncIterator[bytes], word: bytes) -> None:
    """Say it until it is heard; what was said in an outage is lost."""

    async def hear() -> None:
        while await anext(signals) != word:
            pass

    hearing = asyncio.create_task(hear())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not hearing.done():
            with suppress(Unavailable):
                await coordination.publish("channel", word)
            await asyncio.wait({hearing}, timeout=0.01)
    await hearing


async def test_who_listens_hears_again_after_an_outage(
    own_redis: RedisServer, patient: RedisCoordination
) -> None:
    async with patient.subscribe("channel") as signals:
        await heard_again(patient, signals, b"before")
        own_redis.kill()
        with pytest.raises(Unavailable):
            await patient.publish("channel", b"lost")
        own_redis.start()
        await heard_again(patient, signals, b"after")


async def test_who_listens_hears_again_after_its_connection_was_cut(
    own_redis: RedisServer, patient: RedisCoordination
) -> None:
    async with patient.subscribe("channel") as signals:
        for number in range(3):
            assert own_redis.say("CLIENT", "KILL", "TYPE", "pubsub") == b":1"
            await heard_again(patient, signals, b"%d" % number)


async def test_a_listener_notices_that_nothing_comes_any_more(
    own_redis: RedisServer, patient: RedisCoordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_QUIET_SECONDS", 1.0)
    async with patient.subscribe("channel") as signals, Redis.from_url(own_redis.url) as onlooker:
        await onlooker.config_resetstat()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "cmdstat_ping" not in await onlooker.info("commandstats"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # it is quiet, but there
        await patient.publish("channel", b"still")
        assert await asyncio.wait_for(anext(signals), PATIENCE_SECONDS) == b"still"
        own_redis.pause()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while patient._signals._trouble is None:  # noqa: ASYNC110 - it tells only who asks
                await asyncio.sleep(0.01)
        own_redis.resume()
        await heard_again(patient, signals, b"again")
