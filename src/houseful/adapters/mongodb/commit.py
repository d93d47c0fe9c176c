"""One transaction of the server: a batch goes in, and what became of it comes out."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from houseful.adapters.mongodb.abandoned import AbandonedTransactions
from houseful.adapters.mongodb.batch import Batch, Entry, MongoWrites, numbered
from houseful.adapters.mongodb.collections import ABSENT, MAYBE, SEEN, duplicate_index
from houseful.adapters.mongodb.connection import Client, Database, Row, is_our_fault
from houseful.adapters.mongodb.outbox import OUTBOX, highest_numbers
from houseful.adapters.mongodb.tuning import MongoTuning
from houseful.adapters.optimistic import verdicts
from houseful.kernel.errors import Unavailable

TRANSIENT = "TransientTransactionError"
UNKNOWN_COMMIT = "UnknownTransactionCommitResult"

_SNAPSHOT = ReadConcern("snapshot")
_DURABLE = WriteConcern("majority", j=True, wtimeout=10_000)
_COMMIT_MILLIS = 5_000
"""How long the server may work at one commit before it says that it does not know."""
_COMMIT_PAUSE_SECONDS = 0.1
_ROWS_A_COMMAND = 5_000
_DUPLICATE_KEY = 11000


class Refused(NamedTuple):
    """Nothing was written, because of these; the others may go on without them."""

    refusals: dict[MongoWrites, Exception]


class Contended(NamedTuple):
    """Nothing was written: another process is changing the same things right now."""

    error: Exception


class Lost(NamedTuple):
    """Nothing was written: there is no primary, or no way to it."""

    error: Exception


class Mixed(NamedTuple):
    """Nothing was written, and it can't be said because of whom."""

    error: Exception


Attempt = None | Refused | Contended | Lost | Mixed
"""None: all of it is on the disks of a majority."""


class Committer:
    """One attempt at a time, all in one session: if the server still has the transaction before it open,
    because it never heard of its end, the next one ends it. Another session would run into its locks for a
    minute."""

    def __init__(self, client: Client, database: Database, tuning: MongoTuning) -> None:
        self._client = client
        self._database = database
        self._session: AsyncClientSession | None = None
        self._tuning = tuning
        self._abandoned = AbandonedTransactions(client, tuning)

    async def attempt(self, batch: Batch) -> Attempt:
        """Raises `Unavailable` where it can't be known whether the batch was committed."""
        session = self._session or self._client.start_session(causal_consistency=False)
        self._session = session
        await session.start_transaction(
            read_concern=_SNAPSHOT, write_concern=_DURABLE, max_commit_time_ms=_COMMIT_MILLIS
        )
        try:
            untrue = await self._write(session, batch)
            if untrue is None:
                await self._commit(session)
        except Exception as error:
            return await self._failed(session, error)
        if untrue is None:
            return None
        await session.abort_transaction()
        return await self._verdict(batch, untrue)

    async def preempt(self) -> None:
        """After a `Contended`: end the transactions of processes that died, which would hold their locks."""
        await self._abandoned.end()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.end_session()

    # Within the transaction

    async def _write(self, session: AsyncClientSession, batch: Batch) -> "_Stale | None":
        """None where all was as it had been seen. Ends at the first command in which something was not."""
        messages = await self._number(session, batch.messages())
        for command in batch.commands():
            reply = await self._database.command(command.row, session=session)
            refused = [_taken(error, command.entries) for error in reply.get("writeErrors", ())]
            if refused:
                return _Stale(0, refused)
            lost, found = command.untrue(reply)
            if lost or found:
                return _Stale(lost, [(entry, "id") for entry in found])
        for start in range(0, len(messages), _ROWS_A_COMMAND):
            rows = messages[start : start + _ROWS_A_COMMAND]
            reply = await self._database.command({"insert": OUTBOX, "documents": rows}, session=session)
            if reply.get("writeErrors"):
                return _Stale(0, [])  # another process has used the number first
        return None

    async def _number(self, session: AsyncClientSession, messages: list[Row]) -> list[Row]:
        ids: dict[str, dict[str, None]] = {}
        for message in messages:
            ids.setdefault(message["aggregatetype"], {})[message["aggregateid"]] = None
        last = {}
        for aggregatetype, of_type in ids.items():
            reply = await self._database.command(
                highest_numbers(aggregatetype, list(of_type)), session=session
            )
            for row in reply["cursor"]["firstBatch"]:
                last[aggregatetype, row["_id"]] = row["seq"]
        return numbered(messages, last)

    async def _commit(self, session: AsyncClientSession) -> None:
        """Again and again while it is not known: the server knows a commit that it has already made."""
        deadline = asyncio.get_running_loop().time() + self._tuning.commit_patience_seconds
        while True:
            try:
                await session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label(UNKNOWN_COMMIT):
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable(
                        f"it is not known whether a transaction was committed: {error}"
                    ) from error
                await asyncio.sleep(_COMMIT_PAUSE_SECONDS)
            else:
                return

    # Afterwards

    async def _failed(self, session: AsyncClientSession, error: Exception) -> Attempt:
        if session.in_transaction:
            await session.abort_transaction()
        if isinstance(error, Unavailable):
            raise error
        if is_our_fault(error):
            return Mixed(error)
        if isinstance(error, ConnectionFailure):
            return Lost(error)
        assert isinstance(error, PyMongoError), "everything else is our fault"
        if error.has_error_label(TRANSIENT):
            return Contended(verdicts.changed(error))
        return Mixed(Unavailable(f"the store could not write: {error}"))

    async def _verdict(self, batch: Batch, untrue: "_Stale") -> Attempt:
        """A duplicate counts only if everything that the transaction relied on still held; otherwise it is to
        be rerun."""
        # Where another process has inserted it first, insert_or_ignore is to look again.
        taken = [(entry, index) for entry, index in untrue.taken if entry.basis != MAYBE or index != "id"]
        if any(len(entry.owners) > 1 and index != "id" for entry, index in taken):
            return Mixed(verdicts.changed())
        try:
            stale, existing = await self._find_changed(batch)
        except ConnectionFailure as error:
            return Lost(error)
        except PyMongoError as error:
            return Mixed(Unavailable(f"the store could not read: {error}"))
        refusing = dict.fromkeys(existing, "id") | dict(taken)
        refusals: dict[MongoWrites, Exception] = {}
        for writes in batch.writes:
            entries = batch.begun_by(writes)
            built_on_failure = any(earlier in refusals for earlier in writes.depends_on)
            if built_on_failure or not stale.isdisjoint(entries):
                refusals[writes] = verdicts.changed()
            elif refused := next((entry for entry in entries if entry in refusing), None):
                refusals[writes] = refused.refusal(refusing[refused])
        return Refused(refusals) if refusals else Contended(verdicts.changed())

    async def _find_changed(self, batch: Batch) -> tuple[set[Entry], list[Entry]]:
        """The documents that changed since they were seen, and those that exist and should be inserted."""
        stale, existing = set(), []
        for name, entries in batch.relied_on().items():
            rows = self._database[name].find(
                {"_id": {"$in": [entry.id for entry in entries]}}, {"_version": 1}
            )
            versions = {row["_id"]: row["_version"] async for row in rows}
            for entry in entries:
                version = versions.get(entry.id)
                if entry.basis == ABSENT and version is not None:
                    existing.append(entry)
                elif entry.basis != ABSENT and version != (
                    entry.seen_version if entry.basis == SEEN else None
                ):
                    stale.add(entry)
        return stale, existing


class _Stale(NamedTuple):
    """How many documents had another version, and those of which the id or a unique index had an entry."""

    lost: int
    taken: list[tuple[Entry, str]]


def _taken(error: Row, entries: Sequence[Entry]) -> tuple[Entry, str]:
    if error["code"] != _DUPLICATE_KEY:
        raise OperationFailure(error["errmsg"], error["code"], error)
    return entries[error["index"]], duplicate_index(error["keyPattern"])
