"""The contract of `Store`: what a transaction sees, checks and writes."""
# ruff: noqa: PT012 - the block of a transaction is what raises

import asyncio

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import Conflict, StateConflict
from houseful.kernel.ports import Store, Transaction
from tests.contract.store_documents import (
    Account,
    Item,
    StoreContract,
    Ticket,
    add,
    add_one,
    change,
    insist,
    need,
    ready,
    rows,
)


class TransactionContract(StoreContract):
    async def test_a_put_replaces_document_and_index_entries(self, store: Store) -> None:
        await add(store, Item(id="i", shelf="a", rank=1))
        async with store.begin() as tx:
            item = await tx.get(Item, "i")
            assert item is not None
            tx.put(replace(item, shelf="b", parts={"p": [1]}))
        changed = Item(id="i", shelf="b", rank=1, parts={"p": [1]})
        assert await store.get(Item, "i") == changed
        assert await store.find(Item, {"shelf": "b"}, by="rank", limit=9) == [changed]
        assert await store.find(Item, {"shelf": "a"}, by="rank", limit=9) == []

    async def test_of_two_that_put_the_same_the_later_fails_whole(self, store: Store) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account, other = await need(tx, "a"), await need(tx, "b")
                await change(store, "a", 1)
                tx.put(replace(other, balance=5))
                tx.put(replace(account, balance=5))
                tx.insert(Account(id="c"))
                tx.send(ready("e"))
        assert (await need(store, "a")).balance == 1
        assert (await need(store, "b")).balance == 0
        assert await store.get(Account, "c") is None
        assert await rows(store) == []

    async def test_what_is_expected_changes_no_answer(self, store: Store) -> None:
        await add(store, Account(id="a", balance=1), Item(id="i", shelf="s", rank=1))
        async with store.begin() as tx:
            tx.expect(Account, ["a", "missing"])
            tx.expect(Item, ["i", "never read"])
            assert await tx.get_many(Account, ["missing", "a"]) == {"a": Account(id="a", balance=1)}
            tx.put(Account(id="a", balance=2))
            assert (await need(tx, "a")).balance == 2
            item = await tx.get(Item, "i")
            assert item is not None
            tx.delete(item)
            tx.expect(Item, ["i"])
            assert await tx.get(Item, "i") is None
        assert (await need(store, "a")).balance == 2
        assert await store.get(Item, "i") is None

    async def test_what_is_expected_and_changes_meanwhile_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                await add(store, Account(id="a", balance=1))
                tx.expect(Account, ["a"])
                account = await need(tx, "a")
                await change(store, "a", 5)
                tx.put(replace(account, balance=2))
        assert (await need(store, "a")).balance == 5

    async def test_a_search_sees_at_least_what_was_read_before_it(self, store: Store) -> None:
        """Else somebody reads that an order is confirmed, searches for its tickets, and finds none."""
        await add(store, Account(id="a"))

        async def confirm(number: int) -> None:
            async def work(tx: Transaction) -> None:
                tx.put(replace(await need(tx, "a"), balance=number))
                tx.insert(Item(id=f"i{number:03}", shelf="s", rank=number))

            await store.transact(work)

        async def look(_number: int) -> None:
            async with store.begin() as tx:
                balance = (await need(tx, "a")).balance
                found = {item.rank for item in await tx.find(Item, {"shelf": "s"}, by="rank", limit=100)}
                assert balance == 0 or balance in found
                assert balance == 0 or await tx.count(Item, {"shelf": "s"}) >= 1

        for number in range(1, 41):
            await asyncio.gather(confirm(number), *(look(number) for _ in range(4)))

    async def test_each_way_of_reading_remembers_the_version(self, store: Store) -> None:
        async def by_get_many(tx: Transaction) -> Item:
            return (await tx.get_many(Item, ["i"]))["i"]

        async def by_find(tx: Transaction) -> Item:
            [item] = await tx.find(Item, {"shelf": "a"}, limit=1)
            return item

        await add(store, Item(id="i"))
        for read in (by_get_many, by_find):
            async with store.begin() as tx:
                tx.put(replace(await read(tx), rank=1))
            with pytest.raises(Conflict):
                async with store.begin() as tx:
                    item = await read(tx)
                    async with store.begin() as rival:
                        rival.put(replace(await read(rival), rank=2))
                    tx.put(replace(item, rank=3))
            item = await store.get(Item, "i")  # type: ignore[assignment]
            assert item.rank == 2

    async def test_reading_again_does_not_heal(self, store: Store) -> None:
        await add(store, Account(id="a"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                await need(tx, "a")
                await change(store, "a", 1)
                tx.put(replace(await need(tx, "a"), balance=7))
        assert (await need(store, "a")).balance == 1

    async def test_what_is_only_read_is_not_checked(self, store: Store) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        async with store.begin() as tx:
            await need(tx, "a")
            account = await need(tx, "b")
            await change(store, "a", 1)
            tx.put(replace(account, balance=2))
        assert (await need(store, "b")).balance == 2

    async def test_what_is_locked_is_checked(self, store: Store) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                tx.lock(await need(tx, "a"))
                account = await need(tx, "b")
                await change(store, "a", 1)
                tx.put(replace(account, balance=2))
        assert (await need(store, "b")).balance == 0

    async def test_a_lock_fails_the_rival_and_changes_nothing_else(self, store: Store) -> None:
        await add(store, Account(id="a", balance=3))

        async def lock(tx: Transaction) -> None:
            tx.lock(replace(await need(tx, "a"), balance=99))

        for rival in (lock, add_one("a")):
            with pytest.raises(Conflict):
                async with store.begin() as tx:
                    account = await need(tx, "a")
                    await store.transact(lock)
                    assert (await need(store, "a")).balance == 3
                    await rival(tx)
                    tx.lock(account)
        assert (await need(store, "a")).balance == 3

    async def test_put_and_lock_of_the_same_document(self, store: Store) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        async with store.begin() as tx:
            one, two = await need(tx, "a"), await need(tx, "b")
            tx.lock(one)
            tx.put(replace(one, balance=1))
            tx.put(replace(two, balance=1))
            tx.lock(two)
            tx.put(replace(two, balance=2))
        assert (await need(store, "a")).balance == 1
        assert (await need(store, "b")).balance == 2

    async def test_a_lock_prevents_write_skew(self, store: Store) -> None:
        """Two doctors on call, at least one must stay: the duty roster stands for the rule."""
        await add(store, Account(id="roster"), *[Account(id=f"d{n}", balance=1) for n in range(8)])

        async def leave(me: str) -> bool:
            async def work(tx: Transaction) -> bool:
                tx.lock(await need(tx, "roster"))
                doctors = await tx.get_many(Account, [f"d{n}" for n in range(8)])
                if sum(doctor.balance for doctor in doctors.values()) < 2:
                    return False
                tx.put(replace(doctors[me], balance=0))
                await asyncio.sleep(0)
                return True

            return await insist(store, work)

        left = await asyncio.gather(*[leave(f"d{n}") for n in range(8)])
        assert left.count(True) == 7
        on_call = await store.get_many(Account, [f"d{n}" for n in range(8)])
        assert sum(doctor.balance for doctor in on_call.values()) == 1

    async def test_a_delete_is_checked(self, store: Store) -> None:
        await add(store, Account(id="a"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "a")
                await change(store, "a", 1)
                tx.delete(account)
        async with store.begin() as tx:
            tx.delete(await need(tx, "a"))
        assert await store.get(Account, "a") is None

    async def test_a_deleted_document_fails_whoever_had_read_it(self, store: Store) -> None:
        for act in ("put", "lock", "delete"):
            await add(store, Account(id=act))
            with pytest.raises(Conflict):
                async with store.begin() as tx:
                    account = await need(tx, act)
                    async with store.begin() as rival:
                        rival.delete(await need(rival, act))
                    getattr(tx, act)(account)
            assert await store.get(Account, act) is None

    async def test_deleted_and_inserted_again_is_not_unchanged(self, store: Store) -> None:
        await add(store, Account(id="a"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "a")
                async with store.begin() as rival:
                    rival.delete(await need(rival, "a"))
                await add(store, Account(id="a", balance=7))
                tx.put(replace(account, balance=1))
        assert (await need(store, "a")).balance == 7

    async def test_delete_and_insert_in_one_transaction_replaces(self, store: Store) -> None:
        await add(store, Ticket(id="t", live_seat="1"), Ticket(id="u", live_seat="2"))
        async with store.begin() as tx:
            for id in ("t", "u"):
                ticket = await tx.get(Ticket, id)
                assert ticket is not None
                tx.delete(ticket)
                assert await tx.get(Ticket, id) is None
            tx.insert(Ticket(id="t", live_seat="3"))
            tx.insert_or_ignore(Ticket(id="v", live_seat="2"))
            assert await tx.get(Ticket, "t") == Ticket(id="t", live_seat="3")
        assert await store.get(Ticket, "t") == Ticket(id="t", live_seat="3")
        assert await store.get(Ticket, "u") is None
        assert await store.get(Ticket, "v") == Ticket(id="v", live_seat="2")

    async def test_inserted_and_deleted_in_one_transaction_is_nothing(self, store: Store) -> None:
        async with store.begin() as tx:
            tx.insert(Account(id="a"))
            tx.delete(Account(id="a"))
            assert await tx.get(Account, "a") is None
            with pytest.raises(LookupError):
                tx.put(Account(id="a"))
        assert await store.get(Account, "a") is None

    async def test_only_what_was_read_can_be_changed(self, store: Store) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        async with store.begin() as tx:
            account = await need(tx, "a")
            assert await tx.get(Account, "x") is None
            for unread in (Account(id="b"), Account(id="x"), Item(id="a")):
                for act in (tx.put, tx.lock, tx.delete):
                    with pytest.raises(LookupError):
                        act(unread)
            tx.delete(account)
            for act in (tx.put, tx.lock, tx.delete):
                with pytest.raises(LookupError):
                    act(account)

    async def test_get_sees_the_transactions_own_writes_and_find_does_not(self, store: Store) -> None:
        await add(store, Item(id="old", rank=1), Item(id="gone", rank=1))
        async with store.begin() as tx:
            found = await tx.get_many(Item, ["old", "gone"])
            tx.insert(Item(id="new", rank=2))
            tx.put(replace(found["old"], rank=5))
            tx.delete(found["gone"])
            assert await tx.get(Item, "new") == Item(id="new", rank=2)
            assert await tx.get(Item, "old") == Item(id="old", rank=5)
            assert await tx.get(Item, "gone") is None
            assert set(await tx.get_many(Item, ["old", "new", "gone"])) == {"old", "new"}
            tx.put(Item(id="new", rank=3))
            assert await tx.get(Item, "new") == Item(id="new", rank=3)
            assert {item.rank for item in await tx.find(Item, {"shelf": "a"}, limit=9)} == {1}
            assert await tx.count(Item, {}) == 2
        assert await store.get(Item, "new") == Item(id="new", rank=3)
        assert await store.count(Item, {}) == 2

    @pytest.mark.parametrize(
        "error", [StateConflict("taken", "Taken."), RuntimeError("bug"), Conflict("again")]
    )
    async def test_an_exception_writes_nothing(self, store: Store, error: Exception) -> None:
        await add(store, Account(id="a"))
        with pytest.raises(type(error)) as raised:
            async with store.begin() as tx:
                account = await need(tx, "a")
                tx.put(replace(account, balance=1))
                tx.insert(Account(id="b"))
                tx.send(ready("e"))
                raise error
        assert raised.value is error
        assert (await need(store, "a")).balance == 0
        assert await store.get(Account, "b") is None
        assert await rows(store) == []

    async def test_a_cancelled_block_writes_nothing(self, store: Store) -> None:
        inside = asyncio.Event()

        async def stay() -> None:
            async with store.begin() as tx:
                tx.insert(Account(id="a"))
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(stay())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.get(Account, "a") is None
