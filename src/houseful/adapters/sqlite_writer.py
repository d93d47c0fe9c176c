"""The writer: one thread and one connection through which everything gets into the file.

Transactions hand their write sets over whole. The writer takes all that wait, applies each in its own
savepoint, in the order in which they came, and commits them together: one disk sync for all of them. Only
then are they settled, back on the event loop.

Until a write set is settled its documents are in the overlay of their tables, so that the next transaction on
a hot document can build on them instead of losing to them. Such a transaction depends on the write set: it
fails with it, and nothing that it found out is told to anybody before the write set is on disk. The version
check alone would not do: what another process writes may happen to have the version that the failed write set
would have made.

The overlay is only a hint. Whatever is missing from it costs a `Conflict`, never a wrong result.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import apsw

from houseful.adapters.sqlite_tables import Statement, Table
from houseful.common.errors import Conflict, Duplicate, Unavailable

BATCH_LIMIT = 512
"""Write sets in one commit. As many wait as there are transactions that wait for them."""

CHECKPOINT_PAGES = 4000
"""Pages in the log (16 MB) before they are copied into the database file."""

ENGINE_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)
"""The file's trouble, not one write set's."""

_log = logging.getLogger(__name__)


class WriteSet:
    """What one transaction writes. The writer's thread sets `error` and `changed`, the event loop everything
    else."""

    __slots__ = (
        "changed",
        "depends_on",
        "error",
        "failed",
        "overlaid",
        "sends",
        "settled",
        "statements",
        "waiters",
    )

    def __init__(
        self, statements: Sequence[Statement], depends_on: Sequence["WriteSet"] = (), *, sends: bool = False
    ) -> None:
        self.statements = statements
        self.depends_on = depends_on
        self.sends = sends
        self.overlaid: list[tuple[Table, str]] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.error: Exception | None = None
        self.changed = 0
        """How many rows the last statement changed."""
        self.settled = False
        self.failed = False
        """It is certain that it will not be committed, although it may not be settled yet."""

    def overlay(self, table: Table, id: str, version: int, body: bytes | None) -> None:
        """Let the following transactions see this document, or that it is gone."""
        table.overlay[id] = (version, body, self)
        self.overlaid.append((table, id))

    async def wait(self) -> None:
        """Until it is settled. Each waiter has a future of its own, so that one is cancelled without the
        others."""
        if not self.settled:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.append(future)
            await future


class Writer:
    """`put` and `close` belong to one event loop; the connection belongs to the writer's thread."""

    def __init__(self, connection: apsw.Connection, name: str) -> None:
        self.trouble: str | None = None
        """Why the last commit failed, if it did."""
        self.wakes: list[Callable[[], None]] = []
        """Called after a commit with messages."""
        self._connection = connection
        self._queue: SimpleQueue[list[WriteSet]] = SimpleQueue()
        self._gathered: list[WriteSet] = []
        self._in_flight: deque[WriteSet] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._log_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        connection.set_wal_hook(self._measure_log)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # On the event loop

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closed

    def put(self, writes: WriteSet) -> None:
        """Hand over. Raises `Unavailable` after `close`. What comes in one turn of the loop goes over
        together."""
        if self._closed:
            raise Unavailable("the store is closed")
        if not self._gathered:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._flush)
        self._gathered.append(writes)
        self._in_flight.append(writes)

    def _flush(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def _settle(self, batch: Sequence[WriteSet]) -> None:
        sent = failed = False
        for writes in batch:
            self._in_flight.popleft()
            writes.settled = True
            if writes.error is None:
                sent = sent or writes.sends
            else:
                failed = writes.failed = True
            _clear(writes)
            for future in writes.waiters:
                if not future.done():
                    future.set_result(None)
            # Each depends on the one before; kept, a hot document's past would never be freed.
            writes.depends_on = writes.statements = ()
        if failed:
            self._doom()
        if sent and self._loop is not None:
            for wake in self.wakes:
                self._loop.call_soon(wake)

    def _doom(self) -> None:
        """Take what builds on a failure out of the overlay at once, or else the failures would have no
        end."""
        for writes in self._in_flight:
            if not writes.failed and any(earlier.failed for earlier in writes.depends_on):
                writes.failed = True
                _clear(writes)

    async def close(self) -> None:
        """Commit what was handed over, checkpoint, close the connection."""
        if self._closed:
            return
        self._closed = True
        self._flush()
        self._queue.put([])
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # In the thread

    def _run(self) -> None:
        closing = False
        left: list[WriteSet] = []
        while not closing or left:
            batch, left, closing = self._take(left, closing)
            if batch:
                self._commit(batch)
                self._hand_back(batch)
                self._checkpoint_if_due()
        self._close_connection()

    def _take(self, left: list[WriteSet], closing: bool) -> tuple[list[WriteSet], list[WriteSet], bool]:
        """The next batch, what is left over for the one after it, and whether that is the end."""
        batch = left
        try:
            while len(batch) < BATCH_LIMIT and not closing:
                arrived = self._queue.get(block=not batch)
                closing = not arrived
                batch = batch + arrived
        except Empty:
            pass  # nothing else waits
        return batch[:BATCH_LIMIT], batch[BATCH_LIMIT:], closing

    def _commit(self, batch: Sequence[WriteSet]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for writes in batch:
                self._apply(writes)
            self._connection.execute("COMMIT")
            self.trouble = None
        except Exception as error:
            # Also what was refused was refused in view of writes that are lost now.
            if self.trouble is None:
                _log.exception(
                    "a commit of %d transactions failed; those that follow are not logged", len(batch)
                )
            self.trouble = f"{type(error).__name__}: {error}"
            self._roll_back()
            for writes in batch:
                writes.error = Unavailable(f"the store could not write: {self.trouble}")

    def _apply(self, writes: WriteSet) -> None:
        """In a savepoint. Raises what ends the whole batch; what concerns only this write set becomes its
        error."""
        for earlier in writes.depends_on:
            if earlier.error is not None:
                writes.error = Conflict("this built on a transaction that failed")
                return
        connection = self._connection
        execute = connection.execute
        changes = connection.changes
        execute("SAVEPOINT one")
        try:
            for sql, bindings, must_change, _ in writes.statements:
                execute(sql, bindings)
                if must_change and changes() != 1:
                    raise Conflict("a document was changed by somebody else")
            writes.changed = changes()
        except ENGINE_ERRORS:
            raise
        except Exception as error:
            execute("ROLLBACK TO one")
            writes.error = self._verdict(writes, error)
        execute("RELEASE one")

    def _verdict(self, writes: WriteSet, error: Exception) -> Exception:
        """A duplicate counts only if everything that the transaction relied on still held; otherwise it is to
        be rerun."""
        if not isinstance(error, apsw.ConstraintError) or "UNIQUE" not in str(error):
            return error
        for _, bindings, _, verify in writes.statements:
            if verify is not None and not self._connection.execute(verify, bindings[-2:]).fetchall():
                return Conflict("a document was changed by somebody else")
        # "UNIQUE constraint failed: table.one, table.two"
        columns = [column.rpartition(".")[2] for column in str(error).rpartition(": ")[2].split(", ")]
        table = str(error).rpartition(": ")[2].partition(".")[0]
        return Duplicate(table, "_".join(columns))

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            _log.exception(
                "the failed commit could not be rolled back"
            )  # then the next BEGIN fails, and says so

    def _hand_back(self, batch: Sequence[WriteSet]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, batch)
        except RuntimeError:
            _log.warning("the event loop ended before %d transactions were acknowledged", len(batch))

    def _measure_log(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages < self._log_pages:
            self._checkpoint_at = CHECKPOINT_PAGES
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_if_due(self) -> None:
        """After the acknowledgements, so that nobody's commit waits for it. Readers may keep the log from
        being reused."""
        if self._log_pages >= self._checkpoint_at:
            self._checkpoint_at = self._log_pages + CHECKPOINT_PAGES
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error:
                _log.exception("a checkpoint failed; the log grows until one succeeds")

    def _close_connection(self) -> None:
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            _log.exception("the last checkpoint failed; the next start reads the log")
        self._connection.close()


def _clear(writes: WriteSet) -> None:
    """Take out of the overlay what is still this write set's there."""
    for table, id in writes.overlaid:
        entry = table.overlay.get(id)
        if entry is not None and entry[2] is writes:
            del table.overlay[id]
    writes.overlaid.clear()
