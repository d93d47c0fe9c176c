"""The file of the local bus: a log per topic and partition in SQLite, and how far each group has come.

One thread owns the only connection that writes; what arrives while a commit is on its way to disk shares the
next one. Reads are short, hit pages that were just written, and happen on the event loop.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import apsw

from houseful.kernel import private_files
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery, Envelope
from houseful.kernel.telemetry import get_logger

T = TypeVar("T")

Place = tuple[str, int]
"""A topic and one of its partitions."""

PARTITIONS = 8
"""More than one process' members will ever need. Part of the file's format: a key stays where it is."""

_JOBS_PER_COMMIT = 200
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

log = get_logger(__name__)


def partition_of(key: str) -> int:
    return crc32(key.encode()) % PARTITIONS


def _connect(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(5_000)
    return connection


def _lock_file(path: Path) -> apsw.Connection:
    """Keep `path` for this process until the connection is closed or the process is gone, however it ends."""
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


class _Job:
    """Something to write. `then` gets the result once it is durable, even if nobody waits for it any more."""

    __slots__ = ("future", "result", "then", "work")

    def __init__(self, work: Callable[[apsw.Connection], Any], then: Callable[[Any], None] | None) -> None:
        self.work = work
        self.then = then
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None

    def finish(self, failure: Exception | None) -> None:
        """On the event loop."""
        if failure is None and self.then is not None:
            self.then(self.result)
        if self.future.done():
            return  # whoever waited was cancelled
        if failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(failure)


class _Writer:
    """The thread that owns the writing connection. Each job is all or nothing, whatever happens to its
    neighbours."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._in_trouble = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="local-bus", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[apsw.Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Raises `Unavailable` where SQLite could not write."""
        job = _Job(work, then)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def stop(self) -> None:
        """What was asked for before is done first."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            jobs, stopping = self._waiting()
            if jobs and not self._report(self._write(jobs)):
                break
        self._connection.close()

    def _report(self, outcomes: list[tuple[_Job, Exception | None]]) -> bool:
        """False where nobody is left to report to."""
        try:
            self._loop.call_soon_threadsafe(_finish, outcomes)
        except RuntimeError:
            log.warning("the event loop ended before the local bus was closed")
            return False
        return True

    def _waiting(self) -> tuple[list[_Job], bool]:
        """Everything that has been asked for, waiting for the first; and whether that was all."""
        jobs: list[_Job] = []
        while len(jobs) < _JOBS_PER_COMMIT:
            try:
                job = self._jobs.get(block=not jobs)
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _write(self, jobs: list[_Job]) -> list[tuple[_Job, Exception | None]]:
        outcomes: list[tuple[_Job, Exception | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [(job, self._write_one(job)) for job in jobs]
            self._connection.execute("COMMIT")
            self._in_trouble = False
        except apsw.Error as error:
            if not self._in_trouble:
                log.exception("the local bus could not write; further failures are not logged")
            self._in_trouble = True
            self._roll_back()
            failure = Unavailable(f"the local bus could not write: {error}")
            return [(job, failure) for job in jobs]
        return outcomes

    def _write_one(self, job: _Job) -> Exception | None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError):
                raise  # the disk's doing: it concerns the whole commit
            self._connection.execute("ROLLBACK TO job")
            return error
        self._connection.execute("RELEASE job")
        return None

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:  # some errors, such as a full disk, roll back by themselves
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            log.exception("the local bus could not roll back")


def _finish(outcomes: Iterable[tuple[_Job, Exception | None]]) -> None:
    for job, failure in outcomes:
        job.finish(failure)


class BusFile:
    """Reads, and writes that are durable when they return. Belongs to the event loop on which it was made.

    Reading and writing raise `Unavailable` where SQLite can't. Of several `then` the ones of earlier writes
    come first.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Raises `Unavailable`, also where another process has it open to write."""
        self._path = path
        self._lock: apsw.Connection | None = None
        self._writer: _Writer | None = None
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
        self._writer = _Writer(writing)

    async def close(self) -> None:
        """What was asked for before is still written. The writer goes last, because only it can take the log
        into the database."""
        self._reading.close()
        if self._writer is not None:
            await self._writer.stop()
        if self._lock is not None:
            self._lock.close()

    async def append(
        self, topic: str, envelopes: Sequence[Envelope], now: Millis, then: Callable[[dict[Place, int]], None]
    ) -> None:
        """All of them or none. `then` gets the new ends of the topic's partitions."""

        def work(connection: apsw.Connection) -> dict[Place, int]:
            ends = _partition_ends(connection, topic)
            rows = []
            for envelope in envelopes:
                partition = partition_of(envelope.key)
                rows.append((topic, partition, ends[topic, partition], now, *_columns(envelope)))
                ends[topic, partition] += 1
            connection.executemany(_INSERT, rows)
            connection.executemany(_MOVE_END, [(end, *place) for place, end in ends.items()])
            return ends

        await self._writing.do(work, then)

    async def join(self, group: str, places: Sequence[Place]) -> dict[Place, int]:
        """How far the group has come, at the beginning where it is new."""

        def work(connection: apsw.Connection) -> dict[Place, int]:
            connection.executemany(_MAKE_PARTITION, places)
            connection.executemany(_JOIN, [(group, *place) for place in places])
            return _ends(connection.execute(_COMMITTED, (group,)))

        return await self._writing.do(work)

    async def commit(self, group: str, ends: dict[Place, int], then: Callable[[None], None]) -> None:
        """The group has done everything before these offsets. It never goes back."""

        def work(connection: apsw.Connection) -> None:
            connection.executemany(_COMMIT, [(end, group, *place) for place, end in ends.items()])

        await self._writing.do(work, then)

    async def prune(self, place: Place, published_before: Millis) -> int:
        """Delete some of what is older and done by every group; 0 where nothing is left of that."""
        return await self._writing.do(lambda connection: _prune(connection, place, published_before))

    async def check(self, now: Millis) -> None:
        """Raises `Unavailable` where nothing can be written."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO health VALUES (1, ?)", (now,))

        await self._writing.do(work)

    def read(self, place: Place, position: int, limit: int) -> list[Delivery]:
        """Entries of a partition from that offset on."""
        return [_delivery(place, row) for row in self._rows(_READ, (*place, position, limit))]

    def ends(self) -> dict[Place, int]:
        """The offset that the next entry of each partition will have."""
        return _ends(self._rows(_ENDS))

    def topics(self) -> list[str]:
        return [topic for (topic,) in self._rows("SELECT DISTINCT topic FROM partitions ORDER BY topic")]

    def lags(self) -> dict[tuple[str, str], int]:
        """By group and topic."""
        return {(group, topic): lag for group, topic, lag in self._rows(_LAGS)}

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(self._reading.execute(sql, bindings))
        except apsw.Error as error:
            raise Unavailable(f"the local bus {self._path} can't be read: {error}") from error

    @property
    def _writing(self) -> _Writer:
        if self._writer is None:
            raise Unavailable("the local bus was opened for reading only")
        return self._writer


def _ends(rows: Iterable[tuple[Any, ...]]) -> dict[Place, int]:
    return {(topic, partition): end for topic, partition, end in rows}


def _partition_ends(connection: apsw.Connection, topic: str) -> dict[Place, int]:
    connection.executemany(_MAKE_PARTITION, [(topic, partition) for partition in range(PARTITIONS)])
    return _ends(connection.execute(_ENDS + " WHERE topic = ?", (topic,)))


def _prune(connection: apsw.Connection, place: Place, published_before: Millis) -> int:
    """From the beginning of the log to the first entry that stays, and not all at once: publishers wait
    meanwhile."""
    first = connection.execute(_FIRST, place).get
    floor = connection.execute(_FLOOR, place).get
    if first is None or floor is None:
        return 0
    first_kept = connection.execute(_FIRST_SINCE, (*place, published_before)).get
    end = min(floor, first + _ROWS_PER_DELETE, floor if first_kept is None else first_kept)
    connection.execute(_DELETE, (*place, end))
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


def _delivery(place: Place, row: tuple[Any, ...]) -> Delivery:
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
    return Delivery(topic=place[0], partition=place[1], offset=offset, envelope=envelope, raw=data)
