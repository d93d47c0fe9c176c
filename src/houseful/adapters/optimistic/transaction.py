"""The optimistic transaction: a read set, writes, and the hand-over of a write set at the end.

The engine hears of a transaction only at its end. Nothing is locked while Python runs. The versions in the
read set decide whether the writes still hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from houseful.adapters.optimistic import verdicts
from houseful.adapters.optimistic.changes import (
    CLAIM,
    DELETE,
    GONE,
    IGNORE,
    INSERT,
    LOCK,
    NOTHING,
    PUT,
    READ_SKEW,
    Key,
    Versioned,
)
from houseful.adapters.optimistic.spans import created
from houseful.adapters.optimistic.store import OptimisticStore
from houseful.adapters.optimistic.write_set import C, M, W, WriteSet
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Conflict, Duplicate
from houseful.kernel.tracing import current_traceparent
from houseful.messages import Message

D = TypeVar("D", bound=Document)

Fetched = Mapping[str, Versioned | None]
"""Committed documents by id, as far as an engine reads them ahead."""

NOTHING_FETCHED: Fetched = {}

_action = itemgetter(0)


class OptimisticTransaction(ABC, Generic[C, W, M]):
    """Implements `Transaction`. An engine adds the reads.

    A transaction reads the overlay before the engine: it sees what other transactions of this process have
    handed over and not committed. It depends on their write sets, and ends only after they are settled.
    """

    __slots__ = (
        "_absent",
        "_depends_on",
        "_ended",
        "_failure",
        "_messages",
        "_read_set",
        "_store",
        "_writes",
    )

    reads_ahead: ClassVar[bool] = True
    """False where an engine reads without waiting: then `_fetch` is not called."""

    def __init__(self, store: OptimisticStore[C, W, M]) -> None:
        self._store = store
        self._read_set: dict[Key, Versioned] = {}
        self._writes: dict[Key, tuple[int, C, Key, Document, Versioned | None]] = {}
        """Action, collection, key, document, and the read that it builds on."""
        self._absent: list[tuple[C, str]] = []
        self._messages: list[tuple[Message, str | None]] = []
        self._depends_on: dict[WriteSet[C, W, M], None] = {}
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
            await self._await_dependencies(error)

    # What an engine adds

    async def _fetch(self, collection: C, ids: Sequence[str]) -> Fetched:
        """Read ahead, so that `_committed` answers for each id that the overlay does not have."""
        return NOTHING_FETCHED

    @abstractmethod
    def _committed(self, collection: C, id: str, fetched: Fetched) -> Versioned | None:
        """The document as it is committed."""

    @abstractmethod
    async def _search(
        self,
        collection: C,
        equal: Mapping[str, Scalar],
        by: str,
        since: Scalar,
        until: Scalar,
        after: tuple[Scalar, str] | None,
        descending: bool,
        limit: int,
    ) -> list[Versioned]:
        """Committed documents."""

    @abstractmethod
    async def _check_absent(self) -> Sequence[tuple[C, str]]:
        """Check `_absent`. Returns those that the engine checks in the commit."""

    # Reads

    def expect(self, kind: type[Document], ids: Sequence[str]) -> None:
        """An engine for which one read of many documents costs less than many reads overrides this."""

    async def get(self, kind: type[D], id: str) -> D | None:
        collection = self._store.collections[kind]
        fetched = await self._fetch(collection, (id,)) if self.reads_ahead else NOTHING_FETCHED
        document: D | None = self._get(collection, id, fetched)
        return document

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        collection = self._store.collections[kind]
        fetched = await self._fetch(collection, ids) if self.reads_ahead else NOTHING_FETCHED
        found: dict[str, D] = {}
        for id in ids:
            document = self._get(collection, id, fetched)
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
        collection = self._store.collections[kind]
        await self._await_dependencies(None)  # a search sees at least what was read before it
        read = await self._search(collection, equal, by, since, until, after, descending, limit)
        found: list[Any] = []
        for versioned in read:
            self._remember((collection.name, versioned[1].id), versioned)
            found.append(versioned[1])
        return found

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        await self._await_dependencies(None)
        return await self._store.count(kind, equal)

    def _get(self, collection: C, id: str, fetched: Fetched) -> Any:
        key = (collection.name, id)
        own = self._writes.get(key) if self._writes else None
        if own is None or own[0] == LOCK:
            return self._read(collection, key, fetched)
        action, _, _, document, _ = own
        if action in (DELETE, NOTHING):
            return None
        if action == IGNORE:
            existing = self._read(collection, key, fetched)
            if existing is not None:
                return existing
            self._writes[key] = (CLAIM, collection, key, document, None)
        return document

    def _reads_elsewhere(self, key: Key) -> bool:
        """Whether this transaction's own writes do not answer a read of this document."""
        own = self._writes.get(key)
        return own is None or own[0] in (LOCK, IGNORE)

    def _read(self, collection: C, key: Key, fetched: Fetched) -> Document | None:
        """The document as other transactions have left it."""
        entry = self._store.overlay.get(key)
        if entry is None:
            read = self._committed(collection, key[1], fetched)
            if read is None:
                return None
        else:
            version, document, writes = entry
            self._depends_on[writes] = None
            if document is None:
                return None
            read = (version, document)
        self._remember(key, read)
        return read[1]

    def _remember(self, key: Key, read: Versioned) -> None:
        earlier = self._read_set.get(key)
        if earlier is not None and earlier[0] != read[0]:
            read = (READ_SKEW, read[1])
        self._read_set[key] = read

    # Writes

    def put(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (own[0], collection, key, document, None)
        else:
            self._writes[key] = (PUT, collection, key, document, self._basis(key, own))

    def delete(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (NOTHING, collection, key, document, None)
        else:
            self._writes[key] = (DELETE, collection, key, document, self._basis(key, own))

    def lock(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] not in (PUT, CLAIM, INSERT):
            self._writes[key] = (LOCK, collection, key, document, self._basis(key, own))

    def insert(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (INSERT, collection, key, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, collection, key, document, own[4])
        else:
            self._failure = Duplicate(collection.name, "id")

    def insert_or_ignore(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (IGNORE, collection, key, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, collection, key, document, own[4])

    def absent(self, kind: type[Document], id: str) -> None:
        self._check_open()
        self._absent.append((self._store.collections[kind], id))

    def send(self, message: Message) -> None:
        self._check_open()
        self._messages.append((message, current_traceparent()))

    def _own(
        self, document: Document
    ) -> tuple[C, Key, tuple[int, C, Key, Document, Versioned | None] | None]:
        self._check_open()
        collection = self._store.collections[type(document)]
        key = (collection.name, document.id)
        return collection, key, self._writes.get(key)

    def _check_open(self) -> None:
        if self._ended:
            raise RuntimeError("the transaction has ended: this would be lost")

    def _basis(self, key: Key, own: tuple[int, C, Key, Document, Versioned | None] | None) -> Versioned:
        """The read that a write builds on."""
        read = self._read_set.get(key)
        if read is None or (own is not None and own[0] in (DELETE, NOTHING)):
            raise LookupError(f"this transaction has not read {key[0]} {key[1]}, or has deleted it")
        return read

    # The end

    async def _commit(self) -> None:
        absent = await self._check_absent() if self._absent else ()
        if self._writes or self._messages or absent:
            with self._store.spans.commit(len(self._writes)):
                writes = self._hand_over(absent)
                if writes is not None:
                    await writes.wait()
                    if writes.error is not None:
                        raise writes.error
                    return
        await self._await_dependencies(self._failure)
        if self._failure is not None:
            raise self._failure

    async def _await_dependencies(self, cause: Exception | None) -> None:
        """Wait until all that this transaction has read is durable. Raises `Conflict` if it never will be."""
        for writes in self._depends_on:
            if not writes.failed:
                await writes.wait()
            if writes.failed:
                raise verdicts.built_on_failure() from cause

    def _hand_over(self, absent: Sequence[tuple[C, str]]) -> WriteSet[C, W, M] | None:
        """None where there is nothing to write. Raises `Conflict` where it is certain already."""
        depends_on = [writes for writes in self._depends_on if not writes.settled or writes.failed]
        if depends_on and any(writes.failed for writes in depends_on):
            raise verdicts.built_on_failure()
        writes: WriteSet[C, W, M] = WriteSet((), (), depends_on, absent)
        changes = self._changes(writes)
        if self._failure is not None or not (changes or self._messages or absent):
            return None
        store = self._store
        writes.changes = changes
        writes.messages = [
            store.encode_message(message, created(message, traceparent))
            for message, traceparent in self._messages
        ]
        store.writer.put(writes)
        store.overlay.show(writes)
        return writes

    def _changes(self, writes: WriteSet[C, W, M]) -> list[W]:
        """The changes for the engine. What they leave for the overlay is noted in `writes`."""
        overlay, overlaid = self._store.overlay, writes.overlaid
        changes: list[W] = []
        for action, collection, key, document, read in sorted(self._writes.values(), key=_action):
            if action == NOTHING:
                continue
            entry = overlay.get(key)
            if read is None:
                version = self._store.new_version()
                # Later transactions must not build on an insert where another one exists or may come first.
                if action != IGNORE and (entry is None or entry[1] is None):
                    overlaid.append((collection, key, version, document))
                else:
                    writes.uncertain.append((collection, key))
            else:
                if read[0] == READ_SKEW or (entry is not None and entry[0] != read[0]):
                    raise Conflict(f"{collection.name} {key[1]} was changed by another transaction")
                version = read[0] + 1
                if action == PUT:
                    overlaid.append((collection, key, version, document))
                elif action == LOCK:
                    overlaid.append((collection, key, version, read[1]))
                else:
                    overlaid.append((collection, key, GONE, None))
            changes.append(collection.change(action, document, read, version))
        return changes
