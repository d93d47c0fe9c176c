"""A transaction on SQLite: it gathers what it reads and writes, and hands over its writes in one piece."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from houseful.adapters.sqlite.outbox import append_statement
from houseful.adapters.sqlite.tables import Seen, Table
from houseful.adapters.sqlite.writer import WriteSet
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Conflict, Duplicate
from houseful.kernel.telemetry import current_traceparent
from houseful.messages import Message

if TYPE_CHECKING:
    from houseful.adapters.sqlite.store import SqliteStore

D = TypeVar("D", bound=Document)

# What is done to a document, in the order in which it reaches the database: a lost race is found before a
# duplicate is, and what is freed is free for what is inserted.
LOCK, DELETE, PUT, CLAIM, INSERT, IGNORE, NOTHING = range(7)
"""CLAIM is an insert_or_ignore whose document this transaction has read back: if another has inserted it,
that is a conflict. NOTHING is an insert that was deleted again."""

GONE = 0
"""The version, in the overlay, of a document that is being deleted."""

TORN = -1
"""The version of a document of which one transaction has seen two: whatever builds on it fails."""

FAILED_BASIS = "this built on a transaction that failed"

Write = tuple[int, Table, Document, Seen | None]
Key = tuple[str, str]

_order = itemgetter(0)
_encode = msgspec.json.Encoder().encode


class SqliteTransaction:
    """Implements `Transaction`. It also sees what other transactions have handed over and not committed yet
    (the writer's overlay); it then depends on them, and ends only after they have."""

    __slots__ = ("_absent", "_depends_on", "_ended", "_failure", "_messages", "_reads", "_store", "_writes")

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._reads: dict[Key, Seen] = {}
        self._writes: dict[Key, Write] = {}
        self._absent: list[tuple[Table, str]] = []
        self._messages: list[tuple[Message, str | None]] = []
        self._depends_on: dict[WriteSet, None] = {}
        self._failure: Exception | None = None
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if error is None:
            await self._commit()
        elif self._depends_on and isinstance(error, Exception):
            await self._rely(error)

    # Reads

    def expect(self, kind: type[Document], ids: Sequence[str]) -> None:
        """A read takes no longer by itself than with others."""

    async def get(self, kind: type[D], id: str) -> D | None:
        document: D | None = self._get(self._store.tables[kind], id)
        return document

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        table = self._store.tables[kind]
        found: dict[str, D] = {}
        for id in ids:
            document = self._get(table, id)
            if document is not None:
                found[id] = document
        return found

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
        table = self._store.tables[kind]
        search = table.search(equal, by, since, until, after, descending)
        await self._rely(None)  # a search sees what is on disk: at least as much as was read before it
        found: list[D] = []
        for seen in await self._store.search(table, search, limit):
            self._remember((table.name, seen[1].id), seen)
            found.append(seen[1])
        return found

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        await self._rely(None)
        return await self._store.count(kind, equal)

    def _get(self, table: Table, id: str) -> Any:
        own = self._writes.get((table.name, id)) if self._writes else None
        if own is None or own[0] == LOCK:
            return self._read(table, id)
        return self._read_own(table, id, own)

    def _read(self, table: Table, id: str) -> Any:
        entry = table.overlay.get(id)
        if entry is None:
            seen = self._store.seen(table, id)
            if seen is None:
                return None
        else:
            version, waiting, writes = entry
            self._depends_on[writes] = None
            if waiting is None:
                return None
            seen = (version, waiting)
        self._remember((table.name, id), seen)
        return seen[1]

    def _read_own(self, table: Table, id: str, own: Write) -> Any:
        action, _, document, _ = own
        if action in (DELETE, NOTHING):
            return None
        if action == IGNORE:
            existing = self._read(table, id)
            if existing is not None:
                return existing
            self._writes[table.name, id] = (CLAIM, table, document, None)
        return document

    def _remember(self, key: Key, seen: Seen) -> None:
        earlier = self._reads.get(key)
        if earlier is not None and earlier[0] != seen[0]:
            seen = (TORN, seen[1])
        self._reads[key] = seen

    # Writes

    def put(self, document: Document) -> None:
        table, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (own[0], table, document, None)
        else:
            self._writes[key] = (PUT, table, document, self._seen(key, own))

    def delete(self, document: Document) -> None:
        table, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (NOTHING, table, document, None)
        else:
            self._writes[key] = (DELETE, table, document, self._seen(key, own))

    def lock(self, document: Document) -> None:
        table, key, own = self._own(document)
        if own is None or own[0] not in (PUT, CLAIM, INSERT):
            self._writes[key] = (LOCK, table, document, self._seen(key, own))

    def insert(self, document: Document) -> None:
        table, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (INSERT, table, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, table, document, own[3])
        else:
            self._failure = Duplicate(table.name, "id")

    def insert_or_ignore(self, document: Document) -> None:
        table, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (IGNORE, table, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, table, document, own[3])

    def absent(self, kind: type[Document], id: str) -> None:
        self._check_open()
        self._absent.append((self._store.tables[kind], id))

    def send(self, message: Message) -> None:
        self._check_open()
        self._messages.append((message, current_traceparent()))

    def _own(self, document: Document) -> tuple[Table, Key, Write | None]:
        self._check_open()
        table = self._store.tables[type(document)]
        key = (table.name, document.id)
        return table, key, self._writes.get(key)

    def _check_open(self) -> None:
        if self._ended:
            raise RuntimeError("the transaction has ended: this would be lost")

    def _seen(self, key: Key, own: Write | None) -> Seen:
        seen = self._reads.get(key)
        if seen is None or (own is not None and own[0] in (DELETE, NOTHING)):
            raise LookupError(f"this transaction has not read {key[0]} {key[1]}, or has deleted it")
        return seen

    # The end

    async def _commit(self) -> None:
        writes = self._hand_over() if self._writes or self._messages or self._absent else None
        if writes is not None:
            await writes.wait()
            if writes.error is not None:
                raise writes.error
        else:
            await self._rely(self._failure)
            if self._failure is not None:
                raise self._failure

    async def _rely(self, cause: Exception | None) -> None:
        """Wait until what this transaction has seen is on disk. Raises `Conflict` if it will never be."""
        for writes in self._depends_on:
            if not writes.failed:
                await writes.wait()
            if writes.failed:
                raise Conflict(FAILED_BASIS) from cause

    def _hand_over(self) -> WriteSet | None:
        """None where there is nothing to write. Raises `Conflict` where it is known already."""
        depends_on = [writes for writes in self._depends_on if not writes.settled or writes.failed]
        if any(writes.failed for writes in depends_on):
            raise Conflict(FAILED_BASIS)
        writes = WriteSet([], depends_on, sends=bool(self._messages))
        writes.absent = self._absent
        for write in sorted(self._writes.values(), key=_order):
            self._add(write, writes)
        if self._failure is not None:
            return None
        store = self._store
        for message, traceparent in self._messages:
            writes.statements.append(append_statement(message, traceparent, store.clock, store.ids))
        if not writes.statements and not writes.absent:
            return None
        store.writer.put(writes)
        writes.show()
        return writes

    def _add(self, write: Write, writes: WriteSet) -> None:
        action, table, document, seen = write
        id = document.id
        waiting = table.overlay.get(id)
        if seen is not None:
            version = seen[0]
            if version == TORN or (waiting is not None and waiting[0] != version):
                raise Conflict(f"{table.name} {id} was changed by another transaction")
            if action == PUT:
                writes.statements.append(table.put_statement(document, _encode(document), seen))
                writes.overlaid.append((table, id, version + 1, document))
            elif action == LOCK:
                writes.statements.append(table.lock_statement(seen))
                writes.overlaid.append((table, id, version + 1, seen[1]))
            else:
                writes.statements.append(table.delete_statement(seen))
                writes.overlaid.append((table, id, GONE, None))
        elif action != NOTHING:
            version, body = self._store.new_version(), _encode(document)
            if action == INSERT:
                writes.statements.append(table.insert_statement(document, body, version))
            else:
                writes.statements.append(
                    table.insert_if_absent_statement(document, body, version, action == CLAIM)
                )
            # Where another one is there or may come first, later transactions must not build on this one.
            if action != IGNORE and (waiting is None or waiting[1] is None):
                writes.overlaid.append((table, id, version, document))
            else:
                writes.unsure.append((table, id))
