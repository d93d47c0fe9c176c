"""The copies of one service: which of them takes the next request.

Two things decide. What happens to requests (passive): a copy that is not there, or fails three times running,
gets none until a pause is over that grows with every time. And what the copy says at `/readyz`, asked every
second (active): only one that says that it is ready gets new requests, so that one which is about to end can
finish what it has. Where there is no other yet, as when the next copy ends just after the one before has come
back, it still gets them: until it has ended, it answers. Requests that a copy has already are left alone by
either.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff

log = get_logger(__name__)

LOOK_SECONDS = 1.0
FAILURES = 3
"""So many in a row open the circuit of a copy."""

MOST_AT_ONCE = 5000
"""Requests and streams that one copy may have open."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0

STOPPING = "stopping"
"""What a copy says of itself that is about to end."""

Look = Callable[[str], Awaitable[str | None]]
"""GET of a URL: None where the answer is good, else the `code` of the problem, or its status. Raises
`ConnectionRefusedError` where nobody listens, `OSError` or `TimeoutError` where no answer comes."""


class Copy:
    """One process of a service, by its base URL."""

    def __init__(self, service: str, url: str, clock: Clock) -> None:
        self.url = url.rstrip("/")
        self.outstanding = 0
        self.answers = 0
        """How many requests it has answered, well or not."""
        self.trouble: str | None = None
        """Why it gets no requests, if so."""
        self._stopping = False
        self._service = service
        self._clock = clock
        self._failures = 0
        self._circuit_open = False
        self._not_before = 0.0
        self._pauses = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, random.Random())  # noqa: S311 - jitter

    @property
    def able(self) -> bool:
        return self.trouble is None and self.outstanding < MOST_AT_ONCE

    @property
    def still_able(self) -> bool:
        """It is about to end, and answers until then."""
        return self._stopping and not self._circuit_open and self.outstanding < MOST_AT_ONCE

    def answered(self) -> None:
        """Whatever it said: it is there."""
        self.answers += 1
        if self._failures and not self._circuit_open:
            self._failures = 0
            self._pauses.succeeded()

    def failed(self, reason: str, *, is_gone: bool = False) -> None:
        """A request, or a look at `/readyz`, had no answer."""
        if self._circuit_open:
            self._say(reason)
            return
        self._failures += 1
        if is_gone or self._failures >= FAILURES:
            self._circuit_open = True
            self._not_before = self._clock.monotonic() + self._pauses.failed()
            self._say(reason)

    def ready(self) -> None:
        """It says so itself. After a pause that is believed, but for the next failure, which is one too many
        again."""
        if self._circuit_open:
            if self._clock.monotonic() < self._not_before:
                return
            self._circuit_open = False
            self._failures = FAILURES - 1
        self._stopping = False
        self._say(None)

    def not_ready(self, reason: str) -> None:
        self._stopping = reason == STOPPING
        self._say(f"/readyz says {reason}")

    def _say(self, trouble: str | None) -> None:
        if (trouble is None) != (self.trouble is None):
            if trouble is None:
                log.info("a copy takes requests", extra={"service": self._service, "copy": self.url})
            else:
                extra = {"service": self._service, "copy": self.url, "error": trouble}
                log.warning("a copy gets no more requests", extra=extra)
        self.trouble = trouble


class Copies:
    """All copies of a service. One that nobody has looked at yet is taken to be ready."""

    def __init__(self, service: str, urls: Sequence[str], clock: Clock) -> None:
        if not urls:
            raise ValueError(f"{service} has no URL")
        self._all = [Copy(service, url, clock) for url in urls]
        self._clock = clock
        self._chance = random.Random()  # noqa: S311 - which of equals

    def choose(self, *, never: Collection[Copy], rather_not: Collection[Copy]) -> Copy | None:
        """Of those that are able the one with the fewest requests."""
        others = [copy for copy in self._all if copy not in never]
        able = [copy for copy in others if copy.able] or [copy for copy in others if copy.still_able]
        best = [copy for copy in able if copy not in rather_not] or able
        return min(best, key=lambda copy: (copy.outstanding, self._chance.random()), default=None)

    def check(self) -> None:
        """Raises `Unavailable` where no copy takes requests."""
        if not any(copy.able or copy.still_able for copy in self._all):
            raise Unavailable("; ".join(f"{copy.url}: {copy.trouble or 'is full'}" for copy in self._all))

    async def watch(self, look: Look) -> None:
        """Look at each of them every second, for ever."""
        async with asyncio.TaskGroup() as watching:
            for copy in self._all:
                watching.create_task(self._watch(copy, look))

    async def _watch(self, copy: Copy, look: Look) -> None:
        while True:
            try:
                wrong = await look(f"{copy.url}/readyz")
            except ConnectionRefusedError as error:
                copy.failed(str(error) or "refused", is_gone=True)
            except (OSError, TimeoutError) as error:
                copy.failed(str(error) or type(error).__name__)
            except Exception as error:
                log.exception("a bug while looking at a copy", extra={"copy": copy.url})
                copy.failed(type(error).__name__)
            else:
                if wrong is None:
                    copy.ready()
                else:
                    copy.not_ready(wrong)
            await self._clock.sleep(LOOK_SECONDS)
