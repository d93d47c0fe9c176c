"""Time and identifiers."""

from typing import Protocol

from houseful.kernel.documents import Millis


class Clock(Protocol):
    def now(self) -> Millis:
        """Wall-clock time. It jumps when an operator or NTP sets the machine's clock."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment. It never jumps: durations and expiry are measured with it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many monotonic seconds."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """Unguessable, sortable by time: `prefix` + "_" + a UUIDv7 in hex."""
        ...

    def secret(self) -> str:
        """256 random bits, URL-safe."""
        ...
