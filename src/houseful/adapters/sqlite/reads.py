"""Reads of committed documents.

Reads by id run on the event loop, where a read takes less time than a switch to another thread. Long searches
run in a thread of their own. Decoded documents stay cached until another process writes.

The reads of one turn of the event loop share a transaction: the file is locked and unlocked once for all of
them. The transaction ends before the writer writes. It ends before a commit is acknowledged too: the loop
first runs what was asked for earlier. A transaction that begins after the commit reads what was committed.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import msgspec

from houseful.adapters.optimistic.changes import Versioned
from houseful.adapters.sqlite.connection import READ_ERRORS, connect, unreadable
from houseful.adapters.sqlite.tables import Row, Table
from houseful.adapters.sqlite.tuning import SqliteTuning
from houseful.adapters.sqlite.writer import Writer
from houseful.kernel.documents import Scalar
from houseful.kernel.errors import Unavailable

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class SqliteReads:
    """Belongs to one event loop. `writer` is None for a read-only store, which caches nothing."""

    def __init__(self, path: Path, tuning: SqliteTuning) -> None:
        self.writer: Writer | None = None
        self.reader = connect(path, apsw.SQLITE_OPEN_READONLY, tuning)
        self._searcher = connect(path, apsw.SQLITE_OPEN_READONLY, tuning)
        self._search_thread = ThreadPoolExecutor(1, thread_name_prefix=f"search {path.name}")
        self._short_search_limit = tuning.short_search_limit
        self._reading: apsw.Connection | None = None
        """The connection in which the reads of this turn of the loop have begun a transaction."""
        self._closed = False

    def use_writer(self, writer: Writer) -> None:
        """Cache documents, and read through the writer's connection while it is idle."""
        self.writer = writer
        writer.end_reads = self._end_transaction

    def get(self, table: Table, id: str) -> Versioned | None:
        cached = self.writer is not None and self.writer.cache_is_current
        if cached and id in table.cache:
            return table.cache[id]
        try:
            row: tuple[int, bytes] | None = self._connection().execute(table.select, (id,)).get
        except READ_ERRORS as error:
            raise unreadable(error) from error
        read = None if row is None else (row[0], table.decode(row[1]))
        if cached:
            table.cache.put(id, read, 0 if row is None else len(row[1]))
        return read

    async def get_many(self, table: Table, ids: Sequence[str]) -> dict[str, Any]:
        if len(ids) > self._short_search_limit:
            return await self._aside(lambda connection: _many(connection, table, ids))
        return _many(self._connection(), table, ids)

    async def search(self, table: Table, search: tuple[str, list[Scalar]], limit: int) -> list[Versioned]:
        sql, bindings = search
        if limit > self._short_search_limit:
            return await self._aside(lambda connection: _found(connection, table, sql, (*bindings, limit)))
        return _found(self._connection(), table, sql, (*bindings, limit))

    async def rows(self, sql: str, bindings: Sequence[Scalar]) -> list[Row]:
        return await self._aside(lambda connection: _rows(connection, sql, bindings))

    def check(self) -> None:
        """Raises `Unavailable` where reads fail."""
        _rows(self.reader, "SELECT 1", ())

    async def close(self) -> None:
        self._closed = True
        self._end_transaction()
        await asyncio.get_running_loop().run_in_executor(None, self._search_thread.shutdown)
        self.reader.close()
        self._searcher.close()

    def _connection(self) -> apsw.Connection:
        """A connection for a short read: the writer's, while it has nothing uncommitted.

        Its page cache is warm; another connection reads from the log all pages committed since its last read.
        """
        if self._reading is None:
            idle = None if self.writer is None else self.writer.idle_connection
            connection = self.reader if idle is None else idle
            try:
                connection.execute("BEGIN")
            except READ_ERRORS as error:
                raise unreadable(error) from error
            self._reading = connection
            asyncio.get_running_loop().call_soon(self._end_transaction)
        return self._reading

    def _end_transaction(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None and reading.in_transaction:
            reading.execute("COMMIT")

    async def _aside(self, read: Callable[[apsw.Connection], T]) -> T:
        """Run a read off the event loop, one at a time, on a separate connection."""
        if self._closed:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._search_thread, read, self._searcher)


def _rows(connection: apsw.Connection, sql: str, bindings: Sequence[Scalar]) -> list[Row]:
    try:
        return cast(list[Row], connection.execute(sql, bindings).fetchall())
    except READ_ERRORS as error:
        raise unreadable(error) from error


def _found(
    connection: apsw.Connection, table: Table, sql: str, bindings: Sequence[Scalar]
) -> list[Versioned]:
    decode = table.decode
    return [(version, decode(body)) for version, body, _, _ in _rows(connection, sql, bindings)]


def _many(connection: apsw.Connection, table: Table, ids: Sequence[str]) -> dict[str, Any]:
    rows = _rows(connection, table.select_many, (_encode(ids).decode(),))
    found: dict[str, bytes] = dict(rows)
    return {id: table.decode(found[id]) for id in ids if id in found}
