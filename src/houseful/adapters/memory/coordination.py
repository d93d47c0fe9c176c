"""Locks, token buckets and signals within one process.

All runs on one event loop. Only `acquire` waits, so that no step is interrupted by another. A table drops
expired entries when it has doubled, so that memory follows the number of live entries.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.waiting import event_or_timeout

V = TypeVar("V")

SIGNALS_KEPT = 1000
"""The most unread signals of a listener. More discard the oldest."""

_SWEEP_FROM = 1024


class _Table(dict[str, V], Generic[V]):
    """A dictionary that drops dead values whenever it has doubled in size."""

    def __init__(self, dead: Callable[[V, float], bool]) -> None:
        super().__init__()
        self._dead = dead
        self._sweep_at = _SWEEP_FROM

    def add(self, name: str, value: V, now: float) -> None:
        if len(self) >= self._sweep_at:
            for dead in [other for other, found in self.items() if self._dead(found, now)]:
                del self[dead]
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self))
        self[name] = value


class _Waiter:
    """A request for locks. `granted` is set when all are acquired."""

    __slots__ = ("event", "granted", "names", "owner", "ttl_seconds")

    def __init__(self, names: Sequence[str], owner: str, ttl_seconds: float) -> None:
        self.names = names
        self.owner = owner
        self.ttl_seconds = ttl_seconds
        self.granted = False
        self.event = asyncio.Event()


class _Bucket:
    __slots__ = ("at", "burst", "per_second", "tokens")

    def __init__(self, burst: float, at: float) -> None:
        self.tokens = burst
        self.at = at
        self.burst = burst
        self.per_second = 0.0

    def refill(self, now: float, per_second: float, burst: float) -> None:
        self.tokens = min(burst, self.tokens + (now - self.at) * per_second)
        self.at = now
        self.burst = burst
        self.per_second = per_second

    def full(self, now: float) -> bool:
        return self.tokens + (now - self.at) * self.per_second >= self.burst


class _Listener:
    """The unread signals of one subscriber."""

    def __init__(self) -> None:
        self._signals: deque[bytes] = deque(maxlen=SIGNALS_KEPT)
        self._event = asyncio.Event()
        self._closed = False

    def put(self, payload: bytes) -> None:
        self._signals.append(payload)
        self._event.set()

    def close(self) -> None:
        self._closed = True
        self._event.set()

    async def signals(self) -> AsyncIterator[bytes]:
        while not self._closed:
            while self._signals:
                yield self._signals.popleft()
            self._event.clear()
            if not self._closed:
                await self._event.wait()


class LocalCoordination:
    """Coordination within one process, cheap enough for the hottest path. See the port for the contract.

    Waiters get a lock in the order of arrival. A request without `wait_seconds` takes free locks at once.
    Acquiring a lock again prolongs it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locks: _Table[tuple[str, float]] = _Table(lambda lock, now: lock[1] <= now)
        self._queues: dict[str, deque[_Waiter]] = {}
        self._buckets: _Table[_Bucket] = _Table(lambda bucket, now: bucket.full(now))
        self._listeners: dict[str, set[_Listener]] = {}
        self._closed = False

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        self._must_be_open()
        queued = wait_seconds > 0 and self._queues and any(name in self._queues for name in names)
        if not queued and self._take_locks(names, owner, ttl_seconds):
            return True
        if wait_seconds <= 0:
            return False
        return await self._wait_for_locks(_Waiter(tuple(set(names)), owner, ttl_seconds), wait_seconds)

    def release(self, names: Sequence[str], owner: str) -> None:
        locks = self._locks
        for name in names:
            lock = locks.get(name)
            if lock is not None and lock[0] == owner:
                del locks[name]
        if self._queues:
            self._serve(names)

    def _take_locks(self, names: Sequence[str], owner: str, ttl_seconds: float) -> bool:
        now = self._clock.monotonic()
        locks = self._locks
        for name in names:
            lock = locks.get(name)
            if lock is not None and lock[0] != owner and lock[1] > now:
                return False
        mine = (owner, now + ttl_seconds)
        for name in names:
            locks.add(name, mine, now)
        return True

    async def _wait_for_locks(self, waiter: _Waiter, wait_seconds: float) -> bool:
        deadline = self._clock.monotonic() + wait_seconds
        for name in waiter.names:
            self._queues.setdefault(name, deque()).append(waiter)
        try:
            while True:
                self._serve(waiter.names)
                now = self._clock.monotonic()
                if waiter.granted or now >= deadline:
                    return waiter.granted
                await event_or_timeout(
                    waiter.event, self._clock, self._next_check(waiter.names, now, deadline) - now
                )
                self._must_be_open()
        except BaseException:
            if waiter.granted:
                self.release(waiter.names, waiter.owner)
            raise
        finally:
            self._leave(waiter)

    def _next_check(self, names: Iterable[str], now: float, deadline: float) -> float:
        """The deadline, or the earlier moment at which one of these locks expires: nothing else signals
        expiry.
        """
        expiries = (self._locks[name][1] for name in names if name in self._locks)
        return min([deadline, *(moment for moment in expiries if moment > now)])

    def _serve(self, names: Iterable[str]) -> None:
        """Grant locks to waiters that are first in all of their queues, if all of their locks are free."""
        for name in names:
            while queue := self._queues.get(name):
                first = queue[0]
                if any(self._queues[other][0] is not first for other in first.names):
                    break
                if not self._take_locks(first.names, first.owner, first.ttl_seconds):
                    break
                first.granted = True
                first.event.set()
                self._leave_queues(first)

    def _leave(self, waiter: _Waiter) -> None:
        if not waiter.granted:
            self._leave_queues(waiter)
            self._serve(waiter.names)  # it may have stood in the way of those behind it

    def _leave_queues(self, waiter: _Waiter) -> None:
        for name in waiter.names:
            queue = self._queues[name]
            queue.remove(waiter)
            if not queue:
                del self._queues[name]

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        found = self._bucket(bucket, per_second, burst)
        if found.tokens >= 1:
            found.tokens -= 1
            return 0.0
        return (1 - found.tokens) / per_second

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        return max(0.0, (1 - self._bucket(bucket, per_second, burst).tokens) / per_second)

    def _bucket(self, bucket: str, per_second: float, burst: float) -> _Bucket:
        self._must_be_open()
        if per_second <= 0 or burst < 1:
            raise ValueError(f"a bucket of {burst} tokens, {per_second} a second, never gives one")
        now = self._clock.monotonic()
        found = self._buckets.get(bucket)
        if found is None:
            found = _Bucket(burst, now)
            self._buckets.add(bucket, found, now)
        found.refill(now, per_second, burst)
        return found

    async def publish(self, channel: str, payload: bytes) -> None:
        self._must_be_open()
        for listener in self._listeners.get(channel, ()):
            listener.put(payload)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self._must_be_open()
        listener = _Listener()
        listeners = self._listeners.setdefault(channel, set())
        listeners.add(listener)
        try:
            yield listener.signals()
        finally:
            listeners.discard(listener)
            if not listeners and self._listeners.get(channel) is listeners:
                del self._listeners[channel]

    async def ready(self) -> None:
        self._must_be_open()

    async def close(self) -> None:
        """Waiters get `Unavailable`. Subscriptions end."""
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()
        for queue in self._queues.values():
            for waiter in queue:
                waiter.event.set()

    def _must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("coordination is closed")
