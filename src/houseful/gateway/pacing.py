"""Pacing: the first requests of a client in a second are answered at once, the others in the next second.

Refusals are not enough. A client that does not wait sends its next request as soon as the last one is
refused, and thousands of refusals cost as much as responses.
"""

import asyncio
import random
from collections import Counter

_SPREAD_SECONDS = 0.2


class RequestPacer:
    """Delays requests by address. For one event loop, by the loop's own clock."""

    def __init__(self, *, per_second: int, most_waiting: int) -> None:
        self._per_second = per_second
        self._most_waiting = most_waiting
        self._second = 0
        self._answered: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._chance = random.Random()  # noqa: S311 - so that those who wait do not go on all at once

    async def turn(self, whose: str) -> bool:
        """Wait for the turn of `whose`, an address. False, at once, where `most_waiting` requests of that
        address wait already."""
        now = asyncio.get_running_loop().time()
        if int(now) != self._second:
            self._second = int(now)
            self._answered.clear()
        if self._answered[whose] < self._per_second:
            self._answered[whose] += 1
            return True
        if self._waiting[whose] >= self._most_waiting:
            return False
        self._waiting[whose] += 1
        try:
            await asyncio.sleep(self._second + 1 - now + self._chance.uniform(0, _SPREAD_SECONDS))
        finally:
            self._waiting[whose] -= 1
            if not self._waiting[whose]:
                del self._waiting[whose]
        return True
