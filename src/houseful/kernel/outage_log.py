"""Log lines about a lasting outage: one at once, then at doubling intervals, and one when it is over."""

import logging
from typing import Protocol

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Transient

_FIRST_INTERVAL_MILLIS = 60_000
_LONGEST_INTERVAL_MILLIS = 3_600_000


class WallClock(Protocol):
    def now(self) -> Millis: ...


class OutageLog:
    """Logs the failures of `what`.

    An error of another class is logged at once, a bug with its traceback. For one event loop.
    """

    def __init__(self, log: logging.Logger, clock: WallClock, what: str) -> None:
        self._log = log
        self._clock = clock
        self._what = what
        self._kind: type[Exception] | None = None
        self._since: Millis = 0
        self._said_at: Millis = 0
        self._interval_millis = _FIRST_INTERVAL_MILLIS
        self._failures = 0

    @property
    def lasts(self) -> bool:
        return self._kind is not None

    def failed(self, error: Exception) -> None:
        now = self._clock.now()
        if self._kind is None:
            self._since, self._failures, self._interval_millis = now, 0, _FIRST_INTERVAL_MILLIS
        self._failures += 1
        if type(error) is self._kind:
            if 0 <= now - self._said_at < self._interval_millis:  # a clock that was set back says it anew
                return
            self._interval_millis = min(self._interval_millis * 2, _LONGEST_INTERVAL_MILLIS)
        self._kind = type(error)
        self._said_at = now
        extra = {"error": str(error), "failures": self._failures}
        if isinstance(error, Transient):
            self._log.warning("%s: not now, tried again", self._what, extra=extra)
        else:
            self._log.error("%s: a bug, tried again", self._what, extra=extra, exc_info=error)

    def over(self) -> None:
        if self._kind is None:
            return
        seconds = max(0, self._clock.now() - self._since) // 1000
        self._kind = None
        self._log.info(
            "%s: goes on", self._what, extra={"after_seconds": seconds, "failures": self._failures}
        )
