"""Waiting for an event or a timeout, by any clock."""

import asyncio
import math
import random
from collections.abc import Callable
from typing import TypeVar

from houseful.kernel.ports import Clock

T = TypeVar("T")


async def poll_on(event: asyncio.Event, poll: Callable[[], T], clock: Clock, seconds: float) -> T:
    """Poll now and whenever `event` is set, until `poll` returns a truthy value or `seconds` have passed.

    Returns the last value.
    """
    event.clear()
    answer = poll()
    if answer or seconds <= 0:
        return answer
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        while not answer and not timer.done():
            waiter = asyncio.ensure_future(event.wait())
            try:
                await asyncio.wait({waiter, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
            event.clear()
            answer = poll()
    finally:
        timer.cancel()
    return answer


async def event_or_timeout(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Wait until the event is set, for at most `seconds`. The event stays set."""
    if event.is_set() or seconds <= 0:
        return
    waiters = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))}
    try:
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


def later(seconds: float) -> dict[str, str]:
    """A Retry-After header with a random delay from `seconds` to twice that, so that clients do not return at
    once.
    """
    least = max(1, math.ceil(seconds))
    return {"retry-after": str(random.randint(least, 2 * least))}  # noqa: S311 - jitter


class Backoff:
    """Pauses that double from `first` to `longest` seconds.

    Each pause is shortened at random, so that rivals do not collide.
    """

    def __init__(self, first: float, longest: float, chance: random.Random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self) -> float:
        """The seconds to wait before the next attempt."""
        pause = min(self._longest, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return pause * self._chance.uniform(0.5, 1)
