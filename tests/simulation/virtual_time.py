"""An event loop in which time is a number: nothing waits, and what happens follows from the seed.

Work that a thread would do is done on the loop, after a delay that the seed chooses. A loop is left behind in
the middle of anything, as a killed process leaves everything: none of its tasks goes on, and none cleans up.
"""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from houseful.kernel.documents import Millis

T = TypeVar("T")

START: Millis = 1_800_000_000_000
_DELAY_SECONDS = 0.004
"""The longest time that work of a thread takes."""


class Deadlock(AssertionError):
    """Every task waits for another."""


class _NoWaiting(selectors.DefaultSelector):
    """Instead of waiting for input, which does not exist, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("no task is ready, and none waits for a moment")
        self.seconds += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`chance` decides how long the work of threads takes. Time begins at `seconds`."""

    def __init__(self, chance: random.Random, seconds: float) -> None:
        self._selected = _NoWaiting()
        self._selected.seconds = seconds
        super().__init__(self._selected)
        self.chance = chance
        self.turns_left: int | None = None
        """After so many turns `run` returns, whatever its tasks are doing. None for no limit."""
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._selected.seconds

    def run(self, main: Coroutine[Any, Any, T]) -> T | None:
        """The result of `main`. None where the turns came to an end before."""
        task = self.create_task(main)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        if not task.done():
            return None
        return task.result()

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]
        if self.turns_left is not None:
            self.turns_left -= 1
            if self.turns_left <= 0:
                self.stop()

    def _write_to_self(self) -> None:
        """Nobody has to be woken."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, function: Callable[..., T], *arguments: Any
    ) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(function(*arguments))
            except Exception as error:
                future.set_exception(error)

        self.after_work(work)
        return future

    def after_work(self, then: Callable[..., object], *arguments: Any) -> None:
        """Call `then` when a thread's work of the usual length is done."""
        self.call_later(self.chance.uniform(0, _DELAY_SECONDS), then, *arguments)


class VirtualClock:
    """The time of the running loop, and a wall clock that `jump` sets."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._ahead_seconds = 0.0

    def now(self) -> Millis:
        return START + round((self._loop.time() + self._ahead_seconds) * 1000)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jump(self, seconds: float) -> None:
        self._ahead_seconds += seconds
