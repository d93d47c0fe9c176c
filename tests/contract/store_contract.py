"""The contract of `Store`, for every adapter: subclass `StoreContract` and give it the fixture
`open_store`."""
# ruff: noqa: PT012 - the block of a transaction is what raises

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Scalar
from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict, Unavailable
from houseful.kernel.ports import OutboxRow, Store, Transaction
from houseful.kernel.telemetry import trace
from houseful.messages import EventCancelled, InventoryReady

T = TypeVar("T")
OpenStore = Callable[[], Awaitable[Store]]


class Account(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "accounts"

    balance: int = 0
    log: list[str] = []


class Item(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "items"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("shelf", "rank")),
        Index(("shelf", "kind", "rank")),
        Index(("fragile",)),
        Index(("rank",)),
    )

    shelf: str = "a"
    kind: str | None = None
    rank: int | None = None
    fragile: bool = False
    parts: dict[str, list[int]] = {}


class Ticket(Document, frozen=True, kw_only=True):
    """`live_seat` is None once the ticket is void."""

    collection: ClassVar[str] = "tickets"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("event", "live_seat"), unique=True),)

    event: str = "e"
    live_seat: str | None = None


DOCUMENTS: tuple[type[Document], ...] = (Account, Item, Ticket)


def ready(event_id: str, seats_total: int = 1) -> InventoryReady:
    return InventoryReady(event_id=event_id, seats_total=seats_total)


async def add(store: Store, *documents: Document) -> None:
    async with store.begin() as tx:
        for document in documents:
            tx.insert(document)


async def need(reader: Store | Transaction, id: str) -> Account:
    account = await reader.get(Account, id)
    assert account is not None
    return account


async def insist(store: Store, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """However long others are in the way. `transact` gives up at some time, and is right to."""
    while True:
        try:
            return await store.transact(work)
        except Conflict:
            await asyncio.sleep(0)


async def rows(store: Store) -> list[OutboxRow]:
    return [row async for row in store.outbox.rows()]


async def change(store: Store, id: str, balance: int) -> None:
    async with store.begin() as tx:
        tx.put(replace(await need(tx, id), balance=balance))


def add_one(id: str) -> Callable[[Transaction], Awaitable[None]]:
    async def work(tx: Transaction) -> None:
        account = await need(tx, id)
        tx.put(replace(account, balance=account.balance + 1))

    return work


class StoreContract:
    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        store = await open_store()
        yield store
        await store.close()


class ReaderContract(StoreContract):
    async def test_a_document_comes_back_as_it_was(self, store: Store) -> None:
        item = Item(id="i", shelf="ü'\"", kind=None, rank=-5, fragile=True, parts={"x": [1, 2]})
        await add(store, item)
        assert await store.get(Item, "i") == item
        async with store.begin() as tx:
            assert await tx.get(Item, "i") == item

    async def test_what_is_not_there_is_none(self, store: Store) -> None:
        assert await store.get(Item, "nobody") is None
        async with store.begin() as tx:
            assert await tx.get(Item, "nobody") is None

    async def test_get_many_gives_those_that_exist(self, store: Store) -> None:
        items = {f"i{n:04}": Item(id=f"i{n:04}") for n in range(500)}
        await add(store, *items.values())
        assert await store.get_many(Item, ["i0003", "x", "i0001"]) == {
            k: items[k] for k in ("i0003", "i0001")
        }
        assert await store.get_many(Item, [*items, "x"]) == items
        assert await store.get_many(Item, []) == {}
        async with store.begin() as tx:
            assert await tx.get_many(Item, ["i0003", "x"]) == {"i0003": items["i0003"]}

    async def test_only_committed_documents_are_read(self, store: Store) -> None:
        await add(store, Item(id="old", shelf="s"))
        async with store.begin() as tx:
            old = await tx.get(Item, "old")
            assert old is not None
            tx.put(replace(old, shelf="t"))
            tx.insert(Item(id="new", shelf="s"))
            assert await store.get(Item, "new") is None
            assert await store.get_many(Item, ["old", "new"]) == {"old": old}
            assert await store.find(Item, {"shelf": "s"}, limit=9) == [old]
            assert await store.count(Item, {"shelf": "t"}) == 0
        assert await store.count(Item, {"shelf": "t"}) == 1

    async def test_find_orders_by_the_field_and_then_the_id(self, store: Store) -> None:
        ranks = [3, 1, 2, 1, None, 3, None, 2]
        items = [Item(id=f"i{n}", rank=rank) for n, rank in enumerate(ranks)]
        await add(store, *items, Item(id="other", shelf="b", rank=1))
        ordered = ["i4", "i6", "i1", "i3", "i2", "i7", "i0", "i5"]
        found = await store.find(Item, {"shelf": "a"}, by="rank", limit=99)
        assert [item.id for item in found] == ordered
        found = await store.find(Item, {"shelf": "a"}, by="rank", descending=True, limit=99)
        assert [item.id for item in found] == ordered[::-1]
        found = await store.find(Item, {"shelf": "a"}, by="rank", limit=3)
        assert [item.id for item in found] == ordered[:3]
        found = await store.find(Item, {"shelf": "a"}, descending=True, limit=2)
        assert [item.id for item in found] == ["i7", "i6"]
        found = await store.find(Item, {}, by="rank", limit=99)
        assert [item.id for item in found] == ["i4", "i6", "i1", "i3", "other", "i2", "i7", "i0", "i5"]

    async def test_long_searches_find_everything(self, store: Store) -> None:
        await add(store, *[Item(id=f"i{n:05}", rank=-n) for n in range(1500)])
        found = await store.find(Item, {"shelf": "a"}, by="rank", limit=2000)
        assert [item.id for item in found] == [f"i{n:05}" for n in reversed(range(1500))]
        async with store.begin() as tx:
            assert await tx.find(Item, {"shelf": "a"}, by="rank", limit=2000) == found
            assert len(await tx.find(Item, {}, limit=1400)) == 1400

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("page", [1, 2, 3, 7])
    @pytest.mark.parametrize("by", ["rank", "id"])
    async def test_pages_hold_everything_once(
        self, store: Store, by: str, page: int, descending: bool
    ) -> None:
        ranks: list[int | None] = [None, 1, None, 2, 1, 1, None, 2, 5]
        await add(store, *[Item(id=f"i{n}", rank=rank) for n, rank in enumerate(ranks)])
        whole = await store.find(Item, {"shelf": "a"}, by=by, descending=descending, limit=99)
        assert len(whole) == len(ranks)
        found: list[Item] = []
        after: tuple[Scalar, str] | None = None
        while True:
            some = await store.find(
                Item, {"shelf": "a"}, by=by, after=after, descending=descending, limit=page
            )
            if not some:
                break
            assert len(some) <= page
            found += some
            after = (getattr(some[-1], by), some[-1].id)
        assert found == whole

    @pytest.mark.parametrize("descending", [False, True])
    async def test_since_is_in_and_until_is_out(self, store: Store, descending: bool) -> None:
        await add(store, *[Item(id=f"i{n}", rank=n) for n in range(10)], Item(id="none", rank=None))

        async def ids(since: Scalar, until: Scalar, after: tuple[Scalar, str] | None = None) -> list[str]:
            found = await store.find(
                Item,
                {"shelf": "a"},
                by="rank",
                since=since,
                until=until,
                after=after,
                descending=descending,
                limit=99,
            )
            return sorted(item.id for item in found)

        assert await ids(3, 6) == ["i3", "i4", "i5"]
        assert await ids(8, None) == ["i8", "i9"]
        assert await ids(None, 2) == ["i0", "i1"]
        assert await ids(6, 6) == []
        assert await ids(2, 6, (4, "i4")) == (["i2", "i3"] if descending else ["i5"])

    async def test_since_and_until_hold_for_ids(self, store: Store) -> None:
        await add(store, *[Item(id=f"i{n}") for n in range(5)])
        found = await store.find(Item, {}, since="i1", until="i3", limit=9)
        assert [item.id for item in found] == ["i1", "i2"]

    async def test_none_and_booleans_are_values(self, store: Store) -> None:
        await add(store, Item(id="1", kind=None), Item(id="2", kind="x"), Item(id="3", fragile=True))
        found = await store.find(Item, {"kind": None, "shelf": "a"}, limit=9)
        assert [item.id for item in found] == ["1", "3"]
        assert [item.id for item in await store.find(Item, {"fragile": True}, limit=9)] == ["3"]
        assert [item.id for item in await store.find(Item, {"fragile": False}, limit=9)] == ["1", "2"]
        assert await store.count(Item, {"shelf": "a", "kind": None}) == 2

    async def test_a_search_needs_an_index(self, store: Store) -> None:
        async def refused(equal: dict[str, Scalar], by: str = "id") -> None:
            with pytest.raises(ValueError, match="index"):
                await store.find(Item, equal, by=by, limit=1)
            async with store.begin() as tx:
                with pytest.raises(ValueError, match="index"):
                    await tx.find(Item, equal, by=by, limit=1)

        await refused({"kind": "x"})
        await refused({"rank": 1, "kind": "x"})
        await refused({"shelf": "a"}, by="fragile")
        await refused({}, by="kind")
        await refused({"shelf": "a"}, by="shelf")
        await refused({"nonsense": 1})
        with pytest.raises(ValueError, match="index"):
            await store.count(Item, {"kind": "x"})

    async def test_count(self, store: Store) -> None:
        await add(store, *[Item(id=f"i{n}", rank=n % 2) for n in range(5)])
        assert await store.count(Item, {}) == 5
        assert await store.count(Item, {"shelf": "a", "rank": 1}) == 2
        assert await store.count(Item, {"shelf": "z"}) == 0
        async with store.begin() as tx:
            assert await tx.count(Item, {"rank": 0}) == 3


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
        await asyncio.wait_for(woken.wait(), 30)
        assert len(await store.outbox.unpublished(9)) == 1


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


class HistoryContract(StoreContract):
    """Many transactions over few documents, each adding its name to the log of what it puts. Whatever the
    order was, the logs and what was seen of them must fit together."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_histories_are_possible(self, open_store: OpenStore, seed: int) -> None:
        chance = random.Random(seed)
        stores = [await open_store() for _ in range(1 + seed % 2)]
        names = ["a", "b", "c"]
        await add(stores[0], *[Account(id=name) for name in names], Account(id="taken"))
        history = _History()
        plans = [_Plan.draw(chance, f"t{n}", names) for n in range(150)]
        await asyncio.gather(*[history.run(chance.choice(stores), plan) for plan in plans])
        final = await stores[-1].get_many(Account, names)
        history.check({name: final[name].log for name in names})
        for store in stores:
            await store.close()


class _Plan(msgspec.Struct, frozen=True):
    name: str
    reads: list[str]
    puts: list[str]
    locks: list[str]
    pauses: list[int]
    end: str

    @classmethod
    def draw(cls, chance: random.Random, name: str, documents: Sequence[str]) -> "_Plan":
        reads = chance.sample(documents, chance.randint(1, len(documents)))
        changed = [document for document in reads if chance.random() < 0.6]
        locks = [document for document in changed if chance.random() < 0.2]
        puts = [document for document in changed if document not in locks]
        end = chance.choices(["commit", "refuse", "duplicate"], [8, 1, 2])[0]
        return cls(name, reads, puts, locks, [chance.choice([0, 0, 0, 1, 3]) for _ in reads], end)


class _History:
    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []
        self.committed: list[_Plan] = []
        self.failed: set[str] = set()

    async def run(self, store: Store, plan: _Plan) -> None:
        for attempt in range(200):
            name = f"{plan.name}.{attempt}"
            seen: dict[str, list[str]] = {}
            try:
                await self._once(store, plan, name, seen)
            except Conflict:
                self.failed.add(name)
                await asyncio.sleep(0.001 * (attempt % 5))
                continue
            except Duplicate:
                self.failed.add(name)
                return
            except DomainError:
                self.failed.add(name)
            else:
                self.committed.append(msgspec.structs.replace(plan, name=name))
            self.seen += seen.items()  # an answer: what it says must have been, and stay, true
            return
        raise AssertionError(f"{plan.name} never got through")

    async def _once(self, store: Store, plan: _Plan, name: str, seen: dict[str, list[str]]) -> None:
        async with store.begin() as tx:
            accounts = {}
            for document, pauses in zip(plan.reads, plan.pauses, strict=True):
                accounts[document] = await need(tx, document)
                seen[document] = accounts[document].log
                for _ in range(pauses):
                    await asyncio.sleep(0)
            for document in plan.locks:
                tx.lock(accounts[document])
            for document in plan.puts:
                tx.put(replace(accounts[document], log=[*accounts[document].log, name]))
            if plan.end == "duplicate":
                tx.insert(Account(id="taken"))
            if plan.end == "refuse":
                raise StateConflict("no", "No.")

    def check(self, final: dict[str, list[str]]) -> None:
        for document, log in final.items():
            assert sorted(log) == sorted(plan.name for plan in self.committed if document in plan.puts)
            assert not self.failed & set(log)
        for document, log in self.seen:
            assert log == final[document][: len(log)], "somebody was told what never was"


class WholeStoreContract(
    ReaderContract, TransactionContract, OutboxContract, StoreLifeContract, HistoryContract
):
    """All of it."""
