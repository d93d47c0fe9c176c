"""Answers at a walking pace for who asks without a pause: the first few in a second at once, the others when
it is over.

Refusing alone would not do: who does not wait between requests sends the next one as soon as the last is
refused, and thousands of refusals cost as much as answers.
"""

import asyncio
import random
from collections import Counter

_SPREAD_SECONDS = 0.2


class Pace:
    """For one event loop, and by its own clock, whatever the time is said to be: this is about its load."""

    def __init__(self, *, per_second: int, most_waiting: int) -> None:
        self._per_second = per_second
        self._most_waiting = most_waiting
        self._second = 0
        self._seen: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._chance = random.Random()  # noqa: S311 - so that those who wait do not go on all at once

    async def turn(self, whose: str) -> bool:
        """At once for this address' first few in a second, for others later. False, at once, where so many of
        theirs wait that one more had better go away."""
        now = asyncio.get_running_loop().time()
        if int(now) != self._second:
            self._second = int(now)
            self._seen.clear()
        if self._seen[whose] < self._per_second:
            self._seen[whose] += 1
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
