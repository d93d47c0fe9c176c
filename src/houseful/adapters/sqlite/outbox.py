"""The outbox in SQLite, for the relay and the checks. Transactions write its rows."""
# ruff: noqa: S608 - the only thing put into SQL is a list of columns

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from houseful.adapters.sqlite.tables import Binding, Row, Statement
from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Ids, OutboxRow, OutboxStats
from houseful.messages import Message

PAGE_ROWS = 500
PRUNE_ROWS = 10_000
"""The most rows that one deletion scans, so that other writers do not wait long."""

_COLUMNS = "id, aggregatetype, aggregateid, type, payload, seq, traceparent, created_at, published_at"

_APPEND = """INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, seq, traceparent, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5,
        (SELECT coalesce(max(seq), 0) + 1 FROM outbox WHERE aggregatetype = ?2 AND aggregateid = ?3),
        ?6, ?7)"""

_UNPUBLISHED = f"""SELECT {_COLUMNS} FROM outbox INDEXED BY outbox_unpublished WHERE published_at IS NULL
    ORDER BY aggregateid, seq, aggregatetype LIMIT ?"""

_MARK = """UPDATE outbox SET published_at = ?
    WHERE id IN (SELECT value FROM json_each(?)) AND published_at IS NULL"""

_FIGURES = (
    "SELECT count(*), min(created_at) FROM outbox INDEXED BY outbox_unpublished WHERE published_at IS NULL"
)

_ROWS = f"""SELECT {_COLUMNS} FROM outbox WHERE (aggregatetype, aggregateid, seq) > (?, ?, ?)
    ORDER BY aggregatetype, aggregateid, seq LIMIT ?"""

_PRUNE = """DELETE FROM outbox WHERE rowid > ? AND rowid <= ? AND published_at < ? AND seq < (
    SELECT max(seq) FROM outbox AS newer
    WHERE newer.aggregatetype = outbox.aggregatetype AND newer.aggregateid = outbox.aggregateid)"""

_encode = msgspec.json.Encoder().encode

Read = Callable[[str, Sequence[Any]], Awaitable[list[Row]]]
Write = Callable[[Statement], Awaitable[int]]


def append_statement(message: Message, traceparent: str | None, clock: Clock, ids: Ids) -> Statement:
    """The statement that appends a message.

    The writer allocates the message's number, one transaction after the other.
    """
    bindings: tuple[Binding, ...] = (
        ids.new("msg"),
        message.about,
        message.key,
        message.type(),
        _encode(message),
        traceparent,
        clock.now(),
    )
    return _APPEND, bindings, False, None


class SqliteOutbox:
    """Implements `Outbox`.

    `read` runs off the event loop on committed rows; `write` uses the store's writer.
    """

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write

    async def unpublished(self, limit: int) -> list[OutboxRow]:
        return [_row(row) for row in await self._read(_UNPUBLISHED, (limit,))]

    async def mark_published(self, ids: Sequence[str], at: Millis) -> None:
        if ids:
            await self._write((_MARK, (at, _encode(list(ids)).decode()), False, None))

    async def stats(self) -> OutboxStats:
        [(unpublished, oldest)] = await self._read(_FIGURES, ())
        return OutboxStats(unpublished, oldest)

    async def rows(self) -> AsyncIterator[OutboxRow]:
        position = ("", "", 0)
        while page := [_row(row) for row in await self._read(_ROWS, (*position, PAGE_ROWS))]:
            for row in page:
                yield row
            position = (page[-1].aggregatetype, page[-1].aggregateid, page[-1].seq)

    async def prune(self, published_before: Millis) -> int:
        [(first, last)] = await self._read("SELECT min(rowid), max(rowid) FROM outbox", ())
        pruned = 0
        for start in range(first - 1, last, PRUNE_ROWS) if first is not None else ():
            pruned += await self._write((_PRUNE, (start, start + PRUNE_ROWS, published_before), False, None))
        return pruned


def _row(row: Row) -> OutboxRow:
    id, aggregatetype, aggregateid, type, payload, seq, traceparent, created_at, published_at = row
    return OutboxRow(
        id=id,
        aggregatetype=aggregatetype,
        aggregateid=aggregateid,
        type=type,
        payload=payload,
        seq=seq,
        traceparent=traceparent,
        created_at=created_at,
        published_at=published_at,
    )
