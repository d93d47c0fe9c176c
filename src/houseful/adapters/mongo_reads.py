"""Reads of committed documents. What a call of the driver costs is a hundred times what a document costs, so
reads by id that come in one turn of the loop, or while the ones before them are on their way, go together."""

import asyncio
from collections.abc import Sequence

from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from houseful.adapters.mongo_collections import Collection, Search
from houseful.adapters.mongo_connection import Database, Row, apart, unavailable
from houseful.common.errors import Unavailable

Found = tuple[int, str]
"""Version and body."""
Asked = asyncio.Future[Found | None]

_CALLS_AT_ONCE = 2
_IDS_A_CALL = 500


class Reads:
    """Of one collection. A read is never answered by a call that began before it was asked for."""

    def __init__(self, database: Database, collection: Collection) -> None:
        self._database = database
        self._name = collection.name
        self._rows = database.get_collection(collection.name, read_concern=ReadConcern("majority"))
        self._waiting: dict[str, list[Asked]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._called_soon = False

    def ask(self, ids: Sequence[str]) -> dict[str, Asked]:
        """Begin to read these. Nobody has to wait for the answers."""
        asked = {id: self._ask(id) for id in ids}
        for future in asked.values():
            future.add_done_callback(_heard)
        return asked

    async def get(self, id: str) -> Found | None:
        return await self._ask(id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Found]:
        if len(ids) == 1:
            one = await self._ask(ids[0])
            return {} if one is None else {ids[0]: one}
        asked = {id: self._ask(id) for id in dict.fromkeys(ids)}
        answers = await asyncio.gather(*asked.values())
        return {id: found for id, found in zip(asked, answers, strict=True) if found is not None}

    async def search(self, search: Search, limit: int) -> list[Row]:
        try:
            return await apart(self._search(search, limit))
        except PyMongoError as error:
            raise _unreadable(error) from error

    async def _search(self, search: Search, limit: int) -> list[Row]:
        found: list[Row] = []
        for filter in search.filters:
            left = limit - len(found)
            if left <= 0:
                break
            cursor = self._rows.find(filter, {"_body": 1, "_version": 1}).sort(search.sort).hint(search.hint)
            found += await cursor.limit(left).batch_size(left + 1).to_list()
        return found

    async def count(self, search: Search) -> int:
        [filter] = search.filters
        try:
            return await apart(self._rows.count_documents(filter, hint=search.hint))
        except PyMongoError as error:
            raise _unreadable(error) from error

    def _ask(self, id: str) -> Asked:
        loop = asyncio.get_running_loop()
        future: Asked = loop.create_future()
        self._waiting.setdefault(id, []).append(future)
        if not self._called_soon and len(self._calls) < _CALLS_AT_ONCE:
            self._called_soon = True
            loop.call_soon(self._call)
        return future

    def _call(self) -> None:
        self._called_soon = False
        while self._waiting and len(self._calls) < _CALLS_AT_ONCE:
            ids = list(self._waiting)[:_IDS_A_CALL]
            asked = {id: self._waiting.pop(id) for id in ids}
            call = asyncio.create_task(self._answer(asked), name=f"read {self._name}")
            self._calls.add(call)
            call.add_done_callback(self._done)

    def _done(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        self._call()

    async def _answer(self, asked: dict[str, list[Asked]]) -> None:
        waiting = [(id, future) for id, futures in asked.items() for future in futures]
        try:
            found = await self._fetch(list(asked))
        except Exception as error:
            for _, future in waiting:
                if not future.done():
                    # One of its own for each: an exception that several raise collects the traces of all.
                    future.set_exception(Unavailable(str(error)) if isinstance(error, Unavailable) else error)
        else:
            for id, future in waiting:
                if not future.done():
                    future.set_result(found.get(id))

    async def _fetch(self, ids: list[str]) -> dict[str, Found]:
        """As a bare command, which costs half of what the driver's cursor does. Tried twice: after a change
        of the primary the first attempt on each old connection fails."""
        filter: Row = {"_id": ids[0]} if len(ids) == 1 else {"_id": {"$in": ids}}
        command = {
            "find": self._name,
            "filter": filter,
            "batchSize": len(ids) + 1,
            "readConcern": {"level": "majority"},
        }
        try:
            try:
                reply = await self._database.command(command)
            except ConnectionFailure:
                reply = await self._database.command(command)
            rows = reply["cursor"]["firstBatch"]
            if reply["cursor"]["id"]:  # more than fits into one reply
                rows = await self._rows.find(filter).to_list()
        except PyMongoError as error:
            raise _unreadable(error) from error
        return {row["_id"]: (row["_version"], row["_body"]) for row in rows}


def _heard(asked: Asked) -> None:
    """Otherwise asyncio would complain of an error that nobody waited for."""
    if not asked.cancelled():
        asked.exception()


def _unreadable(error: Exception) -> Unavailable:
    return unavailable("the store could not read", error)
