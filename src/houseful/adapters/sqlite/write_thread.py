"""The writer's thread: it waits for the disk and for other processes.

The event loop and the thread use the connection in turns. The loop passes the connection with `begin`,
`commit` or `checkpoint`, and has it back when the callback runs.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

import apsw

from houseful.adapters.sqlite.tuning import SqliteTuning
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)

Then = Callable[[Exception | None], None]
"""A callback on the event loop. Its argument is the error, or None."""


class WriteThread:
    def __init__(self, connection: apsw.Connection, name: str, tuning: SqliteTuning) -> None:
        self.name = name
        self.has_connection = False
        self._connection = connection
        self._tuning = tuning
        self._loop: asyncio.AbstractEventLoop | None = None
        self._log_pages = 0
        self._checkpoint_at = tuning.checkpoint_pages
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        connection.set_wal_hook(self._measure_log)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # On the event loop

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def checkpoint_is_due(self) -> bool:
        return self._log_pages >= self._checkpoint_at

    def begin(self, then: Then) -> None:
        """Wait until no other process writes, and begin a transaction."""
        self._give(self._begin, then)

    def commit(self, then: Then) -> None:
        self._give(self._commit, then)

    def checkpoint(self, then: Then) -> None:
        """Copy the log into the database file. Readers may keep the log from being reused."""
        self._checkpoint_at = self._log_pages + self._tuning.checkpoint_pages
        self._give(self._checkpoint, then)

    async def stop(self) -> None:
        """Checkpoint, and close the connection."""
        self._work.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _give(self, work: Callable[[], Exception | None], then: Then) -> None:
        self.has_connection = True
        self._loop = loop = asyncio.get_running_loop()
        self._work.put(lambda: self._do(work, then, loop))

    def _take_back(self, then: Then, failure: Exception | None) -> None:
        self.has_connection = False
        then(failure)

    # In the thread

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self._close_connection()

    def _do(self, work: Callable[[], Exception | None], then: Then, loop: asyncio.AbstractEventLoop) -> None:
        failure = work()
        try:
            loop.call_soon_threadsafe(self._take_back, then, failure)
        except RuntimeError:
            log.warning("the event loop ended before the last transactions were acknowledged")

    def _begin(self) -> Exception | None:
        failure: Exception | None = None
        try:
            self._connection.set_busy_timeout(self._tuning.busy_timeout_ms)
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:
            failure = error
        self._connection.set_busy_timeout(0)
        return failure

    def _commit(self) -> Exception | None:
        try:
            self._connection.execute("COMMIT")
        except Exception as error:
            return error
        return None

    def _measure_log(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages < self._log_pages:
            self._checkpoint_at = self._tuning.checkpoint_pages
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> Exception | None:
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.exception("a checkpoint failed; the log grows until one succeeds")
            return error
        return None

    def _close_connection(self) -> None:
        self._connection.set_busy_timeout(self._tuning.busy_timeout_ms)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            log.exception("the last checkpoint failed; the next start reads the log")
        self._connection.close()
