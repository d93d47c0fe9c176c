"""One transaction of the server: a batch goes in, its outcome comes out."""

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
"""The longest time that the server works at one commit before it answers that the outcome is unknown."""
_COMMIT_PAUSE_SECONDS = 0.1
_ROWS_A_COMMAND = 5_000
_DUPLICATE_KEY = 11000


class Refused(NamedTuple):
    """Nothing was written, because of these write sets. The others may be retried without them."""

    refusals: dict[MongoWrites, Exception]


class Contended(NamedTuple):
    """Nothing was written: another process is changing the same documents."""

    error: Exception


class Lost(NamedTuple):
    """Nothing was written: no primary is reachable."""

    error: Exception


class Mixed(NamedTuple):
    """Nothing was written, and the write set at fault is unknown."""

    error: Exception


Attempt = None | Refused | Contended | Lost | Mixed
"""None: the whole batch is on the disks of a majority."""


class Committer:
    """Runs one attempt at a time, all in one session.

    If the server still has the previous transaction open, the next one ends it; from another session, its
    locks would block for a minute.
    """

    def __init__(self, client: Client, database: Database, tuning: MongoTuning) -> None:
        self._client = client
        self._database = database
        self._session: AsyncClientSession | None = None
        self._tuning = tuning
        self._abandoned = AbandonedTransactions(client, tuning)

    async def attempt(self, batch: Batch) -> Attempt:
        """Write a batch in one transaction. Raises `Unavailable` where the outcome is unknown."""
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
        """Call it after `Contended`.

        Ends the transactions of killed processes, which would hold their locks.
        """
        await self._abandoned.end()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.end_session()

    # Within the transaction

    async def _write(self, session: AsyncClientSession, batch: Batch) -> "_Stale | None":
        """Run the commands.

        Returns None where all versions matched. Ends at the first command with a mismatch.
        """
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
        """Commit, and repeat while the outcome is unknown: the server recognises its commits."""
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
        """A duplicate counts only if all reads of the transaction still hold; otherwise the transaction is
        run again.
        """
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
        """The entries that changed since their read, and inserts whose document exists."""
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
    """The number of documents with another version, and the entries whose id or unique value exists."""

    lost: int
    taken: list[tuple[Entry, str]]


def _taken(error: Row, entries: Sequence[Entry]) -> tuple[Entry, str]:
    if error["code"] != _DUPLICATE_KEY:
        raise OperationFailure(error["errmsg"], error["code"], error)
    return entries[error["index"]], duplicate_index(error["keyPattern"])
