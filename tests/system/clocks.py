"""One clock for several processes, which a test sets forward."""

import asyncio
import heapq
import itertools
import mmap
import struct
import time
from pathlib import Path
from typing import Protocol

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock

CLOCK_FILE = "clock"
LOOK_SECONDS = 0.01
STEP_SECONDS = 10.0
PAUSE_SECONDS = 0.02

_SIZE = 16
_AHEAD, _JUMPED = 0, 8


class MovableClock(Clock, Protocol):
    """What `ManualClock` and `FlowingClock` are."""

    async def advance(self, seconds: float) -> None: ...

    def jump(self, seconds: float) -> None: ...


class FlowingClock:
    """Time passes by itself, as on the wall, and at once by `advance`, in every process that has this file
    open. For one event loop.
    """

    def __init__(self, file: Path) -> None:
        with file.open("a+b") as shared:
            shared.truncate(_SIZE)  # zeros where it is new
            self._shared = mmap.mmap(shared.fileno(), _SIZE)
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._next_look: asyncio.TimerHandle | None = None

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000 + round((self._read(_AHEAD) + self._read(_JUMPED)) * 1000)

    def monotonic(self) -> float:
        return time.monotonic() + self._read(_AHEAD)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.monotonic() + seconds, next(self._order), woken))
        if self._next_look is None:
            self._look()
        await woken

    async def advance(self, seconds: float) -> None:
        """In steps, with a moment for those who wake between them, in whatever process."""
        while seconds > 0:
            step = min(seconds, STEP_SECONDS)
            self._add(_AHEAD, step)
            seconds -= step
            await asyncio.sleep(PAUSE_SECONDS)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; sleepers and `monotonic` do not
        notice."""
        self._add(_JUMPED, seconds)

    def _look(self) -> None:
        """Wake whose time has come; again before long, since another process may have moved the clock."""
        now = self.monotonic()
        while self._sleepers and (self._sleepers[0][0] <= now or self._sleepers[0][2].done()):
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():  # else its sleeper was cancelled
                woken.set_result(None)
        self._next_look = None
        if self._sleepers:
            pause = min(LOOK_SECONDS, self._sleepers[0][0] - now)
            self._next_look = asyncio.get_running_loop().call_later(pause, self._look)

    def _read(self, place: int) -> float:
        seconds: float = struct.unpack_from("d", self._shared, place)[0]
        return seconds

    def _add(self, place: int, seconds: float) -> None:
        struct.pack_into("d", self._shared, place, self._read(place) + seconds)
