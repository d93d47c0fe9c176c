"""How documents, indexes and the outbox are kept in MongoDB, and how they are read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import msgspec
import pytest

from houseful.adapters.mongodb import reads as mongo_reads
from houseful.adapters.mongodb.store import MongoStore
from houseful.adapters.optimistic.changes import Key
from houseful.kernel.documents import Document, Index
from houseful.kernel.errors import Duplicate, Unavailable
from tests.contract.mongo_engine import mongo_database, mongo_url
from tests.contract.mongo_store import Failures, Server, failures, open_mongo, other, server, store, tuning
from tests.contract.store_documents import (
    Account,
    Item,
    Ticket,
    add,
    need,
    ready,
    rows,
)

__all__ = ["failures", "mongo_database", "mongo_url", "other", "server", "store", "tuning"]


class Show(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "shows"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("city", "year")),
        Index(("slug",), unique=True),
        Index(("city_key",)),
    )

    city: str = "Bremen"
    year: int | None = None
    slug: str | None = None
    stars: int = 0

    @property
    def city_key(self) -> str:
        return self.city.casefold()


class PlainShow(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "shows"

    city: str = "Bremen"
    year: int | None = None
    slug: str | None = None
    stars: int = 0


class TestCollections:
    @asynccontextmanager
    async def opened(self, url: str, database: str, kind: type[Document]) -> AsyncIterator[MongoStore]:
        store = await open_mongo(url, database, [kind])
        yield store
        await store.close()

    async def test_a_document_can_be_read_in_a_shell(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        await add(store, Item(id="i", rank=3, parts={"x": [1]}))
        stored = server[mongo_database]["items"].find_one({"_id": "i"})
        assert stored is not None
        version = stored.pop("_version")
        assert 0 < version < 2**53
        body = '{"id":"i","rank":3,"parts":{"x":[1]}}'
        assert stored == {"_id": "i", "shelf": "a", "rank": 3, "fragile": False, "_body": body}

    async def test_the_outbox_is_as_debeziums_router_expects_it(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        async with store.begin() as tx:
            tx.send(ready("evt_1", 7))
        [row] = server[mongo_database]["outbox"].find()
        assert row["_id"].startswith("msg_")
        assert (row["aggregatetype"], row["aggregateid"], row["seq"]) == ("inventory", "evt_1", 1)
        assert row["type"] == "houseful.InventoryReady.v1"
        assert msgspec.json.decode(row["payload"]) == {"event_id": "evt_1", "seats_total": 7}
        assert row.keys() == {
            "_id", "aggregatetype", "aggregateid", "type", "payload", "seq", "traceparent", "created_at",
            "published_at",
        }  # fmt: skip

    async def test_a_new_index_finds_old_documents(self, mongo_url: str, mongo_database: str) -> None:
        async with self.opened(mongo_url, mongo_database, PlainShow) as store:
            await add(store, *[PlainShow(id=f"s{n:04}", year=n, slug=f"s{n}") for n in range(1200)])
            await add(store, PlainShow(id="none"))
        async with self.opened(mongo_url, mongo_database, Show) as store:
            found = await store.find(Show, {"city": "Bremen"}, by="year", since=600, until=602, limit=9)
            assert [show.id for show in found] == ["s0600", "s0601"]
            assert [show.id for show in await store.find(Show, {"slug": None}, limit=9)] == ["none"]
            assert await store.count(Show, {"city_key": "bremen"}) == 1201
            with pytest.raises(Duplicate) as raised:
                await add(store, Show(id="x", slug="s7"))
            assert raised.value.index == "slug"

    async def test_superfluous_indexes_go_and_the_operators_stay(
        self, server: Server, mongo_url: str, mongo_database: str
    ) -> None:
        shows = server[mongo_database]["shows"]
        async with self.opened(mongo_url, mongo_database, Show):
            shows.create_index([("stars", 1)])
            first = set(shows.index_information())
        async with self.opened(mongo_url, mongo_database, Show):
            assert set(shows.index_information()) == first
        async with self.opened(mongo_url, mongo_database, PlainShow) as store:
            assert set(shows.index_information()) == {"_id_", "stars_1"}
            await add(store, PlainShow(id="s", city="Ulm", year=1))
        async with self.opened(mongo_url, mongo_database, Show) as store:
            assert set(shows.index_information()) == first
            assert len(await store.find(Show, {"city": "Ulm"}, by="year", limit=9)) == 1

    async def test_what_a_unique_index_forbids(self, mongo_url: str, mongo_database: str) -> None:
        async with self.opened(mongo_url, mongo_database, PlainShow) as store:
            await add(store, PlainShow(id="a", slug="x"), PlainShow(id="b", slug="x"))
        with pytest.raises(Unavailable, match="shows holds documents that a unique index forbids"):
            await open_mongo(mongo_url, mongo_database, [Show])

    async def test_many_start_at_once(self, mongo_url: str, mongo_database: str) -> None:
        stores = await asyncio.gather(*[open_mongo(mongo_url, mongo_database) for _ in range(5)])
        await asyncio.gather(*[add(store, Account(id=f"a{n}")) for n, store in enumerate(stores)])
        assert await stores[0].count(Account, {}) == 5
        await asyncio.gather(*[store.close() for store in stores])

    async def test_a_unique_index_serves_searches_for_none_too(self, store: MongoStore) -> None:
        await add(store, *[Ticket(id=f"t{n}", live_seat=f"A{n}" if n % 2 else None) for n in range(6)])

        async def ids(**equal: str | None) -> list[str]:
            return [ticket.id for ticket in await store.find(Ticket, equal, limit=9)]

        assert await ids(event="e", live_seat="A3") == ["t3"]
        assert await ids(event="e", live_seat=None) == ["t0", "t2", "t4"]
        assert await ids(event="e") == [f"t{n}" for n in range(6)]
        found = await store.find(Ticket, {"event": "e"}, by="live_seat", limit=9)
        assert [ticket.id for ticket in found] == ["t0", "t2", "t4", "t1", "t3", "t5"]

    async def test_a_search_goes_along_its_index(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        """Also behind a position, where the server looks at no more documents than it returns."""
        await add(store, *[Item(id=f"i{n:03}", rank=n // 10 or None) for n in range(300)])
        collection = store.collections[Item]
        for after in (None, (None, "i004"), (12, "i124")):
            for descending in (False, True):
                search = collection.search({"shelf": "a"}, "rank", after=after, descending=descending)
                for condition in search.filters:
                    find = {
                        "find": "items",
                        "filter": condition,
                        "sort": dict(search.sort),
                        "hint": search.hint,
                        "limit": 5,
                    }
                    plan = server[mongo_database].command({"explain": find, "verbosity": "executionStats"})
                    assert plan["executionStats"]["totalDocsExamined"] <= 5
                    assert '"SORT"' not in str(plan["queryPlanner"]["winningPlan"]).replace("'", '"')


class TestReads:
    async def test_reads_of_one_turn_go_together(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add(store, *[Account(id=f"a{n}", balance=n) for n in range(40)])
        await add(store, *[Item(id=f"i{n}", rank=n) for n in range(3)], Ticket(id="t", live_seat="s"))
        asked: list[int] = []
        fetch = mongo_reads.Reads._fetch

        async def counted(
            self: mongo_reads.Reads, wanted: dict[str, list[str]]
        ) -> dict[Key, mongo_reads.Found]:
            asked.append(sum(map(len, wanted.values())))
            return await fetch(self, wanted)

        monkeypatch.setattr(mongo_reads.Reads, "_fetch", counted)
        found = await asyncio.gather(*[store.get(Account, f"a{n % 45}") for n in range(90)])
        assert [account and account.balance for account in found] == [
            n if n < 40 else None for n in [*range(45)] * 2
        ]
        assert asked == [45]
        account, items, ticket, nobody = await asyncio.gather(
            store.get(Account, "a7"),
            store.get_many(Item, ["i2", "t", "i0"]),
            store.get(Ticket, "t"),
            store.get(Ticket, "i0"),
        )
        assert account == Account(id="a7", balance=7)
        assert items == {"i2": Item(id="i2", rank=2), "i0": Item(id="i0", rank=0)}
        assert (ticket, nobody) == (Ticket(id="t", live_seat="s"), None)
        assert asked == [45, 6]

    async def test_more_than_one_reply_holds(self, store: MongoStore) -> None:
        """Of several collections: a reply of the server is at most 16 MB."""
        long = "x" * 6_000_000
        await add(store, Account(id="a", log=[long]), Account(id="b", log=[long]))
        await add(store, Item(id="i", kind=long), Ticket(id="t", event=long))
        accounts, item, ticket = await asyncio.gather(
            store.get_many(Account, ["a", "b"]), store.get(Item, "i"), store.get(Ticket, "t")
        )
        assert [account.log for account in accounts.values()] == [[long], [long]]
        assert (item and item.kind, ticket and ticket.event) == (long, long)

    async def test_each_reader_has_a_document_of_its_own(self, store: MongoStore) -> None:
        await add(store, Account(id="a", log=["x"]))
        one, two = await asyncio.gather(need(store, "a"), need(store, "a"))
        one.log.append("y")
        assert two.log == ["x"]


class TestOutboxOfOthers:
    async def test_what_another_process_sends_wakes_too(self, store: MongoStore, other: MongoStore) -> None:
        woken = asyncio.Event()
        store.on_send(woken.set)
        watching = asyncio.create_task(store.watch_outbox())
        sent = 0
        while not woken.is_set():  # it takes a moment until the server watches
            async with other.begin() as tx:
                tx.send(ready("e", sent))
            sent += 1
            assert sent < 2000
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    async def test_a_watch_that_ends_says_so(self, store: MongoStore, failures: Failures) -> None:
        failures.set("aggregate", errorCode=280)  # the history is gone
        with pytest.raises(Unavailable, match="not watched"):
            await store.watch_outbox()

    async def test_prune_goes_page_by_page(self, store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("houseful.adapters.mongodb.outbox.PAGE_ROWS", 3)
        async with store.begin() as tx:
            for n in range(20):
                tx.send(ready("ab"[n % 2], n))
        await store.outbox.mark_published([row.id for row in await rows(store)], 5)
        assert await store.outbox.prune(6) == 18
        assert [(row.aggregateid, row.seq) for row in await rows(store)] == [("a", 10), ("b", 10)]
