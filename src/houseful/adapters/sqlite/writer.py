"""The group commit on SQLite: one connection for all writes into the file.

The writer applies write sets in the order of the hand-over, and commits a batch together: one disk sync for
all. A write set that fails after it has written, which is rare, rolls the batch back. The writer then applies
the batch again with a savepoint for each write set. A savepoint copies each page that changes after it.

Statements run on the event loop and take a few microseconds each. A thread would contend with the loop for
the interpreter at every statement, which costs more than the statements. The thread does blocking work:
COMMIT, checkpoints, and BEGIN while another process writes.

A write set fails with those that it depends on. The version check alone would not do: another process may
write the very version that the failed write set would have written.

The cache of committed documents is current while this process has the write lock. At other times one check
per turn of the loop tells whether another process has written.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import apsw

from houseful.adapters.optimistic import verdicts
from houseful.adapters.optimistic.group_commit import GroupCommit
from houseful.adapters.optimistic.write_set import Overlay, WriteSet
from houseful.adapters.sqlite.connection import ENGINE_ERRORS
from houseful.adapters.sqlite.tables import Statement, Table
from houseful.adapters.sqlite.tuning import LEAST_BYTES, SqliteTuning
from houseful.adapters.sqlite.write_thread import WriteThread
from houseful.kernel.errors import Duplicate, Unavailable
from houseful.kernel.telemetry import get_logger

SqliteWrites = WriteSet[Table, Statement, Statement]
SqliteOverlay = Overlay[Table, Statement, Statement]

log = get_logger(__name__)


class _WrittenInPart(Exception):
    """A write set without a savepoint failed after it had written."""


class Writer(GroupCommit[Table, Statement, Statement]):
    """The group commit. Everything but the work of the thread belongs to one event loop."""

    def __init__(
        self,
        connection: apsw.Connection,
        tables: Collection[Table],
        overlay: SqliteOverlay,
        name: str,
        tuning: SqliteTuning,
    ) -> None:
        super().__init__(overlay)
        self._connection = connection
        # One cursor for all that is applied: a new one for each statement is a tenth of its time.
        self._execute: Callable[..., Any] = connection.cursor().execute
        self._tables = tables
        self._tuning = tuning
        self.end_reads: Callable[[], None] = lambda: None
        """Ends a transaction that only reads, before the connection changes hands."""
        self._data_version: int | None = None
        self._has_checked = False
        self._has_lock = False
        self._running = False
        self._uses_savepoints = False
        connection.set_busy_timeout(0)  # the loop never waits; the thread does
        self._thread = WriteThread(connection, name, tuning)

    @property
    def alive(self) -> bool:
        return self._thread.alive and not self._closed

    @property
    def idle_connection(self) -> apsw.Connection | None:
        """The connection, while the loop has it and nothing is uncommitted. Whoever begins to read in it ends
        that in `end_reads`."""
        if self._thread.has_connection or self._closed or self._connection.in_transaction:
            return None
        return self._connection

    async def close(self) -> None:
        """Commit what was handed over, checkpoint, close the connection."""
        if self._closed:
            return
        self._closed = True
        while self.pending:
            await (self._waiting[-1] if self._waiting else self._batch[-1]).wait()
        self.end_reads()
        await self._thread.stop()

    # The cache

    @property
    def cache_is_current(self) -> bool:
        """Whether the cache matched the file in this turn of the loop."""
        if self._has_checked:
            return True
        if not self._has_lock:
            if self._thread.has_connection or self._closed:
                return False
            try:
                self._check_for_other_writers()
            except ENGINE_ERRORS:
                return False
        self._has_checked = True
        asyncio.get_running_loop().call_soon(self._expire_check)
        return True

    def _check_for_other_writers(self) -> None:
        """Invalidate the cache if another connection has written
        (https://www.sqlite.org/pragma.html#pragma_data_version).
        """
        version = self._connection.execute("PRAGMA data_version").get
        if version != self._data_version:
            self._data_version = version
            for table in self._tables:
                table.cache.invalidate()

    def _expire_check(self) -> None:
        self._has_checked = False

    def _on_commit(self, writes: SqliteWrites) -> None:
        """Refresh cached documents. Others stay uncached until they are read, or join if that is soon."""
        for table, (_, id), version, document in writes.overlaid:
            if id in table.cache:
                table.cache[id] = None if document is None else (version, document)
            elif table.read_soon and document is not None:
                table.cache.put(id, (version, document), LEAST_BYTES)
        for table, key in writes.uncertain:
            table.cache.pop(key[1], None)

    # Batches

    def _start(self) -> None:
        """Start gathering. Write sets that arrive while the loop is busy share a commit."""
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_soon(self._gather)

    def _gather(self, had: int = 0, turns: int = 0) -> None:
        """Begin once a turn of the loop has brought no new write set.

        A larger batch costs less per write set.
        """
        has = len(self._waiting)
        if had < has < self._tuning.batch_limit and turns < self._tuning.gather_turns:
            asyncio.get_running_loop().call_soon(self._gather, has, turns + 1)
        else:
            self._begin()

    def _begin(self) -> None:
        """Begin at once where no other process writes. Otherwise the thread waits."""
        self.end_reads()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            self._thread.begin(self._begun)
        except Exception as error:
            self._begun(error)
        else:
            self._begun(None)

    def _begun(self, error: Exception | None) -> None:
        if not self._uses_savepoints:
            size = min(len(self._waiting), self._tuning.batch_limit)
            self._batch = [self._waiting.popleft() for _ in range(size)]
        try:
            if error is not None:
                raise error
            self._check_for_other_writers()
            self._has_lock = True
            for writes in self._batch:
                self._apply(writes)
        except _WrittenInPart:
            self._begin_again()
        except Exception as trouble:
            self._end(trouble)
        else:
            self._thread.commit(self._end)

    def _begin_again(self) -> None:
        """Apply the batch once more, each write set in a savepoint."""
        self._has_lock = False
        self._uses_savepoints = True
        self._roll_back()
        for writes in self._batch:
            writes.error = None
        self._begin()

    def _end(self, error: Exception | None) -> None:
        """Settle the batch after its commit or failure."""
        self._has_lock = self._uses_savepoints = False
        if error is None:
            self.trouble = None
            for writes in self._batch:
                writes.committed = writes.error is None
        else:
            self._fail(error)
        self._settle()
        if self._thread.checkpoint_is_due:
            # After the acknowledgements, so that none of the waiters waits for it too.
            self._thread.checkpoint(self._go_on)
        else:
            # The waiters of this batch go first, and may have something for the next.
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self, checkpoint_failure: Exception | None = None) -> None:
        if self._waiting:
            self._gather()
        else:
            self._running = False

    def _fail(self, error: Exception) -> None:
        """Fail the whole batch. Verdicts within it are void: they relied on writes that are lost."""
        self._report(len(self._batch), f"{type(error).__name__}: {error}", error)
        self._roll_back()
        for writes in self._batch:
            writes.error = Unavailable(f"the store could not write: {self.trouble}")

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            # The next BEGIN fails, and says so.
            log.exception("the failed commit could not be rolled back")

    # A write set

    def _apply(self, writes: SqliteWrites) -> None:
        """Apply a write set.

        Raises errors of the engine, which end the batch, and `_WrittenInPart`. Any other error is the
        verdict of the write set.
        """
        for earlier in writes.depends_on:
            if earlier.error is not None:
                writes.error = verdicts.built_on_failure()
                return
        execute, changes = self._execute, self._connection.changes
        has_written = False
        if self._uses_savepoints:
            execute("SAVEPOINT one")
        try:
            for table, id in writes.absent:
                if execute(table.exists, (id,)).get is not None:
                    raise Duplicate(table.name, "id")
            for statements in (writes.changes, writes.messages):
                for sql, bindings, must_change, _ in statements:
                    execute(sql, bindings)
                    if must_change and changes() != 1:
                        raise verdicts.changed()
                    has_written = True
            writes.changed = changes()
        except ENGINE_ERRORS:
            raise
        except Exception as error:
            if self._uses_savepoints:
                execute("ROLLBACK TO one")
            elif has_written:
                raise _WrittenInPart from error
            writes.error = self._verdict(writes, error)
        if self._uses_savepoints:
            execute("RELEASE one")

    def _verdict(self, writes: SqliteWrites, error: Exception) -> Exception:
        """A duplicate counts only if all reads of the transaction still hold; otherwise it is a conflict."""
        is_unique = isinstance(error, apsw.ConstraintError) and "UNIQUE" in str(error)
        if not is_unique and not isinstance(error, Duplicate):
            return error
        for _, bindings, _, verify in writes.changes:
            if verify is not None and not self._connection.execute(verify, bindings[-2:]).fetchall():
                return verdicts.changed()
        if isinstance(error, Duplicate):
            return error
        # "UNIQUE constraint failed: table.one, table.two"
        columns = [column.rpartition(".")[2] for column in str(error).rpartition(": ")[2].split(", ")]
        table = str(error).rpartition(": ")[2].partition(".")[0]
        return Duplicate(table, "_".join(columns))
