"""Locks, token buckets and signals between processes, on Redis 7 or Valkey.

Redis may lose all of this at any moment: see `docs/decisions/0009-what-redis-is-for.md`.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from redis.asyncio.connection import ConnectionPool, parse_url

from houseful.adapters.redis.connection import (
    ANSWER_SECONDS,
    ConnectionFactory,
    PendingCommand,
    PipelinedConnection,
    script_command,
)
from houseful.adapters.redis.scripts import ACQUIRE, RELEASE, TAKE
from houseful.adapters.redis.subscriptions import RedisPubSub
from houseful.kernel.ports import Clock
from houseful.kernel.waiting import Backoff, event_or_timeout

_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.1


class _Waiter:
    """A request for locks by this process."""

    __slots__ = ("event", "keys")

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.event = asyncio.Event()


class RedisCoordination:
    """Coordination between processes. See the port for the contract.

    No method waits for Redis longer than `answer_seconds` (twice that under a backlog). While Redis is known
    to be down, no method waits.

    A waiter for a lock polls with pauses that grow to a tenth of a second. Of several waiters in one process
    only the first polls, and a release in this process wakes it. Between processes there is no order. Expiry
    uses the server's clock.
    """

    def __init__(self, factory: ConnectionFactory, clock: Clock, prefix: str) -> None:
        self._clock = clock
        # In braces, so that a cluster keeps everything of one installation in one slot: a script needs that.
        self._prefix = f"{{{prefix}}}"
        self._connection = PipelinedConnection(factory, clock)
        self._signals = RedisPubSub(factory, clock)
        self._queues: dict[str, deque[_Waiter]] = {}
        self._chance = random.Random()  # noqa: S311 - jitter

    @classmethod
    def open(
        cls, url: str, *, clock: Clock, prefix: str = "houseful", answer_seconds: float = ANSWER_SECONDS
    ) -> "RedisCoordination":
        """Connect to `redis://[user:password@]host:port/0`, `rediss://…` (TLS) or `unix:///socket` at the
        first use.

        Call it inside a running loop. Redis may start later. Raises `ValueError` for an invalid URL. `prefix`
        separates installations on one server.
        """
        named = parse_url(url)
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=None,  # a whole exchange is timed, not each read
            socket_connect_timeout=answer_seconds,
            protocol=2,
            driver_info=None,
        )
        where = named.get("path") or f"{named.get('host', 'localhost')}:{named.get('port', 6379)}"
        return cls(ConnectionFactory(pool.make_connection, str(where), answer_seconds), clock, prefix)

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        keys = [f"{self._prefix}:lock:{name}" for name in dict.fromkeys(names)]
        if await self._taken_for(keys, owner, ttl_seconds) == 0:
            return True
        if wait_seconds <= 0:
            return False
        return await self._wait(_Waiter(keys), owner, ttl_seconds, self._clock.monotonic() + wait_seconds)

    async def _taken_for(self, keys: Sequence[str], owner: str, ttl_seconds: float) -> float:
        """0 where the owner has acquired the locks, else the seconds until one of them expires."""
        call = script_command(ACQUIRE, keys, owner, _millis(ttl_seconds))
        call.undo = script_command(RELEASE, keys, owner)
        return int(await self._connection.request(call)) / 1000

    async def _wait(self, waiter: _Waiter, owner: str, ttl_seconds: float, deadline: float) -> bool:
        for key in waiter.keys:
            self._queues.setdefault(key, deque()).append(waiter)
        pauses = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, self._chance)
        try:
            while True:
                pause = math.inf
                waiter.event.clear()
                if all(self._queues[key][0] is waiter for key in waiter.keys):
                    taken_for = await self._taken_for(waiter.keys, owner, ttl_seconds)
                    if taken_for == 0:
                        return True
                    pause = min(pauses.failed(), taken_for)
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    return False
                await event_or_timeout(waiter.event, self._clock, min(pause, left))
        finally:
            self._leave(waiter)

    def _leave(self, waiter: _Waiter) -> None:
        for key in waiter.keys:
            queue = self._queues[key]
            queue.remove(waiter)
            if not queue:
                del self._queues[key]
        self._wake(waiter.keys)

    def _wake(self, keys: Sequence[str]) -> None:
        for key in keys:
            if queue := self._queues.get(key):
                queue[0].event.set()

    def release(self, names: Sequence[str], owner: str) -> None:
        keys = [f"{self._prefix}:lock:{name}" for name in dict.fromkeys(names)]
        self._connection.send_in_order(script_command(RELEASE, keys, owner), then=lambda: self._wake(keys))

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        return await self._ask_bucket(bucket, per_second, burst, taken=1)

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        return await self._ask_bucket(bucket, per_second, burst, taken=0)

    async def _ask_bucket(self, bucket: str, per_second: float, burst: float, *, taken: int) -> float:
        if per_second <= 0 or burst < 1:
            raise ValueError(f"a bucket of {burst} tokens, {per_second} a second, never gives one")
        step = max(1, round(1_000_000 / per_second))
        call = script_command(TAKE, [f"{self._prefix}:bucket:{bucket}"], step, round(step * burst), taken)
        return int(await self._connection.request(call)) / 1_000_000

    async def publish(self, channel: str, payload: bytes) -> None:
        await self._connection.request(
            PendingCommand((b"PUBLISH", f"{self._prefix}:signal:{channel}", payload))
        )

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Subscriptions survive outages.

        Signals sent during an outage are lost. A subscription begun during one raises `Unavailable`.
        """
        return self._signals.subscribe(f"{self._prefix}:signal:{channel}")

    async def ready(self) -> None:
        """Raises `Unavailable` with the server's message where writes fail."""
        await self._connection.request(PendingCommand((b"SET", f"{self._prefix}:ready", b"1", b"PX", 1000)))

    async def close(self) -> None:
        """Waiters get `Unavailable`. Subscriptions end."""
        await self._connection.close()
        for queue in list(self._queues.values()):
            for waiter in queue:
                waiter.event.set()
        await self._signals.close()


def _millis(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))
