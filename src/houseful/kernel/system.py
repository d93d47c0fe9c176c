"""Time, chance and address: the machine's own, and manual doubles of the first two for tests and
simulations."""

import asyncio
import base64
import heapq
import itertools
import os
import random
import socket
import time
from array import array
from contextlib import suppress

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock

_SOMEWHERE = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}
"""Networks kept for examples (RFC 5737, 3849): on the other side of the default route, and nowhere."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some moment; unlike `now` it never jumps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def own_address() -> str:
    """By which this machine is known in its network: the one that packets to the world would leave from. None
    is sent. Loopback where there is no network."""
    for family, somewhere in _SOMEWHERE.items():
        with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(somewhere)
            address: str = probe.getsockname()[0]
            return address
    return "127.0.0.1"


class ManualClock:
    """Time passes only by `advance`. For one event loop."""

    def __init__(self, now: Millis = 1_800_000_000_000) -> None:
        self._start = float(now)
        self._monotonic = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> Millis:
        return round(self._start + self._monotonic * 1000)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Until `advance` has passed that moment. Sleepers wake in order of their moments."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let that much time pass. What wakes on the way runs before time goes on, as far as it can without
        real I/O."""
        await self._let_others_run()  # those that are about to sleep do so before time passes
        end = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue  # its sleeper was cancelled
            self._monotonic = moment
            woken.set_result(None)
            await self._let_others_run()
        self._monotonic = end
        await self._let_others_run()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; sleepers and `monotonic` do not
        notice."""
        self._start += seconds * 1000

    @property
    def sleepers(self) -> int:
        """How many tasks wait for time to pass."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def _let_others_run(self) -> None:
        for _ in range(
            10
        ):  # a woken task may wake others, which may sleep again before the same moment is over
            await asyncio.sleep(0)


class _Uuid7:
    """Successive UUIDv7s (RFC 9562, 6.2 method 1): the 12 bits behind the milliseconds count within one of
    them."""

    def __init__(self) -> None:
        self._last = 0

    def hex(self, now: Millis, chance: int) -> str:
        """`chance` is 62 random bits. Sorts behind all earlier ones, even where the clock was set back."""
        self._last = max(now << 12, self._last + 1)
        moment, count = self._last >> 12, self._last & 0xFFF
        return f"{moment << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | chance:032x}"


_CHANCES_AT_ONCE = 256


class SystemIds:
    """Ids from the operating system's randomness; in order of their making within this process."""

    def __init__(self) -> None:
        self._uuids = _Uuid7()
        self._chances: list[int] = []

    def new(self, prefix: str) -> str:
        if not self._chances:  # asked for by the hundred: each asking is a system call
            self._chances = [number >> 2 for number in array("Q", os.urandom(8 * _CHANCES_AT_ONCE))]
        chance = self._chances.pop()
        return f"{prefix}_{self._uuids.hex(time.time_ns() // 1_000_000, chance)}"

    def secret(self) -> str:
        return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


class SeededIds:
    """The same ids for the same seed and times. Guessable: for tests and simulations only."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._random = random.Random(seed)  # noqa: S311 - see above
        self._clock = clock
        self._uuids = _Uuid7()

    def new(self, prefix: str) -> str:
        return f"{prefix}_{self._uuids.hex(self._clock.now(), self._random.getrandbits(62))}"

    def secret(self) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(32)).rstrip(b"=").decode()
