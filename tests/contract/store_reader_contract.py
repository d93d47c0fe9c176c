"""The contract of `Store`: what reads and searches give."""

import pytest
from msgspec.structs import replace

from houseful.kernel.documents import Scalar
from houseful.kernel.ports import Store
from tests.contract.store_documents import Book, Item, StoreContract, add


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

    async def test_what_is_computed_is_searched_by_its_beginning(self, store: Store) -> None:
        titles = ["Ärger", "emma", "Emil", "EMMA 2", "Em\U0010fffe", "zoo"]
        await add(store, *[Book(id=f"b{n}", title=title) for n, title in enumerate(titles)])
        await add(store, Book(id="other", title="Emma", shelf="b"))

        async def found(begin: str, after: tuple[Scalar, str] | None = None, limit: int = 9) -> list[str]:
            books = await store.find(
                Book,
                {"shelf": "a"},
                by="title_key",
                since=begin,
                until=begin + "\U0010ffff",
                after=after,
                limit=limit,
            )
            return [book.title for book in books]

        assert await found("em") == ["Emil", "emma", "EMMA 2", "Em\U0010fffe"]
        assert await found("em", ("emma", "b1"), 1) == ["EMMA 2"]
        assert await found("ä") == ["Ärger"]
        async with store.begin() as tx:
            emma = await tx.get(Book, "b1")
            assert emma is not None
            tx.put(replace(emma, title="Zoe"))
        assert await found("emma") == ["EMMA 2"]
        assert await found("z") == ["Zoe", "zoo"]

    async def test_count(self, store: Store) -> None:
        await add(store, *[Item(id=f"i{n}", rank=n % 2) for n in range(5)])
        assert await store.count(Item, {}) == 5
        assert await store.count(Item, {"shelf": "a", "rank": 1}) == 2
        assert await store.count(Item, {"shelf": "z"}) == 0
        async with store.begin() as tx:
            assert await tx.count(Item, {"rank": 0}) == 3
