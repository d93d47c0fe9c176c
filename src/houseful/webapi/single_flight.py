"""Work that takes a while and whose result is the same for every caller."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_SECONDS = 1.0


class SingleFlight(Generic[T]):
    """Runs `make` at most once a second and once at a time. Callers in between get the same result. `make`
    continues when its first caller is cancelled. For one event loop."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._making: asyncio.Task[T] | None = None
        self._fresh_until = 0.0

    async def get(self) -> T:
        now = asyncio.get_running_loop().time()
        if self._making is None or (self._making.done() and now >= self._fresh_until):
            self._fresh_until = now + FRESH_SECONDS
            self._making = asyncio.create_task(self._made())
        return await asyncio.shield(self._making)

    async def _made(self) -> T:
        return await self._make()


class SingleFlights(Generic[T]):
    """Work by key, done once at a time: who asks while it is done gets the same result. It continues when its
    first caller is cancelled. For one event loop."""

    def __init__(self) -> None:
        self._making: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        making = self._making.get(key)
        if making is None:

            async def made() -> T:
                try:
                    return await make()
                finally:
                    del self._making[key]

            making = self._making[key] = asyncio.create_task(made())
        return await asyncio.shield(making)
