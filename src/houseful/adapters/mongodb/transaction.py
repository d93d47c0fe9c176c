"""A transaction on MongoDB: it gathers what it reads and writes, and hands over its writes in one piece.

The server knows of it only at its end. Nothing is locked while Python runs, and what was read is checked by
its version.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from houseful.adapters.mongodb.batch import ABSENT, CLAIMED, MAYBE, SEEN, Change, Key
from houseful.adapters.mongodb.collections import Collection, Seen
from houseful.adapters.mongodb.outbox import stored_message
from houseful.adapters.mongodb.reads import Asked, Found
from houseful.adapters.mongodb.writer import WriteSet
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Conflict, Duplicate
from houseful.kernel.telemetry import current_traceparent
from houseful.messages import Message

if TYPE_CHECKING:
    from houseful.adapters.mongodb.store import MongoStore

D = TypeVar("D", bound=Document)

LOCK, DELETE, PUT, CLAIM, INSERT, IGNORE, NOTHING = range(7)
"""What is done to a document; of several duplicates the first in this order is told. CLAIM is an
insert_or_ignore whose document this transaction has read back: if another has inserted it, that is a
conflict. NOTHING is an insert that was deleted again."""

_order = itemgetter(0)

_BASES = {CLAIM: CLAIMED, INSERT: ABSENT, IGNORE: MAYBE}

GONE = 0
"""The version, in the overlay, of a document that is being deleted."""

TORN = -1
"""The version of a document of which one transaction has seen two: whatever builds on it fails."""

FAILED_BASIS = "this built on a transaction that failed"

Write = tuple[int, Collection, Document, Seen | None]


class MongoTransaction:
    """Implements `Transaction`. It also sees what other transactions of this process have handed over and not
    committed yet (the writer's overlay); it then depends on them, and ends only after they have."""

    __slots__ = (
        "_absent",
        "_depends_on",
        "_ended",
        "_expected",
        "_failure",
        "_messages",
        "_reads",
        "_store",
        "_writes",
    )

    def __init__(self, store: "MongoStore") -> None:
        self._store = store
        self._reads: dict[Key, Seen] = {}
        self._expected: dict[Key, Asked] = {}
        self._writes: dict[Key, Write] = {}
        self._absent: list[tuple[type[Document], str]] = []
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
        collection = self._store.collections[kind]
        asked = self._store.reads.ask(collection, ids)
        self._expected |= {(collection.name, id): future for id, future in asked.items()}

    async def get(self, kind: type[D], id: str) -> D | None:
        return (await self.get_many(kind, (id,))).get(id)

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        collection = self._store.collections[kind]
        from_elsewhere = [id for id in ids if self._must_read(collection, id)]
        read = await self._read(collection, from_elsewhere) if from_elsewhere else {}
        found: dict[str, D] = {}
        for id in ids:
            document = self._with_own(collection, id, read.get(id))
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
        search = collection.search(equal, by, since, until, after, descending)
        await self._rely(None)  # a search sees what is committed: at least as much as was read before it
        found: list[D] = []
        for row in await self._store.reads.search(collection, search, limit):
            document = collection.decode(row["_body"])
            self._remember((collection.name, document.id), row["_version"], row["_body"], document)
            found.append(document)
        return found

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        await self._rely(None)
        return await self._store.count(kind, equal)

    def _must_read(self, collection: Collection, id: str) -> bool:
        own = self._writes.get((collection.name, id))
        return own is None or own[0] in (LOCK, IGNORE)

    async def _read(self, collection: Collection, ids: Sequence[str]) -> dict[str, Any]:
        """What others have made of these documents."""
        found: dict[str, Any] = {}
        overlay = collection.overlay
        left: Sequence[str] = ids
        while left:
            asked = [id for id in left if id not in overlay]
            committed = await self._committed(collection, asked)
            again = []
            for id in left:
                entry = overlay.get(id)  # also one that came while the others were read
                if entry is not None:
                    version, body, writes = entry
                    self._depends_on[writes] = None
                elif id in committed:
                    version, body = committed[id]
                else:
                    if id not in asked:
                        again.append(id)  # it was committed meanwhile
                    continue
                if body is not None:
                    found[id] = document = collection.decode(body)
                    self._remember((collection.name, id), version, body, document)
            left = again
        return found

    async def _committed(self, collection: Collection, ids: Sequence[str]) -> dict[str, Found]:
        """What is expected was asked for already; its answer counts once."""
        reads = self._store.reads
        if not self._expected:
            return await reads.get_many(collection, ids) if ids else {}
        found: dict[str, Found] = {}
        late = []
        for id in ids:
            asked = self._expected.pop((collection.name, id), None)
            if asked is None:
                late.append(id)
            elif (answer := await asked) is not None:
                found[id] = answer
        return found | await reads.get_many(collection, late) if late else found

    def _with_own(self, collection: Collection, id: str, read: Any) -> Any:
        own = self._writes.get((collection.name, id))
        if own is None:
            return read
        action, _, document, _ = own
        if action in (DELETE, NOTHING):
            return None
        if action == LOCK:
            return read
        if action == IGNORE:
            if read is not None:
                return read
            self._writes[collection.name, id] = (CLAIM, collection, document, None)
        return document

    def _remember(self, key: Key, version: int, body: str, document: Document) -> None:
        earlier = self._reads.get(key)
        if earlier is not None and earlier[0] != version:
            version = TORN
        self._reads[key] = (version, body, document)

    # Writes

    def put(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (own[0], collection, document, None)
        else:
            self._writes[key] = (PUT, collection, document, self._seen(key, own))

    def delete(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is not None and own[0] in (CLAIM, INSERT):
            self._writes[key] = (NOTHING, collection, document, None)
        else:
            self._writes[key] = (DELETE, collection, document, self._seen(key, own))

    def lock(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] not in (PUT, CLAIM, INSERT):
            self._writes[key] = (LOCK, collection, document, self._seen(key, own))

    def insert(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (INSERT, collection, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, collection, document, own[3])
        else:
            self._failure = Duplicate(collection.name, "id")

    def insert_or_ignore(self, document: Document) -> None:
        collection, key, own = self._own(document)
        if own is None or own[0] == NOTHING:
            self._writes[key] = (IGNORE, collection, document, None)
        elif own[0] == DELETE:
            self._writes[key] = (PUT, collection, document, own[3])

    def absent(self, kind: type[Document], id: str) -> None:
        self._check_open()
        self.expect(kind, [id])
        self._absent.append((kind, id))

    def send(self, message: Message) -> None:
        self._check_open()
        self._messages.append((message, current_traceparent()))

    def _own(self, document: Document) -> tuple[Collection, Key, Write | None]:
        self._check_open()
        collection = self._store.collections[type(document)]
        key = (collection.name, document.id)
        return collection, key, self._writes.get(key)

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
        for kind, id in self._absent:
            if await self.get(kind, id) is not None:
                self._failure = Duplicate(kind.collection, "id")
        writes = self._hand_over() if self._writes or self._messages else None
        if writes is not None:
            await writes.wait()
            if writes.error is not None:
                raise writes.error
        else:
            await self._rely(self._failure)
            if self._failure is not None:
                raise self._failure

    async def _rely(self, cause: Exception | None) -> None:
        """Wait until what this transaction has seen is committed. Raises `Conflict` if it will never be."""
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
        changes = [
            change
            for write in sorted(self._writes.values(), key=_order)
            if (change := self._change(write)) is not None
        ]
        if self._failure is not None or not (changes or self._messages):
            return None
        store = self._store
        messages = [
            stored_message(message, traceparent, store.clock, store.ids)
            for message, traceparent in self._messages
        ]
        writes = WriteSet(changes, messages, depends_on)
        store.writer.put(writes)
        for change in changes:
            waiting = change.collection.overlay.get(change.id)
            # Where another one is there or may come first, later transactions must not build on this one.
            if change.basis == SEEN or (change.basis != MAYBE and (waiting is None or waiting[1] is None)):
                version = GONE if change.body is None else change.version
                writes.overlay(change.collection, change.id, version, change.body)
        return writes

    def _change(self, write: Write) -> Change | None:
        action, collection, document, seen = write
        if action == NOTHING:
            return None
        if seen is None:
            return Change(
                collection,
                document.id,
                _BASES[action],
                version=self._store.new_version(),
                fields=collection.indexed(document),
                body=collection.body(document),
            )
        version = seen[0]
        waiting = collection.overlay.get(document.id)
        if version == TORN or (waiting is not None and waiting[0] != version):
            raise Conflict(f"{collection.name} {document.id} was changed by another transaction")
        change = Change(collection, document.id, SEEN, seen_version=version, version=version + 1)
        if action == PUT:
            change.fields, change.body = collection.indexed(document), collection.body(document)
        elif action == LOCK:
            change.body = seen[1]
        return change
