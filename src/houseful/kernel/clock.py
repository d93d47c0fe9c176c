"""Clocks: the machine's, and a manual one for tests and simulations."""

import asyncio
import heapq
import itertools
import time

from houseful.kernel.documents import Millis


class SystemClock:
    """The machine's wall clock and monotonic clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock whose time passes only by `advance`. For one event loop.

    Time passes in steps of `step_seconds`: a sleeper wakes late by less than a step, as on a busy machine. A
    deployment with many jobs advances by hours in little time then. With 0 each sleeper wakes at its moment.
    """

    def __init__(self, now: Millis = 1_800_000_000_000, *, step_seconds: float = 0.0) -> None:
        self._start = float(now)
        self._monotonic = 0.0
        self._step_seconds = step_seconds
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> Millis:
        return round(self._start + self._monotonic * 1000)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Sleep until `advance` has passed the moment. Sleepers wake in order of their moments."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass.

        Tasks that wake on the way run before time goes on, as far as they can without real I/O.
        """
        await self._let_others_run()  # those that are about to sleep do so before time passes
        end = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self._monotonic = min(self._sleepers[0][0] + self._step_seconds, end)
            self._wake()
            await self._let_others_run()
        self._monotonic = end
        await self._let_others_run()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does.

        Sleepers and `monotonic` are not affected.
        """
        self._start += seconds * 1000

    @property
    def sleepers(self) -> int:
        """The number of sleeping tasks."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():  # else its sleeper was cancelled
                woken.set_result(None)

    async def _let_others_run(self) -> None:
        for _ in range(
            10
        ):  # a woken task may wake others, which may sleep again before the same moment is over
            await asyncio.sleep(0)
