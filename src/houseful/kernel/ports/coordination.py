"""Coordination: locks, token buckets and signals between processes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Coordination(Protocol):
    """Short agreements between processes. Never the truth about a seat: everything holds with it empty, slow
    or down.

    Every method but `release` may raise `Unavailable`; callers then go on without.
    """

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        """Take all of these locks or none; each expires by itself. True where they were free or became so in
        time.
        """
        ...

    def release(self, names: Sequence[str], owner: str) -> None:
        """Free those of them that are still this owner's, before anything that is asked for later is done.
        Nobody waits for it; if it gets lost they expire.
        """
        ...

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        """Take one token. 0 where there was one, else the seconds until there will be."""
        ...

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        """What `take` would say. Takes none."""
        ...

    async def publish(self, channel: str, payload: bytes) -> None:
        """Signal whoever listens now. A hint: it may be lost."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Signals from now on. A slow listener loses the oldest."""
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...
