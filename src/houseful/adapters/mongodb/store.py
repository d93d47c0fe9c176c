"""The store on MongoDB: one database per service, on a replica set.

Reads see majority-committed documents. All writes go through the writer. Other processes may use the database
too: the versions of documents decide between processes.
"""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self, TypeVar, cast

from pymongo.errors import PyMongoError

from houseful.adapters.mongodb.batch import MongoOverlay
from houseful.adapters.mongodb.collections import Change, Collection
from houseful.adapters.mongodb.commit import Committer
from houseful.adapters.mongodb.connection import (
    Client,
    Row,
    check_replica_set,
    connect,
    hosts,
    shielded,
    unavailable,
)
from houseful.adapters.mongodb.outbox import OUTBOX, MongoOutbox, stored_message
from houseful.adapters.mongodb.reads import Reads
from houseful.adapters.mongodb.schema import evolve
from houseful.adapters.mongodb.transaction import MongoTransaction
from houseful.adapters.mongodb.tuning import DEFAULT, MongoTuning
from houseful.adapters.mongodb.writer import Writer
from houseful.adapters.optimistic.store import OptimisticStore, jitter
from houseful.adapters.optimistic.write_set import Overlay
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Ids, Outbox
from houseful.messages import Message

D = TypeVar("D", bound=Document)
_WATCH_MILLIS = 1_000

_VERSIONS = 2**52
"""Versions stay below 2^53, so that every tool shows them exactly."""
_VERSION_STEP = 0x9E3779B97F4A7
"""Odd and large, so that the versions of two documents inserted one after the other never meet."""


class MongoStore(OptimisticStore[Collection, Change, Row]):
    """Implements `Store`. Belongs to the event loop on which it was opened."""

    def __init__(
        self,
        client: Client,
        url: str,
        database: str,
        documents: Sequence[type[Document]],
        clock: Clock,
        ids: Ids,
        tuning: MongoTuning,
    ) -> None:
        overlay: MongoOverlay = Overlay()
        committer = Committer(client, client[database], tuning)
        writer = Writer(committer, overlay, partial(jitter, ids), tuning)
        super().__init__(
            {kind: Collection(kind) for kind in documents},
            overlay,
            writer,
            clock,
            ids,
            engine="mongodb",
            database=database,
        )
        self._writer = writer
        self._client = client
        self._url = url
        self._database = client[database]
        self.reads = Reads(self._database)
        self._outbox = MongoOutbox(self._database)
        self._closed = False
        # A version starts anywhere and goes up by one, so that a document that was deleted and inserted again
        # is not taken for unchanged.
        self._last_version = zlib.crc32(ids.secret().encode()) << 20

    @classmethod
    async def open(
        cls,
        url: str,
        database: str,
        documents: Sequence[type[Document]],
        *,
        clock: Clock,
        ids: Ids,
        read_only: bool = False,
        tuning: MongoTuning = DEFAULT,
    ) -> Self:
        """Connect, and evolve the database to the collections and indexes of `documents`, unless `read_only`.

        Raises `Unavailable` with the reason, in words for the operator. A server outside of a replica set has
        no transactions, and is refused.
        """
        client = connect(url)
        store = cls(client, url, database, documents, clock, ids, tuning)
        try:
            await check_replica_set(client, url)
            if not read_only:
                await evolve(store._database, list(store.collections.values()))
        except PyMongoError as error:
            await client.close()
            raise unavailable(
                f"the database {database} of MongoDB at {hosts(url)} cannot be used", error
            ) from error
        except BaseException:
            await client.close()
            raise
        return store

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    @staticmethod
    async def exists(url: str, database: str) -> bool:
        """Whether anything was ever stored in the database. Raises `Unavailable`."""
        client = connect(url)
        try:
            return bool(await client[database].list_collection_names())
        except PyMongoError as error:
            raise unavailable(f"MongoDB at {hosts(url)} cannot be asked", error) from error
        finally:
            await client.close()

    # Reads

    async def get(self, kind: type[D], id: str) -> D | None:
        collection = self.collections[kind]
        found = await self.reads.get(collection, id)
        document: D | None = None if found is None else collection.decode(found[1])
        return document

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        collection = self.collections[kind]
        found = await self.reads.get_many(collection, ids)
        return {id: collection.decode(body) for id, (_, body) in found.items()}

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
        collection = self.collections[kind]
        search = collection.search(equal, by, since, until, after, descending)
        return [cast(D, document) for _, document in await self.reads.search(collection, search, limit)]

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        collection = self.collections[kind]
        return await self.reads.count(collection, collection.search(equal))

    # Writes

    def begin(self) -> MongoTransaction:
        return MongoTransaction(self, self.reads)

    async def watch_outbox(self) -> None:
        """Wake also for messages of other processes, until cancelled. A hint, faster than polling.

        Raises `Unavailable` where the server ends the stream. Messages sent meanwhile are missed.
        """
        inserted: list[Row] = [{"$match": {"operationType": "insert"}}, {"$project": {"_id": 1}}]
        try:
            async with await self._database[OUTBOX].watch(
                inserted, max_await_time_ms=_WATCH_MILLIS
            ) as changes:
                while True:
                    change = await changes.try_next()
                    _heed_cancellation()
                    for wake in self.writer.wakes if change is not None else ():
                        wake()
        except PyMongoError as error:
            raise unavailable("the outbox is not watched any more", error) from error

    # Life

    async def ready(self) -> None:
        """Raises `Unavailable` with the reason.

        Waits for a majority only after a failed commit, to find out whether writing works again.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        await shielded(check_replica_set(self._client, self._url))
        if self.writer.trouble is None:
            return
        try:
            # Changes nothing, and is answered when a majority has everything that was written before it.
            await shielded(self._database[OUTBOX].update_one({"_id": ""}, {"$set": {"published_at": 0}}))
        except PyMongoError as error:
            raise unavailable("MongoDB cannot write", error) from error

    async def close(self) -> None:
        """Commit write sets that were handed over, then close. Later calls raise `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await self._client.close()

    # For transactions

    def new_version(self) -> int:
        self._last_version = (self._last_version + _VERSION_STEP) % _VERSIONS
        return self._last_version + 1

    def encode_message(self, message: Message, traceparent: str | None) -> Row:
        return stored_message(message, traceparent, self.clock, self.ids)


def _heed_cancellation() -> None:
    """Raise a cancellation that the driver's `asyncio.wait_for` may have lost (Python 3.11)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
