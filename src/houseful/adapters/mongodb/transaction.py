"""The transaction on MongoDB."""

from collections.abc import Mapping, Sequence

from houseful.adapters.mongodb.collections import Change, Collection
from houseful.adapters.mongodb.connection import Row
from houseful.adapters.mongodb.reads import Found, PendingRead, Reads
from houseful.adapters.optimistic.changes import Key, Versioned
from houseful.adapters.optimistic.store import OptimisticStore
from houseful.adapters.optimistic.transaction import Fetched, OptimisticTransaction
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Duplicate


class MongoTransaction(OptimisticTransaction[Collection, Change, Row]):
    """Reads by id share calls of the driver, see `Reads`."""

    __slots__ = ("_expected", "_reads")

    def __init__(self, store: OptimisticStore[Collection, Change, Row], reads: Reads) -> None:
        super().__init__(store)
        self._reads = reads
        self._expected: dict[Key, PendingRead] = {}

    def expect(self, kind: type[Document], ids: Sequence[str]) -> None:
        collection = self._store.collections[kind]
        asked = self._reads.ask(collection, ids)
        self._expected |= {(collection.name, id): future for id, future in asked.items()}

    def absent(self, kind: type[Document], id: str) -> None:
        super().absent(kind, id)
        self.expect(kind, [id])

    async def _fetch(self, collection: Collection, ids: Sequence[str]) -> Fetched:
        """Read until each id is in the overlay or was read: a document may be committed while others are
        read.
        """
        name, overlay = collection.name, self._store.overlay
        fetched: dict[str, Versioned | None] = {}
        while missing := [
            id
            for id in dict.fromkeys(ids)
            if id not in fetched and (name, id) not in overlay and self._reads_elsewhere((name, id))
        ]:
            found = await self._read_committed(collection, missing)
            for id in missing:
                version_and_body = found.get(id)
                fetched[id] = (
                    None
                    if version_and_body is None
                    else (version_and_body[0], collection.decode(version_and_body[1]))
                )
        return fetched

    async def _read_committed(self, collection: Collection, ids: Sequence[str]) -> dict[str, Found]:
        """Read documents. Expected documents were requested before; each such result counts once."""
        if not self._expected:
            return await self._reads.get_many(collection, ids)
        found: dict[str, Found] = {}
        late = []
        for id in ids:
            asked = self._expected.pop((collection.name, id), None)
            if asked is None:
                late.append(id)
            elif (answer := await asked) is not None:
                found[id] = answer
        return found | await self._reads.get_many(collection, late) if late else found

    def _committed(self, collection: Collection, id: str, fetched: Fetched) -> Versioned | None:
        return fetched[id]

    async def _search(
        self,
        collection: Collection,
        equal: Mapping[str, Scalar],
        by: str,
        since: Scalar,
        until: Scalar,
        after: tuple[Scalar, str] | None,
        descending: bool,
        limit: int,
    ) -> list[Versioned]:
        search = collection.search(equal, by, since, until, after, descending)
        return await self._reads.search(collection, search, limit)

    async def _check_absent(self) -> Sequence[tuple[Collection, str]]:
        """Check by reads, in flight since `absent`. The commit has nothing to check."""
        for collection, id in self._absent:
            if self._get(collection, id, await self._fetch(collection, (id,))) is not None:
                self._failure = Duplicate(collection.name, "id")
        return ()
