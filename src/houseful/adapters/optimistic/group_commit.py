"""The group commit: many write sets share one commit of the engine.

Write sets are committed in the order in which they were handed over. A write set that depends on a failed one
fails too (cascading abort), and no waiter learns of it before the ones it depends on are settled.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic

from houseful.adapters.optimistic import verdicts
from houseful.adapters.optimistic.write_set import C, M, Overlay, W, WriteSet
from houseful.kernel.errors import Unavailable
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)


class GroupCommit(ABC, Generic[C, W, M]):
    """Belongs to one event loop. An engine adds `_start` and the commit of a batch."""

    def __init__(self, overlay: Overlay[C, W, M]) -> None:
        self.trouble: str | None = None
        """Why the last commit failed, None where it did not."""
        self.committed = 0
        """Write sets that were committed."""
        self.wakes: list[Callable[[], None]] = []
        """Called after each commit with messages."""
        self._overlay = overlay
        self._waiting: deque[WriteSet[C, W, M]] = deque()
        self._batch: list[WriteSet[C, W, M]] = []
        """The write sets that are being committed."""
        self._closed = False

    @property
    def pending(self) -> int:
        """Write sets that are not settled."""
        return len(self._batch) + len(self._waiting)

    def put(self, writes: WriteSet[C, W, M]) -> None:
        """Hand a write set over. Raises `Unavailable` after `close`."""
        if self._closed:
            raise Unavailable("the store is closed")
        self._waiting.append(writes)
        self._start()

    @abstractmethod
    def _start(self) -> None:
        """Begin to commit, unless that has begun."""

    def _settle(self) -> None:
        """Settle the batch: each of its write sets is committed or has a verdict."""
        sent = failed = False
        batch, self._batch = self._batch, []
        for writes in batch:
            if writes.committed:
                self.committed += 1
                sent = sent or bool(writes.messages)
                self._on_commit(writes)
            else:
                failed = writes.failed = True
                if writes.error is None:
                    writes.error = Unavailable("the writer was interrupted")
            self._overlay.hide(writes)
            writes.settle()
        if failed:
            self._cascade_abort()
        if sent:
            loop = asyncio.get_running_loop()
            for wake in self.wakes:
                loop.call_soon(wake)

    def _on_commit(self, writes: WriteSet[C, W, M]) -> None:
        """The documents of this write set are durable and still in the overlay."""

    def _cascade_abort(self) -> None:
        """Fail waiting write sets that depend on a failed one, and hide them. Otherwise each new transaction
        on a hot document would build on a failure, as long as there is load."""
        for writes in self._waiting:
            if not writes.failed and any(earlier.failed for earlier in writes.depends_on):
                writes.failed = True
                writes.error = verdicts.built_on_failure()
                self._overlay.hide(writes)

    def _report(self, count: int, trouble: str, error: Exception | None = None) -> None:
        """Log the first failed commit of an outage. `error` is logged with its trace."""
        if self.trouble is None:
            log.error(
                "%d transactions failed; those that follow are not logged: %s", count, trouble, exc_info=error
            )
        self.trouble = trouble
