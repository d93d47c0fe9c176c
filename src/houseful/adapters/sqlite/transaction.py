"""The transaction on SQLite."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from houseful.adapters.optimistic.changes import Versioned
from houseful.adapters.optimistic.store import OptimisticStore
from houseful.adapters.optimistic.transaction import Fetched, OptimisticTransaction
from houseful.adapters.sqlite.reads import SqliteReads
from houseful.adapters.sqlite.tables import Statement, Table
from houseful.kernel.documents import Scalar


class SqliteTransaction(OptimisticTransaction[Table, Statement, Statement]):
    """Reads by id run at once, without reading ahead."""

    __slots__ = ("_reads",)

    reads_ahead: ClassVar[bool] = False

    def __init__(self, store: OptimisticStore[Table, Statement, Statement], reads: SqliteReads) -> None:
        super().__init__(store)
        self._reads = reads

    def _committed(self, collection: Table, id: str, fetched: Fetched) -> Versioned | None:
        return self._reads.get(collection, id)

    async def _search(
        self,
        collection: Table,
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

    async def _check_absent(self) -> Sequence[tuple[Table, str]]:
        """The commit checks absence, which costs less than a read before it."""
        return self._absent
