"""One clock for several processes, which a test sets forward."""

import asyncio
import heapq
import itertools
import mmap
import os
import struct
import time
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock

CLOCK_FILE = "clock"
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
        self._bell = _Bell(file)
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._next_wake: asyncio.TimerHandle | None = None
        self._listening = False

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000 + round((self._read(_AHEAD) + self._read(_JUMPED)) * 1000)

    def monotonic(self) -> float:
        return time.monotonic() + self._read(_AHEAD)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        sleeper = (self.monotonic() + seconds, next(self._order), woken)
        heapq.heappush(self._sleepers, sleeper)
        if not self._listening:
            self._listening = True
            loop.add_reader(self._bell.pipe, self._moved)
        if self._sleepers[0] is sleeper:
            self._wake()
        await woken

    async def advance(self, seconds: float) -> None:
        """In steps, with a moment for those who wake between them, in whatever process."""
        while seconds > 0:
            step = min(seconds, STEP_SECONDS)
            self._add(_AHEAD, step)
            self._bell.ring()
            seconds -= step
            await asyncio.sleep(PAUSE_SECONDS)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; sleepers and `monotonic` do not
        notice."""
        self._add(_JUMPED, seconds)

    def _moved(self) -> None:
        self._bell.silence()
        self._wake()

    def _wake(self) -> None:
        """Wake whose time has come; again when the next one's has, or when the clock is moved."""
        now = self.monotonic()
        while self._sleepers and (self._sleepers[0][0] <= now or self._sleepers[0][2].done()):
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():  # else its sleeper was cancelled
                woken.set_result(None)
        if self._next_wake is not None:
            self._next_wake.cancel()
            self._next_wake = None
        loop = asyncio.get_running_loop()
        if self._sleepers:
            self._next_wake = loop.call_later(self._sleepers[0][0] - now, self._wake)
        else:
            loop.remove_reader(self._bell.pipe)
            self._listening = False

    def _read(self, place: int) -> float:
        seconds: float = struct.unpack_from("d", self._shared, place)[0]
        return seconds

    def _add(self, place: int, seconds: float) -> None:
        struct.pack_into("d", self._shared, place, self._read(place) + seconds)


class _Bell:
    """Tells every process that the clock was moved: each has a named pipe beside the clock's file. So nobody
    has to look at the clock all the time, which took more of the machine than the tests did."""

    def __init__(self, file: Path) -> None:
        self._folder, self._names = file.parent, f"{file.name}-bell-*"
        path = file.with_name(f"{file.name}-bell-{uuid.uuid4().hex}")
        os.mkfifo(path)
        self.pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        weakref.finalize(self, _remove, path, self.pipe)

    def ring(self) -> None:
        for path in self._folder.glob(self._names):
            with suppress(OSError):  # its process has ended; or it is full, and is heard anyway
                pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                try:
                    os.write(pipe, b"!")
                finally:
                    os.close(pipe)

    def silence(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self.pipe, 4096):
                pass


def _remove(path: Path, pipe: int) -> None:
    os.close(pipe)
    path.unlink(missing_ok=True)
