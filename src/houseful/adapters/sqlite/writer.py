"""The writer: one connection through which everything gets into the file.

Transactions hand their write sets over whole. The writer takes all that wait, applies each in its own
savepoint, in the order in which they came, and commits them together: one disk sync for all of them. Only
then are they settled.

The statements run on the event loop, where they take a few microseconds each; a thread that ran them would
fight the loop for the interpreter at every single one, which cost more than the statements did. What waits
for the disk, or for another process, is done by the writer's thread: COMMIT, checkpoints, and BEGIN where
somebody else is writing. Loop and thread use the connection in turns, never at once.

Until a write set is settled its documents are in the overlay of their tables, so that the next transaction on
a hot document can build on them instead of losing to them. Such a transaction depends on the write set: it
fails with it, and nothing that it found out is told to anybody before the write set is on disk. The version
check alone would not do: what another process writes may happen to have the version that the failed write set
would have made.

The overlay is only a hint. Whatever is missing from it costs a `Conflict`, never a wrong result.

What is on disk is known without reading it again, as far as it was read before: nobody else can have changed
it while the write lock is ours, and when it is not, one look a turn of the loop tells whether somebody has.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from queue import SimpleQueue

import apsw

from houseful.adapters.sqlite.tables import Statement, Table
from houseful.kernel.documents import Document
from houseful.kernel.errors import Conflict, Duplicate, Unavailable

BATCH_LIMIT = 128
"""Write sets in one commit: what the event loop applies in one go, some three milliseconds."""

GATHER_TURNS = 5
"""So many turns of the loop a batch waits at most for more to come."""

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process that is writing."""

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
    """What one transaction writes, and what became of it."""

    __slots__ = (
        "absent",
        "changed",
        "depends_on",
        "error",
        "failed",
        "overlaid",
        "sends",
        "settled",
        "statements",
        "unsure",
        "waiters",
    )

    def __init__(
        self, statements: list[Statement], depends_on: Sequence["WriteSet"] = (), *, sends: bool = False
    ) -> None:
        self.statements = statements
        self.depends_on = depends_on
        self.sends = sends
        self.absent: Sequence[tuple[Table, str]] = ()
        """Documents that must not be there."""
        self.overlaid: list[tuple[Table, str, int, Document | None]] = []
        self.unsure: list[tuple[Table, str]] = []
        """Inserts of which it is not certain which one will be there in the end."""
        self.waiters: list[asyncio.Future[None]] = []
        self.error: Exception | None = None
        self.changed = 0
        """How many rows the last statement changed."""
        self.settled = False
        self.failed = False
        """It is certain that it will not be committed, although it may not be settled yet."""

    def show(self) -> None:
        """Let the following transactions see these documents, or that they are gone."""
        for table, id, version, document in self.overlaid:
            table.overlay[id] = (version, document, self)

    async def wait(self) -> None:
        """Until it is settled. Each waiter has a future of its own, so that one is cancelled without the
        others."""
        if not self.settled:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.append(future)
            await future


class Writer:
    """Everything but the thread's work belongs to one event loop."""

    def __init__(self, connection: apsw.Connection, tables: Collection[Table], name: str) -> None:
        self.trouble: str | None = None
        """Why the last commit failed, if it did."""
        self.committed = 0
        """How many write sets."""
        self.wakes: list[Callable[[], None]] = []
        """Called after a commit with messages."""
        self._connection = connection
        # One cursor for all that is applied: a new one for each statement is a tenth of its time.
        self._execute = connection.cursor().execute
        self._tables = tables
        self._data_version: int | None = None
        self._has_looked = False
        self._has_lock = False
        self._waiting: deque[WriteSet] = deque()
        self._batch: list[WriteSet] = []
        self._in_flight: deque[WriteSet] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = False
        self._with_thread = False
        self._closed = False
        self._log_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        connection.set_busy_timeout(0)  # the loop never waits; the thread does
        connection.set_wal_hook(self._measure_log)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # On the event loop

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closed

    @property
    def idle_connection(self) -> apsw.Connection | None:
        """The connection, while it is the loop's and has nothing uncommitted."""
        if self._with_thread or self._closed or self._connection.in_transaction:
            return None
        return self._connection

    @property
    def knows(self) -> bool:
        """Whether what the tables know is what is on disk, or was so in this turn of the loop."""
        if self._has_looked:
            return True
        if not self._has_lock:
            if self._with_thread or self._closed:
                return False
            try:
                self._look()
            except ENGINE_ERRORS:
                return False
        self._has_looked = True
        asyncio.get_running_loop().call_soon(self._look_again)
        return True

    def _look(self) -> None:
        """Forget all if another connection has written (https://www.sqlite.org/pragma.html#pragma_data_version)."""
        version = self._connection.execute("PRAGMA data_version").get
        if version != self._data_version:
            self._data_version = version
            for table in self._tables:
                table.forget()

    def _look_again(self) -> None:
        self._has_looked = False

    def put(self, writes: WriteSet) -> None:
        """Hand over. Raises `Unavailable` after `close`. What comes while the loop is busy is committed
        together."""
        if self._closed:
            raise Unavailable("the store is closed")
        self._in_flight.append(writes)
        self._waiting.append(writes)
        if not self._running:
            self._running = True
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._gather)

    def _gather(self, had: int = 0, turns: int = 0) -> None:
        """Begin once a turn of the loop has brought nothing more. The larger a batch, the less each in it
        costs."""
        has = len(self._waiting)
        if had < has < BATCH_LIMIT and turns < GATHER_TURNS:
            self._expect_loop().call_soon(self._gather, has, turns + 1)
        else:
            self._begin()

    def _begin(self) -> None:
        """Begin at once where nobody else is writing; otherwise the thread waits for them."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            self._give(self._wait_to_begin)
        except Exception as error:
            self._begun(error)
        else:
            self._begun(None)

    def _give(self, work: Callable[[], None]) -> None:
        """The connection goes to the thread, until `_take_back`."""
        self._with_thread = True
        self._work.put(work)

    def _take_back(self, then: Callable[[], None]) -> None:
        self._with_thread = False
        then()

    def _begun(self, error: Exception | None) -> None:
        self._batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_LIMIT))]
        try:
            if error is not None:
                raise error
            self._look()
            self._has_lock = True
            for writes in self._batch:
                self._apply(writes)
        except Exception as trouble:
            self._fail(trouble)
            self._settle()
        else:
            self._give(self._commit)

    def _committed(self, error: Exception | None) -> None:
        self._has_lock = False
        if error is None:
            self.trouble = None
        else:
            self._fail(error)
        self._settle()

    def _settle(self) -> None:
        """The batch is on disk, or has failed."""
        sent = failed = False
        batch, self._batch = self._batch, []
        for writes in batch:
            self._in_flight.popleft()
            writes.settled = True
            if writes.error is None:
                self.committed += 1
                sent = sent or writes.sends
                _learn(writes)
            else:
                failed = writes.failed = True
            _clear(writes)
            for future in writes.waiters:
                if not future.done():
                    future.set_result(None)
            # Each depends on the one before; kept, a hot document's past would never be freed.
            writes.depends_on, writes.statements = (), []
        if failed:
            self._doom()
        if sent:
            for wake in self.wakes:
                self._expect_loop().call_soon(wake)
        if self._log_pages >= self._checkpoint_at:
            self._give(self._checkpoint)
        else:
            # Whoever was waiting for this batch goes first, and may have something for the next.
            self._expect_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._waiting:
            self._gather()
        else:
            self._running = False

    def _doom(self) -> None:
        """Take what builds on a failure out of the overlay at once, or else the failures would have no
        end."""
        for writes in self._in_flight:
            if not writes.failed and any(earlier.failed for earlier in writes.depends_on):
                writes.failed = True
                _clear(writes)

    def _fail(self, error: Exception) -> None:
        """The whole batch; also what was refused was refused in view of writes that are lost now."""
        if self.trouble is None:
            _log.error(
                "a commit of %d transactions failed; those that follow are not logged",
                len(self._batch),
                exc_info=error,
            )
        self.trouble = f"{type(error).__name__}: {error}"
        self._roll_back()
        for writes in self._batch:
            writes.error = Unavailable(f"the store could not write: {self.trouble}")

    async def close(self) -> None:
        """Commit what was handed over, checkpoint, close the connection."""
        if self._closed:
            return
        self._closed = True
        while self._in_flight:
            await self._in_flight[-1].wait()
        self._work.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _expect_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "what is settled was put"
        return self._loop

    def _apply(self, writes: WriteSet) -> None:
        """In a savepoint. Raises what ends the whole batch; what concerns only this write set becomes its
        error."""
        for earlier in writes.depends_on:
            if earlier.error is not None:
                writes.error = Conflict("this built on a transaction that failed")
                return
        execute, changes = self._execute, self._connection.changes
        execute("SAVEPOINT one")
        try:
            for table, id in writes.absent:
                if execute(table.exists, (id,)).get is not None:
                    raise Duplicate(table.name, "id")
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
        is_unique = isinstance(error, apsw.ConstraintError) and "UNIQUE" in str(error)
        if not is_unique and not isinstance(error, Duplicate):
            return error
        for _, bindings, _, verify in writes.statements:
            if verify is not None and not self._connection.execute(verify, bindings[-2:]).fetchall():
                return Conflict("a document was changed by somebody else")
        if isinstance(error, Duplicate):
            return error
        # "UNIQUE constraint failed: table.one, table.two"
        columns = [column.rpartition(".")[2] for column in str(error).rpartition(": ")[2].split(", ")]
        table = str(error).rpartition(": ")[2].partition(".")[0]
        return Duplicate(table, "_".join(columns))

    def _roll_back(self) -> None:
        self._has_lock = False
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            _log.exception(
                "the failed commit could not be rolled back"
            )  # then the next BEGIN fails, and says so

    # In the thread, while the loop keeps off the connection

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self._close_connection()

    def _wait_to_begin(self) -> None:
        error: Exception | None = None
        try:
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as trouble:
            error = trouble
        self._connection.set_busy_timeout(0)
        self._hand_back(lambda: self._begun(error))

    def _commit(self) -> None:
        error: Exception | None = None
        try:
            self._connection.execute("COMMIT")
        except Exception as trouble:
            error = trouble
        self._hand_back(lambda: self._committed(error))

    def _hand_back(self, then: Callable[[], None]) -> None:
        try:
            self._expect_loop().call_soon_threadsafe(self._take_back, then)
        except RuntimeError:
            _log.warning("the event loop ended before %d transactions were acknowledged", len(self._batch))

    def _measure_log(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages < self._log_pages:
            self._checkpoint_at = CHECKPOINT_PAGES
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """After the acknowledgements, so that nobody who is waiting waits for it too. Readers may keep the
        log from being reused."""
        self._checkpoint_at = self._log_pages + CHECKPOINT_PAGES
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            _log.exception("a checkpoint failed; the log grows until one succeeds")
        self._hand_back(self._go_on)

    def _close_connection(self) -> None:
        self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            _log.exception("the last checkpoint failed; the next start reads the log")
        self._connection.close()


def _learn(writes: WriteSet) -> None:
    """What was known of these documents is no longer so; the rest need not be known before somebody asks."""
    for table, id, version, document in writes.overlaid:
        if id in table.known:
            table.known[id] = None if document is None else (version, document)
    for table, id in writes.unsure:
        table.known.pop(id, None)


def _clear(writes: WriteSet) -> None:
    """Take out of the overlay what is still this write set's there."""
    for table, id, _, _ in writes.overlaid:
        entry = table.overlay.get(id)
        if entry is not None and entry[2] is writes:
            del table.overlay[id]
    writes.overlaid.clear()
