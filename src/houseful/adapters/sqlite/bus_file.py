"""The file of the local bus: a log per topic and partition in SQLite, and the committed offsets of each
group.

`BusWriter` has the only writing connection. Reads are short, hit recently written pages, and run on the event
loop.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw

from houseful.adapters.sqlite.bus_writer import BusWriter
from houseful.kernel import private_files
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery, Envelope

TopicPartition = tuple[str, int]
"""A topic and one of its partitions."""

PARTITIONS = 8
"""The partitions of each topic. Part of the file's format: a key keeps its partition."""

_ROWS_PER_DELETE = 5_000
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE entries (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, published_at INTEGER NOT NULL,
    id TEXT NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL, aggregatetype TEXT NOT NULL,
    key TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, traceparent TEXT, data BLOB NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
) STRICT, WITHOUT ROWID;
CREATE TABLE partitions (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE commits (
    "group" TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY ("group", topic, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE health (one INTEGER PRIMARY KEY, checked_at INTEGER NOT NULL) STRICT;
"""
_INSERT = """
INSERT INTO entries (
    topic, partition, "offset", published_at,
    id, source, type, aggregatetype, key, seq, time, traceparent, data
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_READ = """
SELECT "offset", id, source, type, aggregatetype, key, seq, time, traceparent, data
FROM entries WHERE topic = ? AND partition = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?
"""
_ENDS = "SELECT topic, partition, next_offset FROM partitions"
_MAKE_PARTITION = "INSERT INTO partitions VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
_MOVE_END = "UPDATE partitions SET next_offset = ? WHERE topic = ? AND partition = ?"
_JOIN = "INSERT INTO commits VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING"
_COMMITTED = 'SELECT topic, partition, next_offset FROM commits WHERE "group" = ?'
_COMMIT = """
UPDATE commits SET next_offset = max(next_offset, ?) WHERE "group" = ? AND topic = ? AND partition = ?
"""
_LAGS = """
SELECT "group", topic, sum(partitions.next_offset - commits.next_offset)
FROM commits JOIN partitions USING (topic, partition) GROUP BY "group", topic
"""
_FLOOR = "SELECT min(next_offset) FROM commits WHERE topic = ? AND partition = ?"
_FIRST = 'SELECT min("offset") FROM entries WHERE topic = ? AND partition = ?'
_FIRST_SINCE = """
SELECT "offset" FROM entries WHERE topic = ? AND partition = ? AND published_at >= ? ORDER BY "offset" LIMIT 1
"""
_DELETE = 'DELETE FROM entries WHERE topic = ? AND partition = ? AND "offset" < ?'


def partition_of(key: str) -> int:
    return crc32(key.encode()) % PARTITIONS


def _connect(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(5_000)
    return connection


def _lock_file(path: Path) -> apsw.Connection:
    """Lock `path` for this process until the connection is closed or the process ends."""
    lock = apsw.Connection(str(path))
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except apsw.BusyError as error:
        lock.close()
        raise Unavailable(f"{path} says that this bus is in use already") from error
    return lock


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA user_version").get == 0:
        with connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    _check_version(connection, path)


def _check_version(connection: apsw.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").get
    if version != _SCHEMA_VERSION:
        raise Unavailable(
            f"{path} has format {version}; this version of Houseful reads format {_SCHEMA_VERSION}"
        )


class BusFile:
    """Reads, and durable writes. Belongs to the event loop on which it was made.

    Reads and writes raise `Unavailable` on failures of SQLite. Callbacks `then` run in the order of the
    writes.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Open the file. Raises `Unavailable`, also where another process has the file open for writing."""
        self._path = path
        self._lock: apsw.Connection | None = None
        self._writer: BusWriter | None = None
        try:
            if not read_only:
                self._open_to_write()
            self._reading = _connect(path, apsw.SQLITE_OPEN_READONLY)
            _check_version(self._reading, path)
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"the local bus {path} can't be opened: {error}") from error

    def _open_to_write(self) -> None:
        private_files.make_folder(self._path.parent)
        self._lock = _lock_file(self._path.with_name(self._path.name + ".lock"))
        try:
            self._path.touch(mode=0o600)
            writing = _connect(self._path, apsw.SQLITE_OPEN_READWRITE)
            _prepare(writing, self._path)
        except BaseException:
            self._lock.close()
            raise
        self._writer = BusWriter(writing)

    async def close(self) -> None:
        """Write earlier requests, then close.

        The writer closes last, because it alone can checkpoint the log.
        """
        self._reading.close()
        if self._writer is not None:
            await self._writer.stop()
        if self._lock is not None:
            self._lock.close()

    async def append(
        self,
        topic: str,
        envelopes: Sequence[Envelope],
        now: Millis,
        then: Callable[[dict[TopicPartition, int]], None],
    ) -> None:
        """All of them or none. `then` gets the new ends of the topic's partitions."""

        def work(connection: apsw.Connection) -> dict[TopicPartition, int]:
            ends = _partition_ends(connection, topic)
            rows = []
            for envelope in envelopes:
                partition = partition_of(envelope.key)
                rows.append((topic, partition, ends[topic, partition], now, *_columns(envelope)))
                ends[topic, partition] += 1
            connection.executemany(_INSERT, rows)
            connection.executemany(_MOVE_END, [(end, *partition) for partition, end in ends.items()])
            return ends

        await self._writing.do(work, then)

    async def join(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The committed offsets of a group. A new group starts at the beginning."""

        def work(connection: apsw.Connection) -> dict[TopicPartition, int]:
            connection.executemany(_MAKE_PARTITION, partitions)
            connection.executemany(_JOIN, [(group, *partition) for partition in partitions])
            return _ends(connection.execute(_COMMITTED, (group,)))

        return await self._writing.do(work)

    async def commit(self, group: str, ends: dict[TopicPartition, int], then: Callable[[None], None]) -> None:
        """Commit the offsets of a group: entries before them are done. Offsets never decrease."""

        def work(connection: apsw.Connection) -> None:
            connection.executemany(_COMMIT, [(end, group, *partition) for partition, end in ends.items()])

        await self._writing.do(work, then)

    async def prune(self, partition: TopicPartition, published_before: Millis) -> int:
        """Delete a portion of the old entries that every group has committed.

        Returns 0 where nothing is left to delete.
        """
        return await self._writing.do(lambda connection: _prune(connection, partition, published_before))

    async def check(self, now: Millis) -> None:
        """Raises `Unavailable` where writing fails."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO health VALUES (1, ?)", (now,))

        await self._writing.do(work)

    def read(self, partition: TopicPartition, position: int, limit: int) -> list[Delivery]:
        """Entries of a partition from `position` on."""
        return [_delivery(partition, row) for row in self._rows(_READ, (*partition, position, limit))]

    def ends(self) -> dict[TopicPartition, int]:
        """The offset of each partition's next entry."""
        return _ends(self._rows(_ENDS))

    def topics(self) -> list[str]:
        return [topic for (topic,) in self._rows("SELECT DISTINCT topic FROM partitions ORDER BY topic")]

    def lags(self) -> dict[tuple[str, str], int]:
        """The number of uncommitted entries by group and topic."""
        return {(group, topic): lag for group, topic, lag in self._rows(_LAGS)}

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(self._reading.execute(sql, bindings))
        except apsw.Error as error:
            raise Unavailable(f"the local bus {self._path} can't be read: {error}") from error

    @property
    def _writing(self) -> BusWriter:
        if self._writer is None:
            raise Unavailable("the local bus was opened for reading only")
        return self._writer


def _ends(rows: Iterable[tuple[Any, ...]]) -> dict[TopicPartition, int]:
    return {(topic, partition): end for topic, partition, end in rows}


def _partition_ends(connection: apsw.Connection, topic: str) -> dict[TopicPartition, int]:
    connection.executemany(_MAKE_PARTITION, [(topic, partition) for partition in range(PARTITIONS)])
    return _ends(connection.execute(_ENDS + " WHERE topic = ?", (topic,)))


def _prune(connection: apsw.Connection, partition: TopicPartition, published_before: Millis) -> int:
    """Delete from the beginning of the log, in portions: publishers wait meanwhile."""
    first = connection.execute(_FIRST, partition).get
    floor = connection.execute(_FLOOR, partition).get
    if first is None or floor is None:
        return 0
    first_kept = connection.execute(_FIRST_SINCE, (*partition, published_before)).get
    end = min(floor, first + _ROWS_PER_DELETE, floor if first_kept is None else first_kept)
    connection.execute(_DELETE, (*partition, end))
    return connection.changes()


def _columns(envelope: Envelope) -> tuple[Any, ...]:
    return (
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.aggregatetype,
        envelope.key,
        envelope.seq,
        envelope.time,
        envelope.traceparent,
        envelope.data,
    )


def _delivery(partition: TopicPartition, row: tuple[Any, ...]) -> Delivery:
    offset, id, source, type, aggregatetype, key, seq, time, traceparent, data = row
    envelope = Envelope(
        id=id,
        source=source,
        type=type,
        aggregatetype=aggregatetype,
        key=key,
        seq=seq,
        time=time,
        traceparent=traceparent,
        data=data,
    )
    return Delivery(topic=partition[0], partition=partition[1], offset=offset, envelope=envelope, raw=data)
