"""SQLite: transactions build on what is not committed yet."""
# ruff: noqa: PT012 - small files; the block of a transaction is what raises

import asyncio

import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.writer import SqliteWrites
from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict, Unavailable
from houseful.kernel.ports import Transaction
from tests.contract.sqlite_store import (
    Commits,
    Rival,
    batches,
    commits,
    in_transaction,
    nothing_on_its_way,
    one_by_one,
    path,
    put,
    rival,
    start,
    store,
    tuning,
    writer,
)
from tests.contract.store_documents import (
    Account,
    add,
    add_one,
    insist,
    need,
)

__all__ = ["commits", "path", "rival", "store", "tuning"]


class TestOverlay:
    async def test_a_hot_document_is_changed_many_times_in_one_commit(
        self, store: SqliteStore, rival: Rival, commits: Commits
    ) -> None:
        await add(store, Account(id="a"))
        attempts = 0

        async def work(tx: Transaction) -> None:
            nonlocal attempts
            attempts += 1
            await add_one("a")(tx)

        rival.begin()
        counts = [await start(store.transact(work)) for _ in range(100)]
        assert (await need(store, "a")).balance == 0
        rival.commit()
        await asyncio.gather(*counts)
        assert (await need(store, "a")).balance == 100
        assert attempts == 100
        assert commits.count <= 3
        assert nothing_on_its_way(store)

    @one_by_one
    async def test_a_commit_leaves_what_was_built_on_it_in_view(
        self, store: SqliteStore, rival: Rival
    ) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        first, second = [await start(put(store, "a", n)) for n in (1, 2)]
        rival.commit()
        assert await first == 0
        assert await put(store, "a", 3) == 2
        assert await second == 1

    async def test_outside_of_transactions_only_the_committed_is_seen(
        self, store: SqliteStore, rival: Rival
    ) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        writing = await start(put(store, "a", 1))
        assert (await need(store, "a")).balance == 0
        assert (await store.get_many(Account, ["a"]))["a"].balance == 0
        async with store.begin() as tx:
            [found] = await tx.find(Account, {}, limit=9)
            assert found.balance == 0
        assert not writing.done()
        rival.commit()
        await writing
        assert (await need(store, "a")).balance == 1

    @batches
    @pytest.mark.parametrize("change", ["insert", "put", "lock", "delete"])
    async def test_each_change_is_built_upon(self, store: SqliteStore, rival: Rival, change: str) -> None:
        await add(store, Account(id="a", balance=1), Account(id="other"))
        id = "b" if change == "insert" else "a"

        async def first(tx: Transaction) -> None:
            if change == "insert":
                tx.insert(Account(id="b", balance=1))
            elif change == "put":
                tx.put(replace(await need(tx, "a"), balance=2))
            elif change == "lock":
                tx.lock(await need(tx, "a"))
            else:
                tx.delete(await need(tx, "a"))

        async def second(tx: Transaction) -> int | None:
            account = await tx.get(Account, id)
            if account is None:
                tx.insert(Account(id=id, balance=9))
                return None
            tx.put(replace(account, balance=account.balance + 10))
            return account.balance

        async def third(tx: Transaction) -> int:
            account = await need(tx, id)
            tx.delete(account)
            return account.balance

        rival.begin()
        tasks = [await start(in_transaction(store, work)) for work in (first, second, third)]
        rival.commit()
        results: list[int | None] = [await task for task in tasks]
        seen = {"insert": 1, "put": 2, "lock": 1, "delete": None}[change]
        assert results == [None, seen, 9 if seen is None else seen + 10]
        assert await store.get(Account, id) is None
        assert nothing_on_its_way(store)

    async def test_who_had_read_before_loses(self, store: SqliteStore, rival: Rival) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "a")
                writing = await start(put(store, "a", 1))
                tx.put(replace(account, balance=2))
        rival.commit()
        await writing
        assert (await need(store, "a")).balance == 1

    async def test_two_versions_in_one_transaction_are_a_conflict(
        self, store: SqliteStore, rival: Rival
    ) -> None:
        """`get` sees what is on its way and `find` does not: a put of what was found must not win."""
        await add(store, Account(id="a"))
        rival.begin()
        writing = await start(put(store, "a", 1))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                [found] = await tx.find(Account, {}, limit=9)
                assert (await need(tx, "a")).balance == 1
                tx.put(replace(found, balance=found.balance + 10))
        rival.commit()
        await writing
        assert (await need(store, "a")).balance == 1

    async def test_a_search_is_not_older_than_what_was_read_before_it(
        self, store: SqliteStore, rival: Rival
    ) -> None:
        await add(store, Account(id="a"))

        async def work(tx: Transaction) -> tuple[int, int]:
            await need(tx, "a")
            return len(await tx.find(Account, {}, limit=9)), await tx.count(Account, {})

        async def write(tx: Transaction) -> None:
            tx.put(replace(await need(tx, "a"), balance=1))
            tx.insert(Account(id="b"))

        rival.begin()
        writing = await start(in_transaction(store, write))
        searching = await start(in_transaction(store, work))
        assert not searching.done()
        rival.commit()
        assert await searching == (2, 2)
        await writing

    @batches
    @pytest.mark.parametrize("answer", ["value", "refusal", "duplicate"])
    @pytest.mark.parametrize("fails", [False, True])
    async def test_no_answer_before_what_it_saw_is_durable(
        self, store: SqliteStore, rival: Rival, answer: str, fails: bool
    ) -> None:
        await add(store, Account(id="a"))

        async def look(tx: Transaction) -> int:
            seen = (await need(tx, "a")).balance
            if answer == "refusal":
                raise StateConflict("seen", str(seen))
            if answer == "duplicate":
                tx.insert(Account(id="b"))
                tx.insert(Account(id="b"))
            return seen

        rival.begin()
        writing = await start(put(store, "a", 1))
        looking = await start(in_transaction(store, look))
        assert not looking.done()
        if fails:
            rival.overwrite("a", 7)
        rival.commit()
        results = await asyncio.gather(writing, looking, return_exceptions=True)
        if fails:
            assert [type(result) for result in results] == [Conflict, Conflict]
        elif answer == "value":
            assert list(results) == [0, 1]
        else:
            assert isinstance(results[1], DomainError if answer == "refusal" else Duplicate)
        assert nothing_on_its_way(store)

    async def test_no_answer_if_what_it_saw_could_not_be_written(
        self, store: SqliteStore, rival: Rival, commits: Commits
    ) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        writing = await start(put(store, "a", 1))
        looking = await start(in_transaction(store, lambda tx: need(tx, "a")))
        commits.fail = 1
        rival.commit()
        results = await asyncio.gather(writing, looking, return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable, Conflict]

    async def test_a_deletion_that_fails_was_not_seen(self, store: SqliteStore, rival: Rival) -> None:
        await add(store, Account(id="a"))

        async def remove(tx: Transaction) -> None:
            tx.delete(await need(tx, "a"))

        async def look(tx: Transaction) -> bool:
            return await tx.get(Account, "a") is None

        rival.begin()
        removing = await start(in_transaction(store, remove))
        looking = await start(in_transaction(store, look))
        again = await start(store.transact(look))
        rival.overwrite("a", 7)
        rival.commit()
        results = await asyncio.gather(removing, looking, again, return_exceptions=True)
        assert [type(result) for result in results[:2]] == [Conflict, Conflict]
        assert results[2] is False

    @batches
    async def test_failures_cascade_and_stop_there(self, store: SqliteStore, rival: Rival) -> None:
        """Only read, or put elsewhere: whoever built on what failed fails."""
        await add(store, *[Account(id=id) for id in "abcdx"])

        async def copy(source: str, target: str) -> None:
            async with store.begin() as tx:
                found = await need(tx, source)
                tx.put(replace(await need(tx, target), balance=found.balance))

        rival.begin()
        first = await start(put(store, "a", 1))
        tasks = [await start(copy(*pair)) for pair in ("ab", "bc", "cd", "xx")]
        rival.overwrite("a", 7)
        rival.commit()
        results = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert [type(result) for result in results] == [Conflict] * 4 + [type(None)]
        balances = {account.id: account.balance for account in await store.find(Account, {}, limit=9)}
        assert balances == {"a": 7, "b": 0, "c": 0, "d": 0, "x": 0}
        assert nothing_on_its_way(store)

    @batches
    async def test_the_same_version_of_somebody_else_is_not_taken_for_ours(
        self, store: SqliteStore, rival: Rival
    ) -> None:
        """The other process makes the very version that the failed transaction would have made."""
        await add(store, Account(id="a"))
        rival.begin()
        tasks = [await start(put(store, "a", n)) for n in (1, 2)]
        rival.overwrite("a", 7)
        rival.commit()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [Conflict, Conflict]
        assert (await need(store, "a")).balance == 7

    @one_by_one
    async def test_a_lost_commit_takes_those_behind_with_it(
        self, store: SqliteStore, rival: Rival, commits: Commits
    ) -> None:
        await add(store, Account(id="a"))
        rival.begin()
        first, second = [await start(put(store, "a", n)) for n in (1, 2)]
        other = await start(add(store, Account(id="b")))
        commits.fail = 1
        rival.commit()
        results = await asyncio.gather(first, second, other, return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable, Conflict, type(None)]
        assert (await need(store, "a")).balance == 0
        assert nothing_on_its_way(store)

    @one_by_one
    async def test_an_aborted_write_set_is_not_built_upon(
        self, store: SqliteStore, rival: Rival, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or a hot document's first failure would fail everything after it, for as long as there is load."""
        await add(store, Account(id="a"))
        begin = writer(store)._begin
        held: list[None] = []
        monkeypatch.setattr(store.writer, "_begin", lambda: held.append(None))
        first, second = [await start(put(store, "a", n)) for n in (1, 2)]
        rival.begin()
        rival.overwrite("a", 7)
        rival.commit()
        held.clear()
        begin()
        with pytest.raises(Conflict):
            await first
        third = await start(put(store, "a", 3))
        assert held
        assert not second.done()
        monkeypatch.undo()
        begin()
        with pytest.raises(Conflict):
            await second
        assert await third == 7
        assert (await need(store, "a")).balance == 3
        assert nothing_on_its_way(store)

    async def test_a_blind_insert_does_not_hide_the_document(self, store: SqliteStore, rival: Rival) -> None:
        await add(store, Account(id="a", balance=1))

        async def ignore(tx: Transaction) -> None:
            tx.insert_or_ignore(Account(id="a", balance=50))

        rival.begin()
        works = [
            put(store, "a", 2),
            add(store, Account(id="a", balance=99)),
            in_transaction(store, ignore),
            in_transaction(store, add_one("a")),
        ]
        tasks = [await start(work) for work in works]
        rival.commit()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [int, Duplicate, type(None), type(None)]
        assert (await need(store, "a")).balance == 3

    async def test_history_is_not_kept_in_memory(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add(store, Account(id="a"))
        handed_over: list[SqliteWrites] = []
        put_over = store.writer.put

        def remember(writes: SqliteWrites) -> None:
            handed_over.append(writes)
            put_over(writes)

        monkeypatch.setattr(store.writer, "put", remember)
        await asyncio.gather(*[insist(store, add_one("a")) for _ in range(20)])
        assert len(handed_over) >= 20
        assert all(not writes.depends_on and not writes.changes for writes in handed_over)
