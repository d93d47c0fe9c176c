"""The contract of `Store`: messages are numbered, kept until they are published, and pruned."""

import asyncio

import msgspec
from msgspec.structs import replace

from houseful.kernel.errors import DomainError, Duplicate, StateConflict
from houseful.kernel.ports import Store, Transaction
from houseful.kernel.tracing import trace
from houseful.messages import EventCancelled, InventoryReady
from tests.contract.store_documents import Account, StoreContract, add, insist, need, ready, rows
from tests.support.patience import PATIENCE_SECONDS


class OutboxContract(StoreContract):
    async def test_a_row_says_what_was_sent(self, store: Store) -> None:
        with trace("00-11111111111111111111111111111111-2222222222222222-01"):
            async with store.begin() as tx:
                tx.send(ready("evt_1", 7))
                tx.send(EventCancelled(event_id="evt_1"))
                tx.send(ready("evt_1", 8))
        cancelled, first, second = await rows(store)
        assert (first.aggregatetype, first.aggregateid, first.seq) == ("inventory", "evt_1", 1)
        assert (cancelled.aggregatetype, cancelled.aggregateid, cancelled.seq) == ("event", "evt_1", 1)
        assert second.seq == 2
        assert first.type == "houseful.InventoryReady.v1"
        assert msgspec.json.decode(first.payload, type=InventoryReady) == ready("evt_1", 7)
        assert first.traceparent == "00-11111111111111111111111111111111-2222222222222222-01"
        assert first.published_at is None
        assert first.created_at > 1_600_000_000_000
        assert first.id.startswith("msg_")
        assert len({first.id, second.id, cancelled.id}) == 3

    async def test_numbers_have_no_gaps_whatever_fails(self, store: Store) -> None:
        await add(store, *[Account(id=f"e{n}") for n in range(3)])

        async def one(n: int) -> int:
            try:
                async with store.begin() as tx:
                    tx.send(ready(f"e{n % 3}", n))
                    tx.send(EventCancelled(event_id=f"e{n % 3}"))
                    if n % 5 == 0:
                        tx.insert(Account(id="e0"))
                    if n % 7 == 0:
                        raise StateConflict("no", "No.")
            except (Duplicate, DomainError):
                return 0
            return 1

        succeeded = sum(await asyncio.gather(*[one(n) for n in range(120)]))
        sent = await rows(store)
        assert 0 < len(sent) == 2 * succeeded
        numbers: dict[tuple[str, str], list[int]] = {}
        for row in sent:
            numbers.setdefault((row.aggregatetype, row.aggregateid), []).append(row.seq)
        assert len(numbers) == 6
        assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in numbers.values())

    async def test_numbers_follow_the_changes_of_the_document(self, store: Store) -> None:
        await add(store, Account(id="e"))

        async def work(tx: Transaction) -> None:
            account = await need(tx, "e")
            tx.put(replace(account, balance=account.balance + 1))
            tx.send(ready("e", account.balance + 1))

        await asyncio.gather(*[insist(store, work) for _ in range(40)])
        sent = [(row.seq, msgspec.json.decode(row.payload)["seats_total"]) for row in await rows(store)]
        assert sent == [(n, n) for n in range(1, 41)]

    async def test_unpublished_rows_in_order_until_they_are_marked(self, store: Store) -> None:
        async with store.begin() as tx:
            for event in ("b", "a"):
                for n in range(3):
                    tx.send(ready(event, n))
        found = await store.outbox.unpublished(10)
        assert [(row.aggregateid, row.seq) for row in found] == [(e, n) for e in "ab" for n in (1, 2, 3)]
        assert await store.outbox.unpublished(2) == found[:2]
        await store.outbox.mark_published([found[0].id, found[4].id, "unknown"], 5)
        await store.outbox.mark_published([], 5)
        left = await store.outbox.unpublished(10)
        assert [row.id for row in left] == [found[n].id for n in (1, 2, 3, 5)]
        assert [row.published_at for row in await rows(store)] == [5, None, None, None, 5, None]

    async def test_figures(self, store: Store) -> None:
        figures = await store.outbox.stats()
        assert (figures.unpublished, figures.oldest_unpublished_at) == (0, None)
        for n in range(2):
            async with store.begin() as tx:
                tx.send(ready("e", n))
        one, two = await store.outbox.unpublished(9)
        figures = await store.outbox.stats()
        assert (figures.unpublished, figures.oldest_unpublished_at) == (2, one.created_at)
        await store.outbox.mark_published([one.id], 5)
        figures = await store.outbox.stats()
        assert (figures.unpublished, figures.oldest_unpublished_at) == (1, two.created_at)

    async def test_rows_are_all_rows_in_order(self, store: Store) -> None:
        for start in range(0, 1300, 100):
            async with store.begin() as tx:
                for n in range(start, start + 100):
                    tx.send(ready(f"e{n % 7}", n))
        keys = [(row.aggregatetype, row.aggregateid, row.seq) for row in await rows(store)]
        assert len(keys) == 1300
        assert keys == sorted(keys)

    async def test_prune_spares_the_new_the_unpublished_and_the_newest(self, store: Store) -> None:
        async with store.begin() as tx:
            for n in range(5):
                tx.send(ready("a", n))
            tx.send(ready("b"))
        marked_at = {("a", 1): 10, ("a", 2): 30, ("a", 4): 10, ("a", 5): 10, ("b", 1): 10}
        for row in await store.outbox.unpublished(9):
            if at := marked_at.get((row.aggregateid, row.seq)):
                await store.outbox.mark_published([row.id], at)
        assert await store.outbox.prune(10) == 0
        assert await store.outbox.prune(11) == 2
        assert [(row.aggregateid, row.seq) for row in await rows(store)] == [
            ("a", 2),
            ("a", 3),
            ("a", 5),
            ("b", 1),
        ]
        async with store.begin() as tx:
            tx.send(ready("a"))
        assert (await rows(store))[-2].seq == 6

    async def test_a_commit_with_messages_wakes(self, store: Store) -> None:
        woken = asyncio.Event()
        store.on_send(woken.set)
        async with store.begin() as tx:
            tx.send(ready("e"))
        await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
        assert len(await store.outbox.unpublished(9)) == 1
