"""The instances of one service, and the choice of an instance for each request.

Passive health: an instance that refuses connections, or fails three times in a row, gets no requests until a
pause is over. The pause grows with every failure. A slow instance looks the same as a dead one: while no
other instance takes requests, one request at a time that is safe to repeat tries an instance that was silent,
and any response ends the pause.

Active health: every instance is probed at `/readyz` every second. An instance whose status is not 200 gets no
new requests, so that a stopping instance can finish its own. While every other instance is out of service, a
"stopping" instance still gets requests: it serves until it has ended.

Neither ends a running request of an instance.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff

log = get_logger(__name__)

PROBE_SECONDS = 1.0
FAILURES = 3
"""The failures in a row that open the circuit of an instance."""

MOST_AT_ONCE = 5000
"""The most requests and streams that one instance has open at once."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0

STOPPING = "stopping"
"""The code at `/readyz` of a stopping instance."""

Probe = Callable[[str], Awaitable[str | None]]
"""GET a URL.

Returns None for status 200, else the `code` of the problem or the status. Raises `ConnectionRefusedError`
where nothing listens, `OSError` or `TimeoutError` without a response.
"""


class Instance:
    """One process of a service, by its base URL."""

    def __init__(self, service: str, url: str, clock: Clock) -> None:
        self.url = url.rstrip("/")
        self.outstanding = 0
        self.answers = 0
        """The number of responses, of any status."""
        self.trouble: str | None = None
        """The reason why the instance gets no requests, or None."""
        self._stopping = False
        self._service = service
        self._clock = clock
        self._failures = 0
        self._circuit_open = False
        self._is_gone = False
        self._trials = 0
        self._not_ready: str | None = None
        self._not_before = 0.0
        self._pauses = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, random.Random())  # noqa: S311 - jitter

    @property
    def available(self) -> bool:
        return self.trouble is None and self.outstanding < MOST_AT_ONCE

    @property
    def still_available(self) -> bool:
        """Whether the instance is stopping and still serves."""
        return self._stopping and not self._circuit_open and self.outstanding < MOST_AT_ONCE

    @property
    def can_be_tried(self) -> bool:
        """Whether the circuit is open because of silence, and no request tries the instance."""
        return self._circuit_open and not self._is_gone and self._not_ready is None and not self._trials

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request while it runs."""
        trial = int(self._circuit_open)
        self.outstanding += 1
        self._trials += trial
        try:
            yield
        finally:
            self.outstanding -= 1
            self._trials -= trial

    def answered(self) -> None:
        """Record a response, of any status. It closes the circuit until the next failure."""
        self.answers += 1
        if self._circuit_open:
            self._close_circuit()
        elif self._failures:
            self._failures = 0
            self._pauses.succeeded()

    def failed(self, reason: str, *, is_gone: bool = False) -> None:
        """Record a request or a probe without a response."""
        self._is_gone = is_gone
        if self._circuit_open:
            self._say(reason)
            return
        self._failures += 1
        if is_gone or self._failures >= FAILURES:
            self._circuit_open = True
            self._not_before = self._clock.monotonic() + self._pauses.failed()
            self._say(reason)

    def ready(self) -> None:
        """Record a probe with status 200. It closes the circuit once the pause is over."""
        self._stopping, self._not_ready = False, None
        if not self._circuit_open:
            self._say(None)
        elif self._clock.monotonic() >= self._not_before:
            self._close_circuit()
        else:
            self._is_gone = False

    def not_ready(self, reason: str) -> None:
        self._stopping = reason == STOPPING
        self._not_ready = f"/readyz says {reason}"
        self._say(self._not_ready)

    def _close_circuit(self) -> None:
        """The next failure opens the circuit again."""
        self._circuit_open = self._is_gone = False
        self._failures = FAILURES - 1
        self._say(self._not_ready)

    def _say(self, trouble: str | None) -> None:
        if (trouble is None) != (self.trouble is None):
            if trouble is None:
                log.info("instance takes requests", extra={"service": self._service, "instance": self.url})
            else:
                extra = {"service": self._service, "instance": self.url, "error": trouble}
                log.warning("instance gets no more requests", extra=extra)
        self.trouble = trouble


class Upstream:
    """All instances of a service. An instance counts as ready until its first probe."""

    def __init__(self, service: str, urls: Sequence[str], clock: Clock) -> None:
        if not urls:
            raise ValueError(f"{service} has no URL")
        self._all = [Instance(service, url, clock) for url in urls]
        self._clock = clock
        self._chance = random.Random()  # noqa: S311 - which of equals

    def choose(
        self, *, never: Collection[Instance], rather_not: Collection[Instance], may_try: bool
    ) -> Instance | None:
        """The available instance with the fewest requests, or None.

        With `may_try` it is an instance that was silent where no other is available.
        """
        others = [instance for instance in self._all if instance not in never]
        available = (
            [instance for instance in others if instance.available]
            or [instance for instance in others if instance.still_available]
            or [instance for instance in others if may_try and instance.can_be_tried]
        )
        best = [instance for instance in available if instance not in rather_not] or available
        return min(best, key=lambda instance: (instance.outstanding, self._chance.random()), default=None)

    def check(self) -> None:
        """Raises `Unavailable` where no instance takes requests."""
        if not any(instance.available or instance.still_available for instance in self._all):
            raise Unavailable(
                "; ".join(f"{instance.url}: {instance.trouble or 'is full'}" for instance in self._all)
            )

    async def watch(self, probe: Probe) -> None:
        """Probe each instance every second, until cancelled."""
        async with asyncio.TaskGroup() as watching:
            for instance in self._all:
                watching.create_task(self._watch(instance, probe))

    async def _watch(self, instance: Instance, probe: Probe) -> None:
        while True:
            answers = instance.answers
            try:
                wrong = await probe(f"{instance.url}/readyz")
            except ConnectionRefusedError as error:
                instance.failed(str(error) or "refused", is_gone=True)
            except (OSError, TimeoutError) as error:
                if instance.answers == answers:  # else it is busy with the requests that it answers
                    instance.failed(str(error) or type(error).__name__)
            except Exception as error:
                log.exception("bug while probing an instance", extra={"instance": instance.url})
                instance.failed(type(error).__name__)
            else:
                if wrong is None:
                    instance.ready()
                else:
                    instance.not_ready(wrong)
            await self._clock.sleep(PROBE_SECONDS)
