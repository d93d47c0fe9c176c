"""Background jobs of a process: supervised, restarted after a failure, reported to metrics and readiness."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge

from houseful.kernel.errors import Transient, Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff

log = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_GOOD_SECONDS = 20.0
"""The time without error after which a job counts as recovered."""

FAILURES = Counter(
    "houseful_jobs_failures_total",
    "How often a job ended with an error; kind is bug, or away for an engine that does not answer",
    ["job", "kind"],
)
LAST_FAILURE = Gauge(
    "houseful_jobs_last_failure_timestamp_seconds", "When it did so last, in seconds since 1970", ["job"]
)
FAILING = Gauge("houseful_jobs_failing", "1 from a job's failure until it has gone well for a while", ["job"])

Work = Callable[[], Awaitable[None]]


class BackgroundJobs:
    """The background jobs of one process. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bugs: dict[str, str] = {}

    async def supervise(self, name: str, work: Work) -> None:
        """Run `work` until it returns. An error restarts it after a pause; pauses grow until `work` has run
        without error for a while."""
        outage = OutageLog(log, self._clock, f"the job {name}")
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, random.Random())  # noqa: S311 - jitter
        FAILING.labels(name).set(0)

        async def recover() -> None:
            await self._clock.sleep(_GOOD_SECONDS)
            outage.over()
            backoff.succeeded()
            self._bugs.pop(name, None)
            FAILING.labels(name).set(0)

        while True:
            recovering = asyncio.ensure_future(recover())
            try:
                await work()
                return
            except Exception as error:
                outage.failed(error)
                self._failed(name, error)
            finally:
                recovering.cancel()
            await self._clock.sleep(backoff.failed())

    def _failed(self, name: str, error: Exception) -> None:
        is_bug = not isinstance(error, Transient)
        FAILURES.labels(name, "bug" if is_bug else "away").inc()
        LAST_FAILURE.labels(name).set(self._clock.now() / 1000)
        FAILING.labels(name).set(1)
        if is_bug:
            self._bugs[name] = f"{type(error).__name__}: {error}"

    async def check(self) -> None:
        """Raises `Unavailable` naming the jobs that a bug stopped. Unreachable engines report themselves."""
        if self._bugs:
            told = "; ".join(f"{name} ended with {error}" for name, error in self._bugs.items())
            raise Unavailable(f"{told}; the log has the trace")
