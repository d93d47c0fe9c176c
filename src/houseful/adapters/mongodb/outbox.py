"""The outbox in MongoDB, for the relay and the checks. Transactions write its rows.

The collection has the form that Debezium's MongoDB outbox event router expects, with the payload as JSON
text.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from houseful.adapters.mongodb.collections import OURS
from houseful.adapters.mongodb.connection import Database, Row, shielded, unavailable
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Ids, OutboxRow, OutboxStats
from houseful.messages import Message

OUTBOX = "outbox"
BY_AGGREGATE = OURS + "aggregate"
_UNPUBLISHED = OURS + "unpublished"
_WAITING: Row = {"published_at": None}

OUTBOX_INDEXES: dict[str, Row] = {
    BY_AGGREGATE: {
        "name": BY_AGGREGATE,
        "key": {"aggregatetype": 1, "aggregateid": 1, "seq": 1},
        "unique": True,
    },
    _UNPUBLISHED: {
        "name": _UNPUBLISHED,
        "key": {"aggregateid": 1, "seq": 1, "aggregatetype": 1},
        "partialFilterExpression": _WAITING,
    },
}

PAGE_ROWS = 1_000

_encode = msgspec.json.Encoder().encode


def stored_message(message: Message, traceparent: str | None, clock: Clock, ids: Ids) -> Row:
    """The row of a message without `seq`, which the transaction allocates."""
    return {
        "_id": ids.new("msg"),
        "aggregatetype": message.about,
        "aggregateid": message.key,
        "type": message.type(),
        "payload": _encode(message).decode(),
        "seq": 0,
        "traceparent": traceparent,
        "created_at": clock.now(),
        "published_at": None,
    }


def highest_numbers(aggregatetype: str, ids: Sequence[str]) -> Row:
    """A command for the last `seq` of each aggregate.

    It reads the index backwards to the first entry of each: the cost does not depend on the number of
    messages.
    """
    return {
        "aggregate": OUTBOX,
        "pipeline": [
            {"$match": {"aggregatetype": aggregatetype, "aggregateid": {"$in": list(ids)}}},
            {"$sort": {"aggregatetype": -1, "aggregateid": -1, "seq": -1}},
            {"$group": {"_id": "$aggregateid", "seq": {"$first": "$seq"}}},
        ],
        "hint": BY_AGGREGATE,
        "cursor": {"batchSize": len(ids) + 1},
    }


class MongoOutbox:
    """Implements `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._rows: AsyncCollection[Row] = database.get_collection(
            OUTBOX, read_concern=ReadConcern("majority")
        )

    async def unpublished(self, limit: int) -> list[OutboxRow]:
        order = [("aggregateid", 1), ("seq", 1), ("aggregatetype", 1)]
        found = self._rows.find(_WAITING).sort(order).hint(_UNPUBLISHED).limit(limit).batch_size(limit + 1)
        return [_row(row) for row in await _all(found)]

    async def mark_published(self, ids: Sequence[str], at: Millis) -> None:
        if not ids:
            return
        try:
            marked = {"_id": {"$in": list(ids)}, **_WAITING}
            await shielded(self._rows.update_many(marked, {"$set": {"published_at": at}}))
        except PyMongoError as error:
            raise _unwritable(error) from error

    async def stats(self) -> OutboxStats:
        summary = [
            {"$match": _WAITING},
            {"$group": {"_id": None, "count": {"$sum": 1}, "oldest": {"$min": "$created_at"}}},
        ]
        try:
            found = await shielded(self._aggregate(summary))
        except PyMongoError as error:
            raise _unreadable(error) from error
        return OutboxStats(found[0]["count"], found[0]["oldest"]) if found else OutboxStats(0, None)

    async def _aggregate(self, summary: list[Row]) -> list[Row]:
        return await (await self._rows.aggregate(summary, hint=_UNPUBLISHED)).to_list()

    async def rows(self) -> AsyncIterator[OutboxRow]:
        async for page in self._pages():
            for row in page:
                yield _row(row)

    async def prune(self, published_before: Millis) -> int:
        """Delete old rows in small portions, so that other writers do not wait. Scans every row."""
        pruned = 0
        last: Row | None = None
        async for page in self._pages({"aggregatetype": 1, "aggregateid": 1, "seq": 1, "published_at": 1}):
            old = []
            for row in page:
                # Only what has another behind it in the order is not the newest of its aggregate.
                if (
                    last is not None
                    and _aggregate(last) == _aggregate(row)
                    and _is_old(last, published_before)
                ):
                    old.append(last["_id"])
                last = row
            if old:
                pruned += await self._delete(old)
        return pruned

    async def _delete(self, ids: Sequence[str]) -> int:
        try:
            done = await shielded(self._rows.delete_many({"_id": {"$in": ids}}))
        except PyMongoError as error:
            raise _unwritable(error) from error
        return done.deleted_count

    async def _pages(self, projection: Row | None = None) -> AsyncIterator[list[Row]]:
        """Pages in order of (aggregatetype, aggregateid, seq)."""
        order = [("aggregatetype", 1), ("aggregateid", 1), ("seq", 1)]
        search = self._rows.find({}, projection).sort(order).hint(BY_AGGREGATE).limit(PAGE_ROWS)
        while page := await _all(search):
            yield page
            last = page[-1]
            start = [(field, last[field]) for field, _ in order[:2]] + [("seq", last["seq"] + 1)]
            search = (
                self._rows.find({}, projection).sort(order).hint(BY_AGGREGATE).limit(PAGE_ROWS).min(start)
            )


async def _all(search: AsyncCursor[Row]) -> list[Row]:
    try:
        return await shielded(search.to_list())
    except PyMongoError as error:
        raise _unreadable(error) from error


def _aggregate(row: Row) -> tuple[Any, Any]:
    return row["aggregatetype"], row["aggregateid"]


def _is_old(row: Row, published_before: Millis) -> bool:
    return row["published_at"] is not None and row["published_at"] < published_before


def _unreadable(error: Exception) -> Unavailable:
    return unavailable("the outbox could not be read", error)


def _unwritable(error: Exception) -> Unavailable:
    return unavailable("the outbox could not be written", error)


def _row(row: Row) -> OutboxRow:
    return OutboxRow(
        id=row["_id"],
        aggregatetype=row["aggregatetype"],
        aggregateid=row["aggregateid"],
        type=row["type"],
        payload=row["payload"].encode(),
        seq=row["seq"],
        traceparent=row["traceparent"],
        created_at=row["created_at"],
        published_at=row["published_at"],
    )
