"""The contract of `Store`: what can be there only once."""
# ruff: noqa: PT012 - the block of a transaction is what raises

import asyncio

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import Conflict, Duplicate
from houseful.kernel.ports import Store
from tests.contract.store_documents import Account, StoreContract, Ticket, add, need, ready, rows


class UniquenessContract(StoreContract):
    """Ids and unique indexes: one has a value, and the others are told."""

    async def test_an_id_is_taken_once(self, store: Store) -> None:
        await add(store, Account(id="a", balance=1))
        with pytest.raises(Duplicate) as raised:
            async with store.begin() as tx:
                tx.insert(Account(id="b"))
                tx.insert(Account(id="a", balance=2))
                tx.send(ready("e"))
        assert (raised.value.collection, raised.value.index) == ("accounts", "id")
        assert (await need(store, "a")).balance == 1
        assert await store.get(Account, "b") is None
        assert await rows(store) == []

    async def test_a_transaction_cannot_insert_an_id_twice(self, store: Store) -> None:
        with pytest.raises(Duplicate):
            async with store.begin() as tx:
                tx.insert(Account(id="a"))
                tx.insert(Account(id="a"))
        assert await store.get(Account, "a") is None

    async def test_of_many_that_insert_an_id_one_succeeds(self, store: Store) -> None:
        async def one(n: int) -> int | None:
            try:
                async with store.begin() as tx:
                    tx.insert(Ticket(id="t", live_seat=str(n)))
            except Duplicate:
                return None
            return n

        results = [n for n in await asyncio.gather(*[one(n) for n in range(50)]) if n is not None]
        assert len(results) == 1
        assert await store.get(Ticket, "t") == Ticket(id="t", live_seat=str(results[0]))

    async def test_unique_among_the_living(self, store: Store) -> None:
        await add(store, Ticket(id="1", live_seat="A1"))
        with pytest.raises(Duplicate) as raised:
            await add(store, Ticket(id="2", live_seat="A1"))
        assert (raised.value.collection, raised.value.index) == ("tickets", "event_live_seat")
        await add(store, Ticket(id="3", live_seat="A1", event="another"))
        await add(store, Ticket(id="4"), Ticket(id="5"))
        async with store.begin() as tx:
            ticket = await tx.get(Ticket, "1")
            assert ticket is not None
            tx.insert(Ticket(id="2", live_seat="A1"))
            tx.put(replace(ticket, live_seat=None))
        with pytest.raises(Duplicate):
            async with store.begin() as tx:
                ticket = await tx.get(Ticket, "1")
                assert ticket is not None
                tx.put(replace(ticket, live_seat="A1"))
        assert await store.get(Ticket, "1") == Ticket(id="1")

    async def test_of_many_that_want_a_unique_value_one_gets_it(self, store: Store) -> None:
        async def one(n: int) -> bool:
            try:
                async with store.begin() as tx:
                    tx.insert(Ticket(id=f"t{n}", live_seat="A1"))
                    tx.send(ready("e", n))
            except Duplicate:
                return False
            return True

        assert (await asyncio.gather(*[one(n) for n in range(50)])).count(True) == 1
        assert await store.count(Ticket, {"event": "e", "live_seat": "A1"}) == 1
        assert [row.seq for row in await rows(store)] == [1]

    async def test_a_lost_race_is_a_conflict_before_it_is_a_duplicate(self, store: Store) -> None:
        """Who chose the next free number from a document that has changed should choose again."""
        await add(store, Account(id="next", balance=1))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "next")
                async with store.begin() as rival:
                    rival.put(replace(await need(rival, "next"), balance=2))
                    rival.insert(Ticket(id="rival", live_seat="1"))
                tx.insert(Ticket(id="mine", live_seat=str(account.balance)))
                tx.put(replace(account, balance=2))

    async def test_a_lost_race_is_a_conflict_also_where_a_put_is_a_duplicate(self, store: Store) -> None:
        await add(store, Account(id="next", balance=1), Ticket(id="mine"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                ticket, account = await tx.get(Ticket, "mine"), await need(tx, "next")
                assert ticket is not None
                async with store.begin() as rival:
                    rival.put(replace(await need(rival, "next"), balance=2))
                    rival.insert(Ticket(id="rival", live_seat="1"))
                tx.put(replace(ticket, live_seat=str(account.balance)))
                tx.put(replace(account, balance=2))

    async def test_insert_or_ignore(self, store: Store) -> None:
        await add(store, Account(id="a", balance=1))
        async with store.begin() as tx:
            tx.insert_or_ignore(Account(id="a", balance=2))
            tx.insert_or_ignore(Account(id="b", balance=2))
            tx.insert_or_ignore(Account(id="b", balance=3))
            tx.send(ready("e"))
        assert (await need(store, "a")).balance == 1
        assert (await need(store, "b")).balance == 2
        assert len(await rows(store)) == 1

    async def test_absent(self, store: Store) -> None:
        async with store.begin() as tx:
            tx.absent(Account, "a")
            tx.insert(Account(id="b"))
        assert await store.get(Account, "a") is None
        async with store.begin() as tx:
            tx.absent(Account, "a")
        for others in ([], [Account(id="c")]):
            with pytest.raises(Duplicate) as caught:
                async with store.begin() as tx:
                    tx.absent(Account, "b")
                    for other in others:
                        tx.insert(other)
            assert (caught.value.collection, caught.value.index) == ("accounts", "id")
        assert await store.get(Account, "c") is None

    async def test_absent_heeds_what_is_on_its_way(self, store: Store) -> None:
        async def without(n: int) -> None:
            async with store.begin() as tx:
                tx.absent(Account, "a")
                tx.insert(Ticket(id=str(n)))

        added, *others = await asyncio.gather(
            add(store, Account(id="a")), *map(without, range(5)), return_exceptions=True
        )
        assert added is None
        assert [type(one) for one in others] == [Duplicate] * 5
        assert await store.count(Ticket, {}) == 0

    async def test_insert_or_ignore_heeds_unique_indexes(self, store: Store) -> None:
        await add(store, Ticket(id="1", live_seat="A1"))
        async with store.begin() as tx:
            tx.insert_or_ignore(Ticket(id="1", live_seat="A1"))
        with pytest.raises(Duplicate):
            async with store.begin() as tx:
                tx.insert_or_ignore(Ticket(id="2", live_seat="A1"))

    async def test_insert_or_ignore_and_get(self, store: Store) -> None:
        await add(store, Account(id="a", balance=1))
        async with store.begin() as tx:
            for id in ("a", "b"):
                tx.insert_or_ignore(Account(id=id, balance=2))
            old, new = await need(tx, "a"), await need(tx, "b")
            assert (old.balance, new.balance) == (1, 2)
            tx.put(replace(old, balance=10))
            tx.put(replace(new, balance=20))
        assert (await need(store, "a")).balance == 10
        assert (await need(store, "b")).balance == 20

    async def test_insert_or_ignore_then_changed_loses_to_a_rival(self, store: Store) -> None:
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                tx.insert_or_ignore(Account(id="a", balance=2))
                mine = await need(tx, "a")
                await add(store, Account(id="a", balance=1))
                tx.put(replace(mine, balance=3))
        assert (await need(store, "a")).balance == 1

    async def test_a_lost_insert_or_ignore_is_a_conflict_before_it_is_a_duplicate(self, store: Store) -> None:
        """What was decided on a document that this transaction believed to be its own is to be decided
        again."""
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                tx.insert_or_ignore(Account(id="a", balance=2))
                await need(tx, "a")
                tx.insert(Ticket(id="t", live_seat="1"))
                await add(store, Account(id="a", balance=1), Ticket(id="t"))
        assert (await need(store, "a")).balance == 1

    async def test_many_ignored_inserts_of_the_same(self, store: Store) -> None:
        async def one(n: int) -> None:
            async with store.begin() as tx:
                for chunk in range(20):
                    tx.insert_or_ignore(Account(id=f"a{chunk}", balance=n))

        await asyncio.gather(*[one(n) for n in range(20)])
        accounts = await store.find(Account, {}, limit=99)
        assert len(accounts) == 20
        assert len({account.balance for account in accounts}) == 1
