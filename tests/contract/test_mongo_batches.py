"""Write sets that share a transaction of MongoDB."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from houseful.adapters.mongodb import commit as mongo_commit
from houseful.adapters.mongodb.batch import Batch
from houseful.adapters.mongodb.store import MongoStore
from houseful.kernel.documents import Document
from houseful.kernel.errors import Conflict, Duplicate, Unavailable
from tests.contract.mongo_engine import mongo_database, mongo_url
from tests.contract.mongo_store import Attempts, attempts, other, outcome, put, store, tuning, until, writer
from tests.contract.store_documents import (
    Account,
    Item,
    Ticket,
    add,
    add_one,
    insist,
    need,
)

__all__ = ["attempts", "mongo_database", "mongo_url", "other", "store", "tuning"]


class TestBatches:
    async def test_what_comes_together_is_one_transaction_of_the_server(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await asyncio.gather(*[add(store, Account(id=f"a{n}")) for n in range(50)])
        assert attempts.sizes == [50]
        assert await store.count(Account, {}) == 50

    async def test_who_is_refused_does_not_take_the_others_along(
        self, store: MongoStore, other: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="taken"), Ticket(id="t", live_seat="A1"), Account(id="stale"))

        async def stale() -> None:
            async with store.begin() as tx:
                account = await need(tx, "stale")
                await put(other, "stale", 7)
                tx.put(replace(account, balance=1))
                tx.insert(Account(id="with stale"))

        attempts.hold()
        first = asyncio.create_task(add(store, Account(id="first")))
        await attempts.held.wait()  # the rest waits behind it, and goes together
        work = [
            add(store, Account(id="one"), Account(id="taken")),
            add(store, Account(id="two"), Ticket(id="u", live_seat="A1")),
            stale(),
            *[add(store, Account(id=f"fine{n}")) for n in range(5)],
        ]
        tasks = [asyncio.create_task(outcome(one)) for one in work]
        await until(lambda: len(store.writer._waiting) == len(tasks))
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        await first
        assert [type(result) for result in results[:3]] == [Duplicate, Duplicate, Conflict]
        assert results[3:] == [None] * 5
        assert attempts.sizes[1:3] == [1, 8]
        written = set(
            await store.get_many(
                Account, ["first", "one", "two", "with stale", *[f"fine{n}" for n in range(5)]]
            )
        )
        assert written == {"first", *[f"fine{n}" for n in range(5)]}

    async def test_a_bug_in_one_is_not_the_others(self, store: MongoStore, attempts: Attempts) -> None:
        too_large = 2**70
        adds = [outcome(add(store, Item(id=f"i{n}", rank=too_large if n == 3 else n))) for n in range(6)]
        results = await asyncio.gather(*adds)
        assert [n for n, result in enumerate(results) if result is not None] == [3]
        assert isinstance(results[3], OverflowError)
        assert attempts.sizes[0] == 6
        assert await store.count(Item, {}) == 5

    async def test_a_hot_document_is_changed_many_times_in_one(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"))
        attempts.sizes.clear()
        await asyncio.gather(*[insist(store, add_one("a")) for _ in range(60)])
        assert (await need(store, "a")).balance == 60
        assert len(attempts.sizes) < 30

    async def test_changes_that_do_not_go_together_follow_each_other(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        """Deleted, inserted again, changed: each builds on what the one before has handed over."""
        await add(store, Account(id="a", balance=1))
        attempts.sizes.clear()

        async def delete() -> None:
            async with store.begin() as tx:
                tx.delete(await need(tx, "a"))

        attempts.hold()
        tasks = [asyncio.create_task(add(store, Account(id="first")))]
        await attempts.held.wait()
        for n, work in enumerate((delete(), add(store, Account(id="a", balance=5)), put(store, "a", 6)), 1):
            tasks.append(asyncio.create_task(work))
            await until(lambda n=n: len(store.writer._waiting) == n)  # type: ignore[misc]
        attempts.go_on()
        await asyncio.gather(*tasks)
        assert (await need(store, "a")).balance == 6
        assert attempts.sizes == [1, 1, 2]

    @pytest.mark.parametrize("first", [{}, {"live_seat": "B1"}])
    async def test_a_duplicate_is_that_of_the_change_that_made_it(
        self, store: MongoStore, attempts: Attempts, first: dict[str, Any]
    ) -> None:
        """Also where several changes of a document could become one."""
        await add(store, Ticket(id="taken", live_seat="A1"), Ticket(id="t"))

        async def change_ticket(changes: dict[str, Any]) -> None:
            async with store.begin() as tx:
                ticket = await tx.get(Ticket, "t")
                assert ticket is not None
                if changes:
                    tx.put(replace(ticket, **changes))
                else:
                    tx.lock(ticket)

        attempts.hold()
        tasks = [asyncio.create_task(outcome(add(store, Account(id="first"))))]
        await attempts.held.wait()
        for n, changes in enumerate((first, {"live_seat": "A1"}, {"event": "f"}), 1):
            tasks.append(asyncio.create_task(outcome(change_ticket(changes))))
            await until(lambda n=n: len(store.writer._waiting) == n)  # type: ignore[misc]
        tasks.append(asyncio.create_task(outcome(add(store, Account(id="last")))))
        await until(lambda: len(store.writer._waiting) == 4)
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        assert results[:2] == [None, None]
        assert isinstance(results[2], Duplicate)
        assert isinstance(results[3], Conflict)
        assert results[4] is None
        assert await store.get(Ticket, "t") == replace(Ticket(id="t"), **first)

    async def test_an_ignored_insert_that_comes_second_is_ignored(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server says that the id is taken where a rival commits between the snapshot and the insert."""
        write = mongo_commit.Committer._write
        lost = 0

        async def lose_once(self: Any, session: Any, batch: Batch) -> Any:
            nonlocal lost
            lost += 1
            if lost == 1:
                return mongo_commit._Stale(0, [(entry, "id") for entry in batch.entries.values()])
            return await write(self, session, batch)

        monkeypatch.setattr(mongo_commit.Committer, "_write", lose_once)
        async with store.begin() as tx:
            tx.insert_or_ignore(Account(id="a"))
        assert lost == 2
        assert await store.get(Account, "a") == Account(id="a")

    async def test_a_large_transaction_takes_several_commands(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large = "x" * 2_000_000
        accounts = [Account(id=f"a{n:02}", log=[large]) for n in range(14)]
        async with store.begin() as tx:
            for account in accounts:
                tx.insert(account)
        found = await store.get_many(
            Account, [account.id for account in accounts]
        )  # more than one reply holds
        assert list(found.values()) == accounts
        assert await store.find(Account, {}, limit=99) == accounts

    async def test_of_several_duplicates_the_first_is_told(self, store: MongoStore) -> None:
        """As on SQLite: what was put goes before what was inserted, in the order in which it was. It does not
        depend on what else is in the batch."""
        await add(store, Account(id="a"), Item(id="i"), Ticket(id="t"), Ticket(id="u", live_seat="1"))

        async def both(*documents: Document, take: bool = False) -> None:
            async with store.begin() as tx:
                for document in documents:
                    tx.insert(document)
                if take:
                    ticket = await tx.get(Ticket, "t")
                    assert ticket is not None
                    tx.put(replace(ticket, live_seat="1"))

        async def told(*work: Coroutine[Any, Any, None]) -> list[str]:
            results = await asyncio.gather(*[outcome(one) for one in work])
            return [result.collection for result in results]

        account, item = Account(id="a"), Item(id="i")
        assert await told(both(account, item), both(item, account)) == ["accounts", "items"]
        assert await told(both(item, account), both(account, item)) == ["items", "accounts"]
        assert await told(both(item, take=True)) == ["tickets"]

    async def test_an_interrupted_writer_acknowledges_nothing(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        attempts.hold()
        task = asyncio.create_task(outcome(add(store, Account(id="a"))))
        await attempts.held.wait()
        running = writer(store)._running
        assert running is not None
        running.cancel()
        assert isinstance(await task, Unavailable)
        attempts.go_on()
        await add(store, Account(id="b"))
        assert await store.get_many(Account, ["a", "b"]) == {"b": Account(id="b")}

    async def test_the_writer_goes_on_when_who_asked_is_gone(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        attempts.hold()
        task = asyncio.create_task(add(store, Account(id="a")))
        await attempts.held.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        attempts.go_on()
        await add(store, Account(id="b"))
        assert await store.get(Account, "a") == Account(id="a")
