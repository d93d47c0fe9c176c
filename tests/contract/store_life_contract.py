"""The contract of `Store`: many writers at once, retries, restart and close."""

import asyncio
import random

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict, Unavailable
from houseful.kernel.ports import Store, Transaction
from tests.contract.store_documents import (
    Account,
    OpenStore,
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


class StoreLifeContract(StoreContract):
    async def test_a_hundred_increments_are_a_hundred(self, store: Store) -> None:
        await add(store, Account(id="a"))
        await asyncio.gather(*[insist(store, add_one("a")) for _ in range(100)])
        assert (await need(store, "a")).balance == 100

    async def test_increments_that_pause_between_read_and_write(self, store: Store) -> None:
        await add(store, Account(id="a"))

        async def work(tx: Transaction) -> None:
            account = await need(tx, "a")
            await asyncio.sleep(0)
            tx.put(replace(account, balance=account.balance + 1))

        await asyncio.gather(*[insist(store, work) for _ in range(30)])
        assert (await need(store, "a")).balance == 30

    async def test_two_processes_count_together(self, store: Store, open_store: OpenStore) -> None:
        await add(store, Account(id="a"))
        other = await open_store()
        counts = [insist(one, add_one("a")) for one in (store, other) for _ in range(30)]
        await asyncio.gather(*counts)
        assert (await need(store, "a")).balance == 60
        assert (await need(other, "a")).balance == 60
        await other.close()

    async def test_transfers_in_every_direction_lose_nothing(self, store: Store) -> None:
        await add(store, *[Account(id=f"a{n}", balance=100) for n in range(4)])
        chance = random.Random(5)

        async def transfer(source: str, target: str) -> None:
            async def work(tx: Transaction) -> None:
                giver, taker = await need(tx, source), await need(tx, target)
                tx.put(replace(giver, balance=giver.balance - 1))
                tx.put(replace(taker, balance=taker.balance + 1))

            await insist(store, work)

        await asyncio.gather(*[transfer(*chance.sample(["a0", "a1", "a2", "a3"], 2)) for _ in range(150)])
        accounts = await store.find(Account, {}, limit=9)
        assert sum(account.balance for account in accounts) == 400

    async def test_transact_runs_again_after_a_conflict(self, store: Store) -> None:
        await add(store, Account(id="a"))
        runs = 0

        async def work(tx: Transaction) -> int:
            nonlocal runs
            runs += 1
            account = await need(tx, "a")
            if runs < 3:
                await change(store, "a", runs)
            tx.put(replace(account, balance=account.balance + 10))
            return runs

        assert await store.transact(work) == 3
        assert (await need(store, "a")).balance == 12

    async def test_transact_gives_up_at_some_time(self, store: Store) -> None:
        runs = 0

        async def work(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            raise Conflict("always")

        with pytest.raises(Conflict):
            await store.transact(work)
        assert 3 <= runs < 100

    async def test_transact_repeats_nothing_but_conflicts(self, store: Store) -> None:
        await add(store, Account(id="a"))
        runs = 0

        async def refuse(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            raise StateConflict("no", "No.")

        async def duplicate(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            tx.insert(Account(id="a"))

        with pytest.raises(DomainError):
            await store.transact(refuse)
        with pytest.raises(Duplicate):
            await store.transact(duplicate)
        assert runs == 2

    async def test_everything_is_there_after_a_restart(self, store: Store, open_store: OpenStore) -> None:
        first = await open_store()
        await add(first, Account(id="a", balance=1), Ticket(id="t", live_seat="1"))
        async with first.begin() as tx:
            tx.send(ready("e"))
        await first.close()
        again = await open_store()
        assert (await need(again, "a")).balance == 1
        with pytest.raises(Duplicate):
            await add(again, Ticket(id="u", live_seat="1"))
        async with again.begin() as tx:
            tx.put(replace(await need(tx, "a"), balance=2))
            tx.send(ready("e"))
        assert [row.seq for row in await rows(again)] == [1, 2]
        await again.close()

    async def test_closing_keeps_what_is_on_its_way(self, store: Store, open_store: OpenStore) -> None:
        first = await open_store()
        acknowledged: list[str] = []

        async def one(id: str) -> None:
            await add(first, Account(id=id))
            acknowledged.append(id)

        tasks = [asyncio.create_task(one(f"a{n}")) for n in range(50)]
        await asyncio.sleep(0)
        await first.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(acknowledged) <= set(await store.get_many(Account, [f"a{n}" for n in range(50)]))

    async def test_a_closed_store_is_unavailable(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ready()
        await store.close()
        await store.close()
        for attempt in (
            store.ready(),
            store.get(Account, "a"),
            store.find(Account, {}, limit=1),
            store.count(Account, {}),
            store.outbox.unpublished(1),
            add(store, Account(id="a")),
        ):
            with pytest.raises(Unavailable):
                await attempt
