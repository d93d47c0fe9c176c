"""Reads of committed documents.

A call of the driver costs a hundred times as much as a document. Reads by id of one turn of the loop, or made
while earlier ones are in flight, share a call, across collections.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice

from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from houseful.adapters.mongodb.collections import Collection, Search
from houseful.adapters.mongodb.connection import Database, Row, shielded, unavailable
from houseful.adapters.optimistic.changes import Key, Versioned
from houseful.kernel.errors import Unavailable

Found = tuple[int, str]
"""Version and body."""
PendingRead = asyncio.Future[Found | None]
_MAJORITY = ReadConcern("majority")
_CALLS_AT_ONCE = 3
_IDS_A_CALL = 500


class Reads:
    """The reads of one database. A read is never answered by a call that began before the read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Key, list[PendingRead]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._called_soon = False

    def ask(self, collection: Collection, ids: Sequence[str]) -> dict[str, PendingRead]:
        """Start reading these documents. The results need not be awaited."""
        asked = {id: self._ask(collection.name, id) for id in ids}
        for future in asked.values():
            future.add_done_callback(_heard)
        return asked

    async def get(self, collection: Collection, id: str) -> Found | None:
        return await self._ask(collection.name, id)

    async def get_many(self, collection: Collection, ids: Sequence[str]) -> dict[str, Found]:
        name = collection.name
        if len(ids) == 1:
            one = await self._ask(name, ids[0])
            return {} if one is None else {ids[0]: one}
        asked = {id: self._ask(name, id) for id in dict.fromkeys(ids)}
        answers = await asyncio.gather(*asked.values())
        return {id: found for id, found in zip(asked, answers, strict=True) if found is not None}

    async def search(self, collection: Collection, search: Search, limit: int) -> list[Versioned]:
        try:
            rows = await shielded(self._search(collection, search, limit))
        except PyMongoError as error:
            raise _unreadable(error) from error
        return [(row["_version"], collection.decode(row["_body"])) for row in rows]

    async def _search(self, collection: Collection, search: Search, limit: int) -> list[Row]:
        rows = self._database.get_collection(collection.name, read_concern=_MAJORITY)
        found: list[Row] = []
        for filter in search.filters:
            left = limit - len(found)
            if left <= 0:
                break
            cursor = rows.find(filter, {"_body": 1, "_version": 1}).sort(search.sort).hint(search.hint)
            found += await cursor.limit(left).batch_size(left + 1).to_list()
        return found

    async def count(self, collection: Collection, search: Search) -> int:
        rows = self._database.get_collection(collection.name, read_concern=_MAJORITY)
        [filter] = search.filters
        try:
            return await shielded(rows.count_documents(filter, hint=search.hint))
        except PyMongoError as error:
            raise _unreadable(error) from error

    def _ask(self, name: str, id: str) -> PendingRead:
        loop = asyncio.get_running_loop()
        future: PendingRead = loop.create_future()
        self._waiting.setdefault((name, id), []).append(future)
        if not self._called_soon and len(self._calls) < _CALLS_AT_ONCE:
            self._called_soon = True
            loop.call_soon(self._call)
        return future

    def _call(self) -> None:
        self._called_soon = False
        while self._waiting and len(self._calls) < _CALLS_AT_ONCE:
            asked = {key: self._waiting.pop(key) for key in list(islice(self._waiting, _IDS_A_CALL))}
            call = asyncio.create_task(self._answer(asked), name="read")
            self._calls.add(call)
            call.add_done_callback(self._done)

    def _done(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        self._call()

    async def _answer(self, asked: dict[Key, list[PendingRead]]) -> None:
        waiting = [(key, future) for key, futures in asked.items() for future in futures]
        wanted: dict[str, list[str]] = {}
        for name, id in asked:
            wanted.setdefault(name, []).append(id)
        try:
            found = await self._fetch(wanted)
        except Exception as error:
            for _, future in waiting:
                if not future.done():
                    # One of its own for each: an exception that several raise collects the traces of all.
                    future.set_exception(Unavailable(str(error)) if isinstance(error, Unavailable) else error)
        else:
            for key, future in waiting:
                if not future.done():
                    future.set_result(found.get(key))

    async def _fetch(self, wanted: Mapping[str, Sequence[str]]) -> dict[Key, Found]:
        """Read documents by collection and ids. A raw command costs half as much as the driver's cursor.

        It is tried twice: after a change of the primary the first attempt on each old connection fails.
        """
        command = _command(wanted)
        try:
            try:
                reply = await self._database.command(command)
            except ConnectionFailure:
                reply = await self._database.command(command)
            rows = reply["cursor"]["firstBatch"]
            if reply["cursor"]["id"]:  # more than fits into one reply
                rows = [row for name, ids in wanted.items() for row in await self._all(name, ids)]
        except PyMongoError as error:
            raise _unreadable(error) from error
        return {(row["_of"], row["_id"]): (row["_version"], row["_body"]) for row in rows}

    async def _all(self, name: str, ids: Sequence[str]) -> list[Row]:
        rows = self._database.get_collection(name, read_concern=_MAJORITY)
        return await rows.find(_by_id(ids), _fields(name)).to_list()


def _command(wanted: Mapping[str, Sequence[str]]) -> Row:
    """A find for one collection.

    Several collections are joined in one aggregate, which costs less than a call for each.
    """
    (first, ids), *others = wanted.items()
    size = sum(map(len, wanted.values())) + 1
    concern = {"level": "majority"}
    if not others:
        return {
            "find": first,
            "filter": _by_id(ids),
            "projection": _fields(first),
            "batchSize": size,
            "readConcern": concern,
        }
    pipeline = _pipeline(first, ids)
    pipeline += [{"$unionWith": {"coll": name, "pipeline": _pipeline(name, its)}} for name, its in others]
    return {"aggregate": first, "pipeline": pipeline, "cursor": {"batchSize": size}, "readConcern": concern}


def _pipeline(name: str, ids: Sequence[str]) -> list[Row]:
    return [{"$match": _by_id(ids)}, {"$project": _fields(name)}]


def _by_id(ids: Sequence[str]) -> Row:
    return {"_id": ids[0]} if len(ids) == 1 else {"_id": {"$in": list(ids)}}


def _fields(name: str) -> Row:
    return {"_version": 1, "_body": 1, "_of": {"$literal": name}}


def _heard(asked: PendingRead) -> None:
    """Retrieve the error of a read that nothing awaits. Otherwise asyncio logs it as a bug."""
    if not asked.cancelled():
        asked.exception()


def _unreadable(error: Exception) -> Unavailable:
    return unavailable("the store could not read", error)
