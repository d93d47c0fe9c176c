"""The store's contract on SQLite; group commit, closing, and a disk that is full."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.tuning import DEFAULT, SqliteTuning
from houseful.kernel.errors import Conflict, Duplicate, Unavailable
from houseful.kernel.ports import Store
from tests.contract.sqlite_store import (
    Commits,
    Rival,
    commits,
    nothing_on_its_way,
    open_sqlite,
    path,
    put,
    rival,
    start,
    store,
    tuning,
    writer,
)
from tests.contract.store_contract import WholeStoreContract
from tests.contract.store_documents import (
    Account,
    Item,
    add,
    need,
    ready,
)

__all__ = ["commits", "path", "rival", "store", "tuning"]


class TestSqliteStore(WholeStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Awaitable[Store]]:
        async def open_store() -> Store:
            return open_sqlite(tmp_path / "store.db")

        return open_store


class TestGroupCommit:
    async def test_what_waits_shares_a_commit(
        self, store: SqliteStore, rival: Rival, commits: Commits
    ) -> None:
        rival.begin()
        tasks = [await start(add(store, Account(id=f"a{n}"))) for n in range(40)]
        assert not any(task.done() for task in tasks)
        rival.commit()
        await asyncio.gather(*tasks)
        assert commits.count <= 2

    @pytest.mark.parametrize("many", [DEFAULT.gather_turns - 1, 4 * DEFAULT.gather_turns])
    async def test_what_comes_while_the_loop_is_busy_goes_along(
        self, store: SqliteStore, commits: Commits, many: int
    ) -> None:
        """One in each turn of the loop; but the first do not wait for ever."""

        async def late(turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await add(store, Account(id=f"a{turns}"))

        await asyncio.gather(*(late(turns) for turns in range(many)))
        assert commits.count == 1 if many < DEFAULT.gather_turns else commits.count > 1

    @pytest.mark.parametrize("tuning", [SqliteTuning(batch_limit=16)])
    async def test_a_commit_has_a_limit(self, store: SqliteStore, commits: Commits) -> None:
        await asyncio.gather(*[add(store, Account(id=f"a{n}")) for n in range(40)])
        assert commits.count == 3

    async def test_failures_in_a_batch_concern_nobody_else(
        self, store: SqliteStore, rival: Rival, commits: Commits
    ) -> None:
        await add(store, Account(id="a"), Account(id="taken"))

        async def stale() -> None:
            async with store.begin() as tx:
                account = await need(tx, "a")
                tx.insert(Account(id="stale"))
                tx.put(replace(account, balance=9))

        async def wrong() -> None:
            async with store.begin() as tx:
                tx.insert(Account(id="wrong"))
                tx.insert(Item(id="wrong", rank=["no scalar"]))  # type: ignore[arg-type]

        rival.begin()
        works = [
            add(store, Account(id="one")),
            stale(),
            add(store, Account(id="two"), Account(id="taken")),
            wrong(),
            add(store, Account(id="three")),
        ]
        tasks = [await start(work) for work in works]
        rival.overwrite("a", 1)
        rival.commit()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = [type(result) for result in results]
        assert kinds == [type(None), Conflict, Duplicate, TypeError, type(None)]
        assert commits.count <= 3
        found = await store.get_many(Account, ["one", "two", "three", "stale", "wrong"])
        assert set(found) == {"one", "three"}
        assert (await need(store, "a")).balance == 1
        assert nothing_on_its_way(store)

    async def test_a_batch_that_is_applied_again_has_new_verdicts(
        self, store: SqliteStore, rival: Rival, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process may write before it is: what was refused at first is done then."""
        await add(store, Account(id="first"), Account(id="taken"))
        roll_back = writer(store)._roll_back

        def roll_back_and_be_overtaken() -> None:
            roll_back()
            rival.delete("first")

        monkeypatch.setattr(writer(store), "_roll_back", roll_back_and_be_overtaken)
        results = await asyncio.gather(
            add(store, Account(id="first", balance=1)),
            add(store, Account(id="new"), Account(id="taken")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), Duplicate]
        assert (await need(store, "first")).balance == 1
        assert await store.get(Account, "new") is None

    async def test_a_failed_commit_fails_all_of_it_and_is_over(
        self, store: SqliteStore, commits: Commits
    ) -> None:
        """Even a duplicate: it may have been one of a document that is lost now."""
        await add(store, Account(id="a"))
        commits.fail = 2
        results = await asyncio.gather(
            put(store, "a", 1),
            add(store, Account(id="a")),
            add(store, Account(id="b")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [Unavailable] * 3
        with pytest.raises(Unavailable, match="could not write"):
            await store.ready()
        await store.ready()
        assert (await need(store, "a")).balance == 0
        await put(store, "a", 2)
        assert (await need(store, "a")).balance == 2
        assert nothing_on_its_way(store)

    async def test_a_cancelled_waiter_breaks_nothing(self, store: SqliteStore, rival: Rival) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        first, second, third = [await start(put(store, "a", n)) for n in (1, 2, 3)]
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert not third.done()
        rival.commit()
        assert await third == 2
        assert (await need(store, "a")).balance == 3
        assert nothing_on_its_way(store)

    async def test_reading_does_not_touch_the_writer(self, store: SqliteStore, rival: Rival) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        async with store.begin() as tx:
            await need(tx, "a")
            assert await tx.get(Account, "b") is None
        rival.commit()

    async def test_an_ended_transaction_takes_nothing_more(self, store: SqliteStore) -> None:
        async with store.begin() as tx:
            pass
        with pytest.raises(RuntimeError):
            tx.insert(Account(id="a"))
        with pytest.raises(RuntimeError):
            tx.send(ready("e"))


class TestClosing:
    async def test_what_waits_for_another_process_is_still_written(
        self, store: SqliteStore, path: Path, rival: Rival
    ) -> None:
        rival.begin()
        tasks = [await start(add(store, Account(id=f"a{n}"))) for n in range(3)]
        closing = await start(store.close())
        late = await start(add(store, Account(id="late")))
        rival.commit()
        await closing
        await asyncio.gather(*tasks)
        with pytest.raises(Unavailable):
            await late
        again = open_sqlite(path)
        assert len(await again.get_many(Account, ["a0", "a1", "a2", "late"])) == 3
        await again.close()


class TestFullDisk:
    async def test_nothing_acknowledged_is_lost_and_writing_resumes(self, store: SqliteStore) -> None:
        connection = writer(store)._connection
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {int(str(pages)) + 100}")
        acknowledged, refused = [], []

        async def one(n: int) -> None:
            try:
                await add(store, Account(id=f"a{n}", log=["x" * 5000]))
            except Unavailable:
                refused.append(f"a{n}")
            else:
                acknowledged.append(f"a{n}")

        for start_at in range(0, 200, 10):
            await asyncio.gather(*[one(n) for n in range(start_at, start_at + 10)])
        assert acknowledged
        assert refused
        assert set(await store.get_many(Account, [f"a{n}" for n in range(200)])) == set(acknowledged)
        connection.execute("PRAGMA max_page_count = 100000")
        await store.ready()
        await add(store, Account(id="after", log=["x" * 5000]))
        assert nothing_on_its_way(store)
