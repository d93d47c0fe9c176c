"""The store on SQLite: one file per service.

Reads run on the event loop's thread, where a point read takes less than the way to another thread; long
searches run in a thread of their own. What was read is kept decoded for as long as nobody else has written.
All writes go through the writer, see `sqlite_writer`. Other processes may use the file too.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import apsw
import msgspec

from houseful.adapters.sqlite import health as sqlite_health
from houseful.adapters.sqlite.outbox import SqliteOutbox
from houseful.adapters.sqlite.tables import Row, Seen, Statement, Table, differences, evolve
from houseful.adapters.sqlite.transaction import SqliteTransaction
from houseful.adapters.sqlite.writer import BUSY_TIMEOUT_MS, ENGINE_ERRORS, Writer, WriteSet
from houseful.kernel import private_files
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Conflict, Unavailable
from houseful.kernel.ports import Clock, Ids, Outbox, Transaction

D = TypeVar("D", bound=Document)
T = TypeVar("T")

ATTEMPTS = 12
JITTER_LIMIT_MS = 50
CACHE_KIB = 16_384
"""Per connection, and only as far as it is used."""

SHORT_SEARCH_LIMIT = 200
"""Searches for more documents than this would stop the event loop for too long."""

_READ_ERRORS = (*ENGINE_ERRORS, apsw.ConnectionClosedError)

_encode = msgspec.json.Encoder().encode


class SqliteStore:
    """Implements `Store`. Belongs to the event loop in which it is used."""

    def __init__(self, path: Path, tables: Mapping[type[Document], Table], clock: Clock, ids: Ids) -> None:
        self.clock = clock
        self.ids = ids
        self.tables = tables
        self._path = path
        self._writer: Writer | None = None
        self._reader = _connect(path, apsw.SQLITE_OPEN_READONLY)
        self._searcher = _connect(path, apsw.SQLITE_OPEN_READONLY)
        self._search_thread = ThreadPoolExecutor(1, thread_name_prefix=f"search {path.name}")
        self._closed = False
        self._outbox = SqliteOutbox(self._rows, self._write)
        # A version starts anywhere and goes up by one. No two documents start at the same number, so that one
        # that was deleted and inserted again is not taken for unchanged.
        self._last_version = zlib.crc32(ids.secret().encode()) << 28

    @classmethod
    def open(
        cls,
        path: Path,
        documents: Sequence[type[Document]],
        *,
        clock: Clock,
        ids: Ids,
        read_only: bool = False,
    ) -> Self:
        """Open the file, or make it, and bring it to these documents' tables and indexes.

        With `read_only` nothing is written, not even a missing index; this is for a look at the file of a
        running server. Raises `Unavailable` with what is wrong, in words for the operator.
        """
        tables = {kind: Table(kind) for kind in documents}
        try:
            if read_only:
                return cls._open_to_read(path, tables, clock, ids)
            return cls._open_to_write(path, tables, clock, ids)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Unavailable(sqlite_health.damaged(path, [str(error)])) from error
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"{path} cannot be opened: {error}{sqlite_health.rights(path)}") from error

    @staticmethod
    def has(path: Path, documents: Sequence[type[Document]]) -> bool:
        """Whether the file has all of these collections. Raises `Unavailable`."""
        try:
            with contextlib.closing(_connect(path, apsw.SQLITE_OPEN_READONLY)) as connection:
                return not differences(connection, [Table(kind) for kind in documents])
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Unavailable(sqlite_health.damaged(path, [str(error)])) from error
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"{path} cannot be opened: {error}{sqlite_health.rights(path)}") from error

    @classmethod
    def _open_to_read(
        cls, path: Path, tables: Mapping[type[Document], Table], clock: Clock, ids: Ids
    ) -> Self:
        store = cls(path, tables, clock, ids)
        different = differences(store._reader, list(tables.values()))
        if different:
            raise Unavailable(f"{path} was made by another version of Houseful, which differs in {different}")
        return store

    @classmethod
    def _open_to_write(
        cls, path: Path, tables: Mapping[type[Document], Table], clock: Clock, ids: Ids
    ) -> Self:
        private_files.make_folder(path.parent)
        path.touch(mode=0o600)
        connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
            if mode != "wal":
                raise Unavailable(
                    f"{path} is on a file system that SQLite's write-ahead log does not work on"
                )
            connection.execute("PRAGMA synchronous = FULL")
            evolve(connection, list(tables.values()))
            store = cls(path, tables, clock, ids)
        except BaseException:
            connection.close()
            raise
        store._writer = Writer(connection, tables.values(), f"write {path.name}")
        return store

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    # Reads

    async def get(self, kind: type[D], id: str) -> D | None:
        table = self.tables[kind]
        seen = self.seen(table, id)
        document: D | None = None if seen is None else seen[1]
        return document

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        table = self.tables[kind]
        if len(ids) > SHORT_SEARCH_LIMIT:
            return await self._aside(lambda connection: _many(connection, table, ids))
        return _many(self._connection(), table, ids)

    async def find(
        self,
        kind: type[D],
        equal: Mapping[str, Scalar],
        *,
        by: str = "id",
        since: Scalar = None,
        until: Scalar = None,
        after: tuple[Scalar, str] | None = None,
        descending: bool = False,
        limit: int,
    ) -> list[D]:
        table = self.tables[kind]
        found = await self.search(table, table.search(equal, by, since, until, after, descending), limit)
        return [document for _, document in found]

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        [(count,)] = await self._rows(*self.tables[kind].count_search(equal))
        return int(count)

    # Writes

    def begin(self) -> SqliteTransaction:
        return SqliteTransaction(self)

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        # Others who have come in this turn of the loop come this far first. That one transaction follows the
        # other keeps their code and their pages in the processor's cache, and takes a twentieth off each.
        await asyncio.sleep(0)
        for attempt in range(ATTEMPTS):
            try:
                async with self.begin() as transaction:
                    return await work(transaction)
            except Conflict:
                if attempt == ATTEMPTS - 1:
                    raise
            # Real time, whatever the clock says: this waits for the writer's thread.
            await asyncio.sleep(self._jitter() * min(2**attempt, JITTER_LIMIT_MS) / 1000)
        raise AssertionError("the last attempt returns or raises")

    def _jitter(self) -> float:
        return zlib.crc32(self.ids.new("jitter").encode()) / 2**32

    @property
    def changes(self) -> int:
        return 0 if self._writer is None else self._writer.committed

    def on_send(self, wake: Callable[[], None]) -> None:
        if self._writer is not None:
            self._writer.wakes.append(wake)

    async def watch_outbox(self) -> None:
        """Nobody else sends: a database file has one writer."""

    # Life

    async def ready(self) -> None:
        """Writes for real only if the last commit failed: to find out whether that is over."""
        _rows(self._reader, "SELECT 1", ())
        if self._writer is None:
            return
        if not self._writer.alive:
            raise Unavailable(f"nothing writes to {self._path} any more")
        probe = "SELECT 1" if self._writer.trouble is None else "PRAGMA user_version = 0"
        await self._write((probe, (), False, None))

    async def close(self) -> None:
        """What was handed over is committed first. Everything that comes later raises `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._search_thread.shutdown)
        self._reader.close()
        self._searcher.close()
        if self._writer is not None:
            await self._writer.close()

    # For transactions and the outbox

    @property
    def writer(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("the store was opened to be read only")
        return self._writer

    def new_version(self) -> int:
        self._last_version += 1 << 16
        return self._last_version

    def seen(self, table: Table, id: str) -> Seen | None:
        """As committed."""
        knows = self._writer is not None and self._writer.knows
        if knows and id in table.known:
            return table.known[id]
        try:
            row: tuple[int, bytes] | None = self._connection().execute(table.select, (id,)).get
        except _READ_ERRORS as error:
            raise _unreadable(error) from error
        seen = None if row is None else (row[0], table.decode(row[1]))
        if knows:
            table.learn(id, seen, 0 if row is None else len(row[1]))
        return seen

    def _connection(self) -> apsw.Connection:
        """For a short read. The writer's, whenever it has nothing uncommitted: its pages are still in its
        cache, while every other connection has to read again from the log what was committed since it last
        looked."""
        idle = None if self._writer is None else self._writer.idle_connection
        return self._reader if idle is None else idle

    async def search(self, table: Table, search: tuple[str, list[Scalar]], limit: int) -> list[Seen]:
        sql, bindings = search
        if limit > SHORT_SEARCH_LIMIT:
            return await self._aside(lambda connection: _found(connection, table, sql, (*bindings, limit)))
        return _found(self._connection(), table, sql, (*bindings, limit))

    async def _write(self, statement: Statement) -> int:
        """How many rows it changed, when that is committed."""
        writes = WriteSet([statement])
        self.writer.put(writes)
        await writes.wait()
        if writes.error is not None:
            raise writes.error
        return writes.changed

    async def _rows(self, sql: str, bindings: Sequence[Scalar]) -> list[Row]:
        return await self._aside(lambda connection: _rows(connection, sql, bindings))

    async def _aside(self, read: Callable[[apsw.Connection], T]) -> T:
        """Off the event loop; one at a time, with a connection of its own."""
        if self._closed:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._search_thread, read, self._searcher)


def _connect(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    # Without this a misspelt column would be taken for a string.
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def _rows(connection: apsw.Connection, sql: str, bindings: Sequence[Scalar]) -> list[Row]:
    try:
        return connection.execute(sql, bindings).fetchall()
    except _READ_ERRORS as error:
        raise _unreadable(error) from error


def _found(connection: apsw.Connection, table: Table, sql: str, bindings: Sequence[Scalar]) -> list[Seen]:
    decode = table.decode
    return [(version, decode(body)) for version, body, _, _ in _rows(connection, sql, bindings)]


def _many(connection: apsw.Connection, table: Table, ids: Sequence[str]) -> dict[str, D]:
    rows = _rows(connection, table.select_many, (_encode(ids).decode(),))
    found: dict[str, bytes] = dict(rows)
    return {id: table.decode(found[id]) for id in ids if id in found}


def _unreadable(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the store could not read: {type(error).__name__}: {error}")
