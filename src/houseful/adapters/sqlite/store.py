"""The store on SQLite: one file per service.

All writes go through the writer. Other processes may use the file too.
"""

import contextlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self, TypeVar, cast

import apsw

from houseful.adapters.optimistic.store import OptimisticStore
from houseful.adapters.optimistic.write_set import Overlay, WriteSet
from houseful.adapters.sqlite import health as sqlite_health
from houseful.adapters.sqlite.connection import connect
from houseful.adapters.sqlite.outbox import SqliteOutbox, append_statement
from houseful.adapters.sqlite.reads import SqliteReads
from houseful.adapters.sqlite.tables import Statement, Table, differences, evolve
from houseful.adapters.sqlite.transaction import SqliteTransaction
from houseful.adapters.sqlite.tuning import DEFAULT, SqliteTuning
from houseful.adapters.sqlite.writer import SqliteOverlay, SqliteWrites, Writer
from houseful.kernel import private_files
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Ids, Outbox
from houseful.messages import Message

D = TypeVar("D", bound=Document)
T = TypeVar("T")


class SqliteStore(OptimisticStore[Table, Statement, Statement]):
    """Implements `Store`. Belongs to the event loop in which it is used. Make it with `open`.

    Transactions that run one after another keep their code and pages in the processor's cache, which takes a
    twentieth off each.
    """

    gathers: ClassVar[bool] = True

    def __init__(
        self,
        path: Path,
        tables: Mapping[type[Document], Table],
        reads: SqliteReads,
        writer: Writer | None,
        overlay: SqliteOverlay,
        clock: Clock,
        ids: Ids,
    ) -> None:
        super().__init__(tables, overlay, writer, clock, ids, engine="sqlite", database=path.stem)
        self.reads = reads
        self._path = path
        self._writer = writer
        self._closed = False
        self._outbox = SqliteOutbox(reads.rows, self._write)
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
        tuning: SqliteTuning = DEFAULT,
    ) -> Self:
        """Open or make the file, and evolve it to the tables and indexes of `documents`.

        With `read_only` nothing is written, not even a missing index: for inspection of a running server's
        file. Raises `Unavailable` with the reason, in words for the operator.
        """
        tables = {kind: Table(kind, tuning) for kind in documents}
        try:
            if read_only:
                return cls._open_to_read(path, tables, clock, ids, tuning)
            return cls._open_to_write(path, tables, clock, ids, tuning)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Unavailable(sqlite_health.damaged(path, [str(error)])) from error
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"{path} cannot be opened: {error}{sqlite_health.rights(path)}") from error

    @staticmethod
    def has(path: Path, documents: Sequence[type[Document]]) -> bool:
        """Whether the file has all of these collections. Raises `Unavailable`."""
        tuning = DEFAULT
        try:
            with contextlib.closing(connect(path, apsw.SQLITE_OPEN_READONLY, tuning)) as connection:
                return not differences(connection, [Table(kind, tuning) for kind in documents])
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Unavailable(sqlite_health.damaged(path, [str(error)])) from error
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"{path} cannot be opened: {error}{sqlite_health.rights(path)}") from error

    @classmethod
    def _open_to_read(
        cls,
        path: Path,
        tables: Mapping[type[Document], Table],
        clock: Clock,
        ids: Ids,
        tuning: SqliteTuning,
    ) -> Self:
        reads = SqliteReads(path, tuning)
        different = differences(reads.reader, list(tables.values()))
        if different:
            raise Unavailable(f"{path} was made by another version of Houseful, which differs in {different}")
        return cls(path, tables, reads, None, Overlay(), clock, ids)

    @classmethod
    def _open_to_write(
        cls,
        path: Path,
        tables: Mapping[type[Document], Table],
        clock: Clock,
        ids: Ids,
        tuning: SqliteTuning,
    ) -> Self:
        private_files.make_folder(path.parent)
        path.touch(mode=0o600)
        connection = connect(path, apsw.SQLITE_OPEN_READWRITE, tuning)
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
            if mode != "wal":
                raise Unavailable(
                    f"{path} is on a file system that SQLite's write-ahead log does not work on"
                )
            connection.execute("PRAGMA synchronous = FULL")
            evolve(connection, list(tables.values()))
            reads = SqliteReads(path, tuning)
        except BaseException:
            connection.close()
            raise
        overlay: SqliteOverlay = Overlay()
        writer = Writer(connection, tables.values(), overlay, f"write {path.name}", tuning)
        reads.use_writer(writer)
        return cls(path, tables, reads, writer, overlay, clock, ids)

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    # Reads

    async def get(self, kind: type[D], id: str) -> D | None:
        read = self.reads.get(self.collections[kind], id)
        document: D | None = None if read is None else cast(D, read[1])
        return document

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        return await self.reads.get_many(self.collections[kind], ids)

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
        table = self.collections[kind]
        search = table.search(equal, by, since, until, after, descending)
        found = await self.reads.search(table, search, limit)
        return [cast(D, document) for _, document in found]

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        [(count,)] = await self.reads.rows(*self.collections[kind].count_search(equal))
        return int(count)

    # Writes

    def begin(self) -> SqliteTransaction:
        return SqliteTransaction(self, self.reads)

    async def watch_outbox(self) -> None:
        """Returns at once: a database file has one writer."""

    # Life

    async def ready(self) -> None:
        """Raises `Unavailable` with the reason.

        Writes only after a failed commit, to find out whether writing works again.
        """
        self.reads.check()
        if self._writer is None:
            return
        if not self._writer.alive:
            raise Unavailable(f"nothing writes to {self._path} any more")
        probe = "SELECT 1" if self._writer.trouble is None else "PRAGMA user_version = 0"
        await self._write((probe, (), False, None))

    async def close(self) -> None:
        """Commit write sets that were handed over, then close. Later calls raise `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        await self.reads.close()
        if self._writer is not None:
            await self._writer.close()

    # For transactions and the outbox

    def new_version(self) -> int:
        self._last_version += 1 << 16
        return self._last_version

    def encode_message(self, message: Message, traceparent: str | None) -> Statement:
        return append_statement(message, traceparent, self.clock, self.ids)

    async def _write(self, statement: Statement) -> int:
        """Run a write. Returns the number of changed rows after the commit."""
        writes: SqliteWrites = WriteSet([statement])
        self.writer.put(writes)
        await writes.wait()
        if writes.error is not None:
            raise writes.error
        return writes.changed
