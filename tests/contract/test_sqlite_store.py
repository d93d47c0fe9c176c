"""The store's contract on SQLite, and what is particular to it: group commit, the overlay, the file."""
# ruff: noqa: ASYNC240, PT012 - small files; the block of a transaction is what raises

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import apsw
import msgspec
import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.tuning import DEFAULT, LEAST_BYTES, SqliteTuning
from houseful.adapters.sqlite.writer import SqliteWrites, Writer
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document, Index
from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict, Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store, Transaction
from tests.contract.store_contract import (
    DOCUMENTS,
    Account,
    Item,
    Ticket,
    WholeStoreContract,
    add,
    add_one,
    change,
    insist,
    need,
    ready,
    rows,
)

T = TypeVar("T")


def open_sqlite(
    path: Path,
    documents: Sequence[type[Document]] = DOCUMENTS,
    *,
    read_only: bool = False,
    tuning: SqliteTuning = DEFAULT,
) -> SqliteStore:
    clock, ids = SystemClock(), SystemIds()
    return SqliteStore.open(path, documents, clock=clock, ids=ids, read_only=read_only, tuning=tuning)


ONE_BY_ONE = SqliteTuning(batch_limit=1)
"""Each write set in a commit of its own."""


def writer(store: SqliteStore) -> Writer:
    found = store.writer
    assert isinstance(found, Writer)
    return found


class TestSqliteStore(WholeStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Awaitable[Store]]:
        async def open_store() -> Store:
            return open_sqlite(tmp_path / "store.db")

        return open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def tuning() -> SqliteTuning:
    return DEFAULT


@pytest.fixture
async def store(path: Path, tuning: SqliteTuning) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(path, tuning=tuning)
    yield store
    await store.close()


class Rival:
    """Another process that writes: as long as it does, nobody else can, and what is handed over waits."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def overwrite(self, id: str, balance: int) -> None:
        body = msgspec.json.encode(Account(id=id, balance=balance))
        self._connection.execute(
            "UPDATE accounts SET _version = _version + 1, _body = ? WHERE id = ?", (body, id)
        )

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def rival(store: SqliteStore, path: Path) -> Iterator[Rival]:
    rival = Rival(path)
    yield rival
    rival.close()


class Commits:
    """Counts the commits, and makes them fail on demand as a full disk would."""

    def __init__(self, store: SqliteStore) -> None:
        self.count = 0
        self.fail = 0
        self._connection = writer(store)._connection
        self._connection.set_commit_hook(self._commit)

    def _commit(self) -> bool:
        if self.fail:
            self.fail -= 1
            return True
        self.count += 1
        return False


@pytest.fixture
def commits(store: SqliteStore) -> Commits:
    return Commits(store)


batches = pytest.mark.parametrize("tuning", [DEFAULT, ONE_BY_ONE], ids=["together", "one by one"])
one_by_one = pytest.mark.parametrize("tuning", [ONE_BY_ONE])


async def start(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Run it until it waits for the writer; nothing before that takes more than some turns of the loop."""
    task = asyncio.create_task(work)
    for _ in range(20):
        await asyncio.sleep(0)
    return task


async def in_transaction(store: Store, work: Callable[[Transaction], Awaitable[T]]) -> T:
    async with store.begin() as tx:
        return await work(tx)


async def put(store: Store, id: str, balance: int) -> int:
    """Returns the balance that it found."""
    async with store.begin() as tx:
        account = await need(tx, id)
        tx.put(replace(account, balance=balance))
        return account.balance


def nothing_on_its_way(store: SqliteStore) -> bool:
    return not store.overlay and not store.writer.pending


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


class TestCache:
    """What was read or written is not read from the file again, unless somebody else may have written."""

    async def test_it_is_read_once(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, rival: Rival
    ) -> None:
        await add(store, Account(id="a"))
        await need(store, "a")
        assert await store.get(Account, "nobody") is None

        def connection() -> apsw.Connection:
            raise AssertionError("the file is read")

        monkeypatch.setattr(store.reads, "_connection", connection)
        assert (await need(store, "a")).balance == 0
        assert await store.get(Account, "nobody") is None
        await change(store, "a", 5)
        await add(store, Account(id="nobody", balance=1))
        assert (await need(store, "a")).balance == 5
        assert (await need(store, "nobody")).balance == 1
        async with store.begin() as tx:
            tx.delete(await need(tx, "a"))
        assert await store.get(Account, "a") is None
        rival.begin()
        rival.commit()  # which has written nothing
        await asyncio.sleep(0)
        assert (await need(store, "nobody")).balance == 1

    @pytest.mark.parametrize("in_a_transaction", [False, True])
    async def test_what_another_process_writes_is_seen(
        self, store: SqliteStore, rival: Rival, in_a_transaction: bool
    ) -> None:
        async def balance() -> int:
            if not in_a_transaction:
                return (await need(store, "a")).balance
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        await add(store, Account(id="a"))
        for expected in range(1, 4):
            assert await balance() == expected - 1
            rival.begin()
            rival.overwrite("a", expected)
            rival.commit()
            await asyncio.sleep(0)
            assert await balance() == expected

    async def test_who_begins_to_write_looks_too(self, store: SqliteStore, rival: Rival) -> None:
        """Also where the look of this turn was before the rival wrote."""
        await add(store, Account(id="a"), Account(id="b"))
        await need(store, "a")
        writes = SqliteWrites()
        rival.begin()
        rival.overwrite("a", 7)
        rival.commit()
        store.writer.put(writes)
        while not writer(store)._has_lock:  # noqa: ASYNC110 - it lasts for a turn of the loop
            await asyncio.sleep(0)
        assert (await need(store, "a")).balance == 7
        await writes.wait()

    async def test_failed_writes_are_not_cached(self, store: SqliteStore, commits: Commits) -> None:
        await add(store, Account(id="a"))
        await need(store, "a")
        assert await store.get(Account, "b") is None
        commits.fail = 1
        lost = await asyncio.gather(
            put(store, "a", 9), add(store, Account(id="b", balance=9)), return_exceptions=True
        )
        assert [type(error) for error in lost] == [Unavailable, Unavailable]
        assert (await need(store, "a")).balance == 0
        assert await store.get(Account, "b") is None

    @pytest.mark.parametrize("tuning", [SqliteTuning(cache_bytes=50 * LEAST_BYTES)])
    async def test_it_has_a_limit(self, store: SqliteStore) -> None:
        long = Account(id="long", log=["x" * DEFAULT.cached_document_bytes])
        await add(store, long, *[Account(id=f"a{i}") for i in range(100)])
        for i in range(1000):
            await store.get(Account, f"a{i}")
            assert await store.get(Account, "long") == long
            assert len(store.collections[Account].cache) <= 50
            assert "long" not in store.collections[Account].cache

    async def test_two_writers_and_every_kind_of_write(self, store: SqliteStore, path: Path) -> None:
        """Whatever either does, both see it; a search, which always reads the file, says the same."""
        other = open_sqlite(path)
        chance = random.Random(5)
        known: dict[str, Ticket] = {}
        for step in range(1500):
            writer = chance.choice((store, other))
            ids = chance.sample(["a", "b", "c", "d"], 2)
            work = [
                (chance.choice(("put", "delete", "insert", "ignore", "lock")), id, f"{step}") for id in ids
            ]
            try:
                async with writer.begin() as tx:
                    for what, id, seat in work:
                        await self.do(tx, what, id, seat if chance.random() < 0.9 else "same")
            except (Duplicate, Conflict):
                pass
            else:
                known = {ticket.id: ticket for ticket in await writer.find(Ticket, {}, limit=10)}
            for reader in (store, other):
                for id in "abcd":
                    assert await reader.get(Ticket, id) == known.get(id), (step, work)
        await other.close()

    async def do(self, tx: Transaction, what: str, id: str, seat: str) -> None:
        found = await tx.get(Ticket, id)
        ticket = Ticket(id=id, live_seat=seat)
        if what == "insert":
            tx.insert(ticket)
        elif what == "ignore":
            tx.insert_or_ignore(ticket)
        elif found is not None and what == "put":
            tx.put(ticket)
        elif found is not None and what == "delete":
            tx.delete(found)
        elif found is not None:
            tx.lock(found)


class TestOtherProcesses:
    async def test_a_second_process_counts_too(self, store: SqliteStore, path: Path) -> None:
        await add(store, Account(id="a"))
        child = await spawn("count", path)
        await asyncio.gather(*[insist(store, add_one("a")) for _ in range(100)])
        assert await child.wait() == 0
        assert (await need(store, "a")).balance == 200

    async def test_what_was_acknowledged_survives_a_kill(self, path: Path) -> None:
        chance = random.Random(11)
        acknowledged: set[str] = set()
        for life in range(6):
            child = await spawn("write", path, str(life))
            assert child.stdout is not None
            for _ in range(chance.randint(1, 400)):
                acknowledged.add((await child.stdout.readline()).decode().strip())
            child.kill()
            rest = (await child.stdout.read()).decode()
            acknowledged.update(line for line in rest.split("\n")[:-1])
            await child.wait()
            await self._check_survivors(path, acknowledged)

    async def _check_survivors(self, path: Path, acknowledged: set[str]) -> None:
        store = open_sqlite(path)
        found: set[str] = set()
        after: tuple[str, str] | None = None
        while page := await store.find(Account, {}, after=after, limit=1000):
            found.update(account.id for account in page)
            after = (page[-1].id, page[-1].id)
        left = {id.removesuffix("-left") for id in found if id.endswith("-left")}
        right = {id.removesuffix("-right") for id in found if id.endswith("-right")}
        assert acknowledged <= left
        assert left == right
        assert (await need(store, "counter")).balance == len(left)
        assert [row.seq for row in await rows(store)] == list(range(1, len(left) + 1))
        await store.close()
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()

    async def test_read_only_beside_a_writer(self, store: SqliteStore, path: Path) -> None:
        await add(store, Account(id="a"))
        reader = open_sqlite(path, read_only=True)
        assert (await need(reader, "a")).balance == 0
        await change(store, "a", 1)
        assert (await need(reader, "a")).balance == 1
        assert await reader.count(Account, {}) == 1
        assert await rows(reader) == []
        await reader.ready()
        with pytest.raises(RuntimeError):
            await add(reader, Account(id="b"))
        await reader.close()
        await change(store, "a", 2)

    async def test_read_only_makes_nothing(self, path: Path) -> None:
        with pytest.raises(Unavailable):
            open_sqlite(path, read_only=True)
        assert not path.exists()
        await open_sqlite(path, [Account]).close()
        with pytest.raises(Unavailable, match="items"):
            open_sqlite(path, read_only=True)
        reader = open_sqlite(path, [Account], read_only=True)
        assert await reader.get(Account, "a") is None
        await reader.close()

    async def test_a_file_that_is_no_database(self, path: Path) -> None:
        path.write_bytes(b"these are not the bytes you are looking for" * 100)
        with pytest.raises(Unavailable, match="is damaged: file is not a database"):
            open_sqlite(path)


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
    )

    name: str
    colour: str | None = None
    weight: int = 5
    sold: bool = False


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


async def spawn(role: str, path: Path, *arguments: str) -> asyncio.subprocess.Process:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.test_sqlite_store",
        role,
        str(path),
        *arguments,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=root,
    )


async def child_count(path: Path) -> None:
    store = open_sqlite(path)
    await asyncio.gather(*[insist(store, add_one("a")) for _ in range(100)])
    await store.close()


async def child_write(path: Path, life: str) -> None:
    """Until killed. A line is an acknowledgement."""
    store = open_sqlite(path)
    async with store.begin() as tx:
        tx.insert_or_ignore(Account(id="counter"))

    async def worker(name: str) -> None:
        for n in range(10**9):
            id = f"{life}-{name}-{n}"

            async def work(tx: Transaction, id: str = id) -> None:
                counter = await need(tx, "counter")
                tx.insert(Account(id=f"{id}-left"))
                tx.put(replace(counter, balance=counter.balance + 1))
                tx.insert(Account(id=f"{id}-right"))
                tx.send(ready("counter", counter.balance + 1))

            await store.transact(work)
            os.write(1, f"{id}\n".encode())

    await asyncio.gather(*[worker(str(n)) for n in range(16)])


if __name__ == "__main__":
    role, file, *rest = sys.argv[1:]
    asyncio.run(child_count(Path(file)) if role == "count" else child_write(Path(file), *rest))
