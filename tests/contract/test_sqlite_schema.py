"""SQLite: tables and indexes follow the documents' classes."""
# ruff: noqa: ASYNC240 - small files; the block of a transaction is what raises

from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.documents import Document, Index
from houseful.kernel.errors import Duplicate, Unavailable
from tests.contract.sqlite_store import open_sqlite, path, store, tuning
from tests.contract.store_documents import Account, Item, Ticket, add

__all__ = ["path", "store", "tuning"]


class OldThing(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "things"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("size",)), Index(("name",)))

    name: str
    size: int = 1
    colour: str | None = None


class NewThing(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "things"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("name",), unique=True),
        Index(("colour", "weight")),
        Index(("sold",)),
        Index(("name_key",)),
    )

    name: str
    colour: str | None = None
    weight: int = 5
    sold: bool = False

    @property
    def name_key(self) -> str:
        return self.name.upper()


class TestSchemaEvolution:
    async def test_indexes_come_and_go(self, path: Path) -> None:
        old = open_sqlite(path, [OldThing])
        things = [OldThing(id=f"t{n:04}", name=f"n{n}", size=n, colour="red") for n in range(2500)]
        await add(old, *things, OldThing(id="plain", name="plain"))
        await old.close()

        new = open_sqlite(path, [NewThing, Account])
        assert await new.count(NewThing, {"colour": "red", "weight": 5}) == 2500
        assert await new.count(NewThing, {"colour": None}) == 1
        assert await new.count(NewThing, {"sold": False}) == 2501
        assert await new.count(NewThing, {"name_key": "N17"}) == 1
        with pytest.raises(Duplicate):
            await add(new, NewThing(id="x", name="n3"))
        async with new.begin() as tx:
            thing = await tx.get(NewThing, "t0001")
            assert thing is not None
            tx.put(replace(thing, weight=6))
        assert [thing.id for thing in await new.find(NewThing, {"colour": "red", "weight": 6}, limit=9)] == [
            "t0001"
        ]
        await new.close()

        back = open_sqlite(path, [OldThing])
        assert await back.count(OldThing, {"size": 7}) == 1
        await add(back, OldThing(id="x", name="n3"))
        await back.close()

    async def test_opening_again_changes_nothing(self, path: Path) -> None:
        await open_sqlite(path).close()
        before = path.read_bytes()
        await open_sqlite(path).close()
        assert path.read_bytes() == before

    async def test_a_unique_index_that_cannot_be(self, path: Path) -> None:
        old = open_sqlite(path, [OldThing])
        await add(old, OldThing(id="1", name="same"), OldThing(id="2", name="same"))
        await old.close()
        with pytest.raises(Unavailable, match="unique"):
            open_sqlite(path, [NewThing])
        again = open_sqlite(path, [OldThing])
        assert await again.count(OldThing, {"name": "same"}) == 2
        await again.close()

    def test_an_index_on_nothing_is_refused(self, path: Path) -> None:
        class Odd(Document, frozen=True, kw_only=True):
            collection: ClassVar[str] = "odd"
            indexes: ClassVar[tuple[Index, ...]] = (Index(("nowhere",)),)

        with pytest.raises(ValueError, match="nowhere"):
            open_sqlite(path, [Odd])

    async def test_a_put_moves_only_what_changed(self, store: SqliteStore) -> None:
        await add(store, Item(id="i", shelf="a", kind="k", rank=1), Ticket(id="t", live_seat="1"))
        for fields in ({"rank": 2}, {"shelf": "b", "fragile": True}, {"kind": None}, {"parts": {"x": [1]}}):
            async with store.begin() as tx:
                item = await tx.get(Item, "i")
                assert item is not None
                tx.put(replace(item, **fields))
        item = await store.get(Item, "i")
        assert item == Item(id="i", shelf="b", kind=None, rank=2, fragile=True, parts={"x": [1]})
        for equal in ({"shelf": "b", "kind": None, "rank": 2}, {"fragile": True}, {"rank": 2}):
            assert await store.find(Item, equal, limit=9) == [item]
        assert await store.count(Item, {"shelf": "a"}) == 0
