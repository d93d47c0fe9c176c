"""Load shedding: an overloaded process refuses a share of public reads, and never a step of a sale."""

import asyncio
import random
from collections import deque

from houseful.kernel.waiting import later
from houseful.webapi.problems import ProblemError
from houseful.webapi.routes import Route

_LOOK_SECONDS = 0.1
_LOOKS = 3

STREAMS_LATE_SECONDS = 0.25
READS_LATE_SECONDS = 0.5
_MOST_SHED = 0.9
_COME_AGAIN_SECONDS = 3


class Load:
    """`late_seconds` is the event loop's delay: the shortest of the last three measurements, so that one long
    turn is no load."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self.late_seconds = 0.0
        self._last: deque[float] = deque([0.0] * _LOOKS, _LOOKS)
        self._chance = chance or random.Random()  # noqa: S311 - who is refused

    async def watch(self) -> None:
        """The job."""
        loop = asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            await asyncio.sleep(_LOOK_SECONDS)
            self._last.append(loop.time() - asked_at - _LOOK_SECONDS)
            self.late_seconds = min(self._last)

    def admit(self, route: Route) -> None:
        """Raises `ProblemError` (503) for a share of public reads. The share grows with the delay. Event
        streams are refused first: a client without one polls."""
        if self.late_seconds <= STREAMS_LATE_SECONDS or not _can_wait(route):
            return
        good = STREAMS_LATE_SECONDS if route.streams else READS_LATE_SECONDS
        if self._chance.random() < min(_MOST_SHED, self.late_seconds / good - 1):
            raise ProblemError(
                503,
                "busy",
                "Very many people are here at this moment. Try again in a few seconds.",
                headers=later(_COME_AGAIN_SECONDS),
            )


def _can_wait(route: Route) -> bool:
    return route.method == "GET" and not route.needs_account and route.public
