"""Time and identifiers."""

from typing import Protocol

from houseful.kernel.documents import Millis


class Clock(Protocol):
    def now(self) -> Millis:
        """The wall-clock time. It jumps when an operator or NTP sets the clock."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, without jumps. For durations and expiry."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of monotonic time."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """`prefix` + "_" + a UUIDv7 in hex: unguessable, sortable by time."""
        ...

    def secret(self) -> str:
        """256 random bits, URL-safe."""
        ...
