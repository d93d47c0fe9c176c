"""Other processes on the same MongoDB, and what is not committed yet."""
# ruff: noqa: PT012 - the block of a transaction is what raises

import asyncio

import pytest
from msgspec.structs import replace

from houseful.adapters.mongodb.store import MongoStore
from houseful.kernel.errors import Conflict, Duplicate, StateConflict
from houseful.kernel.ports import Transaction
from tests.contract.mongo_engine import mongo_database, mongo_url
from tests.contract.mongo_store import (
    Attempts,
    Server,
    attempts,
    other,
    outcome,
    put,
    server,
    store,
    tuning,
    until,
)
from tests.contract.store_documents import (
    Account,
    Ticket,
    add,
    insist,
    need,
    ready,
    rows,
)

__all__ = ["attempts", "mongo_database", "mongo_url", "other", "server", "store", "tuning"]


class TestRivals:
    """What another process does to the same documents at the same time."""

    async def test_of_two_that_lock_the_same_one_fails_at_once(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        await add(store, Account(id="a", balance=3), Account(id="b"))
        both_have_read = asyncio.Barrier(2)

        async def lock(one: MongoStore) -> str:
            async with one.begin() as tx:
                tx.lock(await need(tx, "a"))
                await both_have_read.wait()
            return "locked"

        results = await asyncio.gather(outcome(lock(store)), outcome(lock(other)))
        assert {type(result) for result in results} == {str, Conflict}
        assert (await need(store, "a")).balance == 3

    async def test_a_write_conflict_with_an_open_transaction(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        """Nobody waits for it, and whoever was in the same batch is not taken along."""
        await add(store, Account(id="a"), Account(id="b"), Account(id="c"))
        with server.start_session() as session, session.start_transaction():
            accounts = server[mongo_database]["accounts"]
            accounts.update_one({"_id": "a"}, {"$inc": {"_version": 1}}, session=session)
            work = [outcome(put(store, id, 1)) for id in "abc"]
            results = await asyncio.gather(*work)
            assert [type(result) for result in results] == [Conflict, type(None), type(None)]
            session.abort_transaction()
        await put(store, "a", 1)
        found = await store.get_many(Account, ["a", "b", "c"])
        assert [account.balance for account in found.values()] == [1, 1, 1]

    async def test_what_changes_nothing_still_changes_the_version(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        """Or it would lock nothing."""
        await add(store, Account(id="a", balance=3))
        accounts = server[mongo_database]["accounts"]
        versions = [accounts.find_one({"_id": "a"})["_version"]]  # type: ignore[index]
        async with store.begin() as tx:
            tx.lock(await need(tx, "a"))
        versions.append(accounts.find_one({"_id": "a"})["_version"])  # type: ignore[index]
        async with store.begin() as tx:
            tx.put(await need(tx, "a"))
        versions.append(accounts.find_one({"_id": "a"})["_version"])  # type: ignore[index]
        assert versions == [versions[0], versions[0] + 1, versions[0] + 2]

    async def test_numbers_have_no_gaps_between_processes(self, store: MongoStore, other: MongoStore) -> None:
        async def send(one: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                tx.send(ready("e", n))

            await insist(one, work)

        await asyncio.gather(*[send(one, n) for n in range(25) for one in (store, other)])
        assert [row.seq for row in await rows(store)] == list(range(1, 51))

    async def test_both_insert_or_ignore_the_same(self, store: MongoStore, other: MongoStore) -> None:
        async def one(writer: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                for chunk in range(20):
                    tx.insert_or_ignore(Account(id=f"a{chunk}", balance=n))

            await insist(writer, work)

        await asyncio.gather(*[one(writer, n) for n in range(8) for writer in (store, other)])
        accounts = await store.find(Account, {}, limit=99)
        assert len(accounts) == 20

    async def test_both_want_a_unique_value(self, store: MongoStore, other: MongoStore) -> None:
        async def one(writer: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                tx.insert(Ticket(id=f"t{n}", live_seat="A1"))

            await insist(writer, work)

        wanted = [outcome(one(writer, n)) for n, writer in enumerate([store, other] * 10)]
        results = await asyncio.gather(*wanted)
        assert results.count(None) == 1
        assert sum(isinstance(result, Duplicate) for result in results) == 19

    async def test_a_rival_that_changed_what_was_seen(self, store: MongoStore, other: MongoStore) -> None:
        """It wins also against what was handed over with a transaction of this process before it."""
        await add(store, Account(id="a"), Account(id="b"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "a")
                await put(other, "a", 7)
                tx.put(replace(account, balance=1))
        assert (await need(store, "a")).balance == 7


class TestOverlay:
    """Transactions that build on what is handed over and not committed."""

    async def test_who_builds_on_a_failure_fails(
        self, store: MongoStore, other: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        attempts.hold()

        async def first() -> None:
            async with store.begin() as tx:
                one, two = await need(tx, "a"), await need(tx, "b")
                tx.put(replace(one, balance=1))
                tx.put(replace(two, balance=1))

        seen: list[int] = []

        async def puts() -> None:
            async with store.begin() as tx:
                account = await need(tx, "a")
                seen.append(account.balance)
                tx.put(replace(account, balance=account.balance + 1))

        async def only_reads() -> int:
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        async def refuses() -> None:
            async with store.begin() as tx:
                seen.append((await need(tx, "a")).balance)
                raise StateConflict("no", "No.")

        tasks = [asyncio.create_task(outcome(first()))]
        await attempts.held.wait()
        for work in (puts(), only_reads(), refuses()):
            tasks.append(asyncio.create_task(outcome(work)))
        await until(lambda: len(seen) == 2)
        await put(other, "b", 9)
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        assert [type(result) for result in results] == [Conflict] * 4
        assert seen[0] == 1
        assert (await need(store, "a")).balance == 0

    async def test_nothing_is_told_before_it_is_committed(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"))
        attempts.hold()
        writing = asyncio.create_task(put(store, "a", 1))
        await attempts.held.wait()

        async def look() -> int:
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        looking = asyncio.create_task(look())
        assert (await need(store, "a")).balance == 0  # a round trip, in which `looking` would have ended
        assert not looking.done()
        attempts.go_on()
        assert await looking == 1
        await writing
