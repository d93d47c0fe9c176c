"""What a hold asks of Redis: over our one connection, and with valkey-glide and redis-py's own client.

A hold takes two locks, one after the other, and gives both back without waiting. It is done by the three
clients in turn, by so many holds at once; then the split installation is asked what a whole hold costs it and
how many commands of it are Redis' (`commandstats`).
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import glide
from redis.asyncio import BlockingConnectionPool, Redis

from bench.engines import Engines
from bench.hops import ARRANGEMENTS, Buyers, Installation, many
from bench.libraries.pairs import Work, alternate, told
from engines import PROGRAMS
from engines.valkey import RedisServer, obtain
from houseful.adapters.redis.coordination import RedisCoordination
from houseful.adapters.redis.scripts import ACQUIRE, RELEASE, Script
from houseful.kernel.clock import SystemClock

AT_ONCE = (1, 16, 64)
ROUNDS = 30
PIECES = 640
HOLDS = 400
HOLD_ROUNDS = 8
_LOCK_MILLIS = 2000

Ask = Callable[[Script, Sequence[str], Sequence[str]], Awaitable[Any]]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with RedisServer.start_new(obtain(PROGRAMS), Path(folder) / "alone") as server:
            asyncio.run(locks(server))
        with Engines(Path(folder) / "engines") as engines:
            arrangement = ARRANGEMENTS[-1]
            with Installation(arrangement, engines, Path(folder) / "data", "benchlocks") as installation:
                asyncio.run(split_hold(engines.redis, installation))


async def locks(server: RedisServer) -> None:
    ours = RedisCoordination.open(server.url, clock=SystemClock(), prefix="ours", answer_seconds=5)
    valkey_glide = await glide.GlideClient.create(
        glide.GlideClientConfiguration(
            [glide.NodeAddress("127.0.0.1", server.port)],
            request_timeout=5000,
            inflight_requests_limit=10_000,
        )
    )
    plain = Redis(connection_pool=BlockingConnectionPool.from_url(server.url, protocol=2, max_connections=16))
    try:
        for at_once in AT_ONCE:
            holds = {
                "our one connection": partial(_hold_of_ours, ours),
                "valkey-glide": partial(_hold_of_scripts, _asked_of_glide(valkey_glide)),
                "redis-py": partial(_hold_of_scripts, _asked_of(plain)),
            }
            works = {name: _many(hold, at_once) for name, hold in holds.items()}
            found = await alternate(works, rounds=ROUNDS, pieces=PIECES)
            print(told(f"the locks of a hold, {at_once} at once", found), flush=True)
    finally:
        await ours.close()
        await valkey_glide.close()
        await plain.aclose()


def _many(hold: Callable[[int], Awaitable[None]], at_once: int) -> Work:
    async def work() -> None:
        numbers = iter(range(PIECES))

        async def client() -> None:
            for number in numbers:
                await hold(number)

        await asyncio.gather(*(client() for _ in range(at_once)))
        await asyncio.gather(*_told)

    return work


async def _hold_of_ours(coordination: RedisCoordination, number: int) -> None:
    once, block, owner = f"once:{number}", f"block:{number}", f"{number}"
    assert await coordination.acquire([once], owner, ttl_seconds=_LOCK_MILLIS / 1000)
    assert await coordination.acquire([block], owner, ttl_seconds=_LOCK_MILLIS / 1000)
    coordination.release([block], owner)
    coordination.release([once], owner)


_told: set[asyncio.Task[Any]] = set()


async def _hold_of_scripts(ask: Ask, number: int) -> None:
    once, block, owner = f"once:{number}", f"block:{number}", f"{number}"
    for name in (once, block):
        assert await ask(ACQUIRE, [name], [owner, str(_LOCK_MILLIS)]) == 0
    for name in (block, once):
        task = asyncio.ensure_future(ask(RELEASE, [name], [owner]))
        _told.add(task)
        task.add_done_callback(_told.discard)


def _asked_of_glide(client: Any) -> Ask:
    scripts = {script.digest: glide.Script(script.text.decode()) for script in (ACQUIRE, RELEASE)}

    def ask(script: Script, keys: Sequence[str], arguments: Sequence[str]) -> Awaitable[Any]:
        return client.invoke_script(scripts[script.digest], keys=list(keys), args=list(arguments))  # type: ignore[no-any-return]

    return ask


def _asked_of(client: Redis) -> Ask:
    scripts = {script.digest: client.register_script(script.text.decode()) for script in (ACQUIRE, RELEASE)}

    def ask(script: Script, keys: Sequence[str], arguments: Sequence[str]) -> Awaitable[Any]:
        return scripts[script.digest](keys=list(keys), args=list(arguments))

    return ask


async def split_hold(server: RedisServer, installation: Installation) -> None:
    redis = Redis.from_url(server.url, protocol=2, decode_responses=True)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        buyers = Buyers(session, installation)
        await buyers.wait_for_services()
        await buyers.publish(30_000)
        await buyers.sign_in()
        await many(buyers.hold, HOLDS)
        micros = []
        before = await _scripts(redis)
        for _ in range(HOLD_ROUNDS):
            spent = installation.own_cpu()
            await many(buyers.hold, HOLDS)
            micros.append((installation.own_cpu() - spent) / HOLDS * 1e6)
        scripts = {name: count - before.get(name, 0) for name, count in (await _scripts(redis)).items()}
    await redis.aclose()
    asked = ", ".join(
        f"{name} {count / HOLDS / HOLD_ROUNDS:.2f}" for name, count in sorted(scripts.items()) if count
    )
    print(f"a split hold, 16 at once: CPU of Houseful {statistics.median(micros):,.0f} µs; of Redis: {asked}")


async def _scripts(redis: Redis) -> dict[str, int]:
    """How often each command from outside was asked for so far."""
    said = await redis.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): figures["calls"]
        for name, figures in said.items()
        if name.removeprefix("cmdstat_") in ("evalsha", "eval", "publish", "ping", "set")
    }
