"""Time and identifiers."""

from typing import Protocol

from houseful.kernel.documents import Millis


class Clock(Protocol):
    def now(self) -> Millis: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """Unguessable, sortable by time: `prefix` + "_" + a UUIDv7 in hex."""
        ...

    def secret(self) -> str:
        """256 random bits, URL-safe."""
        ...
