"""Coordination: locks, token buckets and signals between processes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Coordination(Protocol):
    """Locks, token buckets and signals between processes.

    Everything holds while it is empty, slow or down: it is never the truth about a seat.

    Every method but `release` may raise `Unavailable`. Callers then go on without.
    """

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        """Acquire all of these locks or none.

        Each lock expires after `ttl_seconds`. Returns True where all were free, or became free within
        `wait_seconds`.
        """
        ...

    def release(self, names: Sequence[str], owner: str) -> None:
        """Release those locks that are still the owner's, before any later request is done.

        Fire and forget: lost releases expire.
        """
        ...

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        """Take one token. Returns 0, or the seconds until a token will be available."""
        ...

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        """The result that `take` would return. Takes no token."""
        ...

    async def publish(self, channel: str, payload: bytes) -> None:
        """Signal the current listeners. A hint: signals may be lost."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The signals from now on. A slow listener loses the oldest."""
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...
