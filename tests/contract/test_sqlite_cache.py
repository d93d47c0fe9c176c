"""SQLite: what was read or written is kept in memory."""

import asyncio
import random
from pathlib import Path

import apsw
import pytest

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.tuning import DEFAULT, LEAST_BYTES, SqliteTuning
from houseful.adapters.sqlite.writer import SqliteWrites
from houseful.kernel.errors import Conflict, Duplicate, Unavailable
from houseful.kernel.ports import Transaction
from tests.contract.sqlite_store import (
    Commits,
    Rival,
    commits,
    open_sqlite,
    path,
    put,
    rival,
    store,
    tuning,
    writer,
)
from tests.contract.store_documents import (
    Account,
    Ticket,
    add,
    change,
    need,
)

__all__ = ["commits", "path", "rival", "store", "tuning"]


class TestCache:
    """What was read or written is not read from the file again, unless somebody else may have written."""

    async def test_it_is_read_once(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, rival: Rival
    ) -> None:
        await add(store, Account(id="a"))
        await need(store, "a")
        assert await store.get(Account, "nobody") is None

        def connection() -> apsw.Connection:
            raise AssertionError("the file is read")

        monkeypatch.setattr(store.reads, "_connection", connection)
        assert (await need(store, "a")).balance == 0
        assert await store.get(Account, "nobody") is None
        await change(store, "a", 5)
        await add(store, Account(id="nobody", balance=1))
        assert (await need(store, "a")).balance == 5
        assert (await need(store, "nobody")).balance == 1
        async with store.begin() as tx:
            tx.delete(await need(tx, "a"))
        assert await store.get(Account, "a") is None
        rival.begin()
        rival.commit()  # which has written nothing
        await asyncio.sleep(0)
        assert (await need(store, "nobody")).balance == 1

    @pytest.mark.parametrize("in_a_transaction", [False, True])
    async def test_what_another_process_writes_is_seen(
        self, store: SqliteStore, rival: Rival, in_a_transaction: bool
    ) -> None:
        async def balance() -> int:
            if not in_a_transaction:
                return (await need(store, "a")).balance
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        await add(store, Account(id="a"))
        for expected in range(1, 4):
            assert await balance() == expected - 1
            rival.begin()
            rival.overwrite("a", expected)
            rival.commit()
            await asyncio.sleep(0)
            assert await balance() == expected

    async def test_who_begins_to_write_looks_too(self, store: SqliteStore, rival: Rival) -> None:
        """Also where the look of this turn was before the rival wrote."""
        await add(store, Account(id="a"), Account(id="b"))
        await need(store, "a")
        writes = SqliteWrites()
        rival.begin()
        rival.overwrite("a", 7)
        rival.commit()
        store.writer.put(writes)
        while not writer(store)._has_lock:  # noqa: ASYNC110 - it lasts for a turn of the loop
            await asyncio.sleep(0)
        assert (await need(store, "a")).balance == 7
        await writes.wait()

    async def test_failed_writes_are_not_cached(self, store: SqliteStore, commits: Commits) -> None:
        await add(store, Account(id="a"))
        await need(store, "a")
        assert await store.get(Account, "b") is None
        commits.fail = 1
        lost = await asyncio.gather(
            put(store, "a", 9), add(store, Account(id="b", balance=9)), return_exceptions=True
        )
        assert [type(error) for error in lost] == [Unavailable, Unavailable]
        assert (await need(store, "a")).balance == 0
        assert await store.get(Account, "b") is None

    @pytest.mark.parametrize("tuning", [SqliteTuning(cache_bytes=50 * LEAST_BYTES)])
    async def test_it_has_a_limit(self, store: SqliteStore) -> None:
        long = Account(id="long", log=["x" * DEFAULT.cached_document_bytes])
        await add(store, long, *[Account(id=f"a{i}") for i in range(100)])
        for i in range(1000):
            await store.get(Account, f"a{i}")
            assert await store.get(Account, "long") == long
            assert len(store.collections[Account].cache) <= 50
            assert "long" not in store.collections[Account].cache

    async def test_two_writers_and_every_kind_of_write(self, store: SqliteStore, path: Path) -> None:
        """Whatever either does, both see it; a search, which always reads the file, says the same."""
        other = open_sqlite(path)
        chance = random.Random(5)
        known: dict[str, Ticket] = {}
        for step in range(1500):
            writer = chance.choice((store, other))
            ids = chance.sample(["a", "b", "c", "d"], 2)
            work = [
                (chance.choice(("put", "delete", "insert", "ignore", "lock")), id, f"{step}") for id in ids
            ]
            try:
                async with writer.begin() as tx:
                    for what, id, seat in work:
                        await self.do(tx, what, id, seat if chance.random() < 0.9 else "same")
            except (Duplicate, Conflict):
                pass
            else:
                known = {ticket.id: ticket for ticket in await writer.find(Ticket, {}, limit=10)}
            for reader in (store, other):
                for id in "abcd":
                    assert await reader.get(Ticket, id) == known.get(id), (step, work)
        await other.close()

    async def do(self, tx: Transaction, what: str, id: str, seat: str) -> None:
        found = await tx.get(Ticket, id)
        ticket = Ticket(id=id, live_seat=seat)
        if what == "insert":
            tx.insert(ticket)
        elif what == "ignore":
            tx.insert_or_ignore(ticket)
        elif found is not None and what == "put":
            tx.put(ticket)
        elif found is not None and what == "delete":
            tx.delete(found)
        elif found is not None:
            tx.lock(found)
