"""The store's contract on MongoDB, and what is particular to it: error labels, batches, the overlay,
indexes."""
# ruff: noqa: PT012 - the block of a transaction is what raises

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec.structs import replace
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from engines import mongo
from houseful.adapters.mongodb import commit as mongo_commit
from houseful.adapters.mongodb import connection as mongo_connection
from houseful.adapters.mongodb import reads as mongo_reads
from houseful.adapters.mongodb.batch import Batch
from houseful.adapters.mongodb.commit import Attempt
from houseful.adapters.mongodb.connection import hosts
from houseful.adapters.mongodb.store import MongoStore
from houseful.adapters.mongodb.tuning import DEFAULT, MongoTuning
from houseful.adapters.mongodb.writer import Writer
from houseful.adapters.optimistic.changes import Key
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document, Index
from houseful.kernel.errors import Conflict, Duplicate, StateConflict, Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store, Transaction
from tests.contract.mongo_engine import CuttingProxy, mongo_database, mongo_url, program
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

__all__ = ["mongo_database", "mongo_url"]

T = TypeVar("T")


async def open_mongo(
    url: str, database: str, documents: Sequence[type[Document]] = DOCUMENTS, tuning: MongoTuning = DEFAULT
) -> MongoStore:
    clock, ids = SystemClock(), SystemIds()
    return await MongoStore.open(url, database, documents, clock=clock, ids=ids, tuning=tuning)


def writer(store: MongoStore) -> Writer:
    found = store.writer
    assert isinstance(found, Writer)
    return found


class TestMongoStore(WholeStoreContract):
    @pytest.fixture
    def open_store(self, mongo_url: str, mongo_database: str) -> Callable[[], Awaitable[Store]]:
        async def open_store() -> Store:
            return await open_mongo(mongo_url, mongo_database)

        return open_store


@pytest.fixture
def tuning() -> MongoTuning:
    return DEFAULT


@pytest.fixture
async def store(mongo_url: str, mongo_database: str, tuning: MongoTuning) -> AsyncIterator[MongoStore]:
    store = await open_mongo(mongo_url, mongo_database, tuning=tuning)
    yield store
    await store.close()


@pytest.fixture
async def other(mongo_url: str, store: MongoStore, mongo_database: str) -> AsyncIterator[MongoStore]:
    """Another process on the same database: it shares nothing with `store`."""
    other = await open_mongo(mongo_url, mongo_database)
    yield other
    await other.close()


Server = MongoClient[dict[str, Any]]


@pytest.fixture
def server(mongo_url: str) -> Iterator[Server]:
    """A client that is not Houseful's."""
    client: Server
    with MongoClient(mongo_url) as client:
        yield client


class Failures:
    """Lets the server fail the commands of this driver's `houseful` clients."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def set(self, command: str, *, times: int | None = None, **how: Any) -> None:
        mode = "alwaysOn" if times is None else {"times": times}
        data = {"failCommands": [command], "appName": "houseful", **how}
        self._server.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    def end(self) -> None:
        self._server.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.fixture
def failures(server: Server) -> Iterator[Failures]:
    failures = Failures(server)
    try:
        failures.end()
    except OperationFailure:
        pytest.skip("this MongoDB was started without enableTestCommands=1")
    yield failures
    failures.end()


class Attempts:
    """The transactions of the server that a store makes: how many write sets each has. They can be held
    up."""

    def __init__(self, store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.held = asyncio.Event()
        """Somebody waits at the gate."""
        self._gate = asyncio.Event()
        self._gate.set()
        self._attempt = writer(store)._committer.attempt
        monkeypatch.setattr(writer(store)._committer, "attempt", self._counted)

    async def _counted(self, batch: Batch) -> Attempt:
        self.sizes.append(len(batch.writes))
        if not self._gate.is_set():
            self.held.set()
            await self._gate.wait()
        return await self._attempt(batch)

    def hold(self) -> None:
        self._gate.clear()

    def go_on(self) -> None:
        self._gate.set()


@pytest.fixture
def attempts(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    return Attempts(store, monkeypatch)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is looked at tells nobody when it changes
        await asyncio.sleep(0.001)


async def outcome(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except Exception as error:
        return error


async def put(store: Store, id: str, balance: int) -> None:
    await change(store, id, balance)


class TestErrorLabels:
    async def test_a_commit_whose_reply_is_lost_is_made_once(
        self, mongo_url: str, mongo_database: str
    ) -> None:
        proxy = CuttingProxy(urlsplit(mongo_url.split(",")[0]).port or 27017)
        store = await open_mongo(await proxy.start(), mongo_database)
        await add(store, Account(id="a"))
        proxy.cut_after = b"commitTransaction"

        async def mend() -> None:
            await until(lambda: proxy.cuts == 4)  # the driver alone would try only twice
            proxy.cut_after = None

        mending = asyncio.create_task(mend())
        async with store.begin() as tx:
            account = await need(tx, "a")
            tx.put(replace(account, balance=account.balance + 1))
            tx.send(ready("e"))
        await mending
        assert (await need(store, "a")).balance == 1
        assert [row.seq for row in await rows(store)] == [1]
        await store.close()
        await proxy.stop()

    @pytest.mark.parametrize(
        "how",
        [
            {"closeConnection": True},
            {"errorCode": 50},
            {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
        ],
    )
    async def test_only_the_commit_is_repeated_while_its_result_is_unknown(
        self, store: MongoStore, failures: Failures, attempts: Attempts, how: dict[str, Any]
    ) -> None:
        await add(store, Account(id="a"))
        attempts.sizes.clear()
        failures.set("commitTransaction", times=3, **how)
        await store.transact(add_one("a"))
        assert (await need(store, "a")).balance == 1
        assert attempts.sizes == [1]

    @pytest.mark.parametrize("tuning", [MongoTuning(commit_patience_seconds=0.0)])
    async def test_a_commit_that_stays_unknown_is_unavailable(
        self, store: MongoStore, failures: Failures
    ) -> None:
        await add(store, Account(id="a"))
        failures.set("commitTransaction", closeConnection=True)
        with pytest.raises(Unavailable, match="not known"):
            await put(store, "a", 1)
        failures.end()
        await put(store, "a", 2)
        assert (await need(store, "a")).balance == 2

    async def test_a_transient_error_is_tried_again_and_then_a_conflict(
        self, store: MongoStore, failures: Failures
    ) -> None:
        await add(store, Account(id="a"))
        how: dict[str, Any] = {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}
        failures.set("update", times=2, **how)
        await put(store, "a", 1)
        assert (await need(store, "a")).balance == 1
        failures.set("update", **how)
        with pytest.raises(Conflict):
            await put(store, "a", 2)
        failures.end()
        assert (await need(store, "a")).balance == 1

    @pytest.mark.parametrize("command", ["update", "commitTransaction"])
    async def test_a_transaction_that_the_server_gave_up_is_made_anew(
        self, store: MongoStore, failures: Failures, command: str
    ) -> None:
        await add(store, Account(id="a"))
        failures.set(command, times=1, errorCode=251, errorLabels=["TransientTransactionError"])
        await put(store, "a", 1)
        assert (await need(store, "a")).balance == 1

    async def test_an_error_of_the_engine_is_unavailable(
        self, store: MongoStore, failures: Failures, caplog: pytest.LogCaptureFixture
    ) -> None:
        await add(store, Account(id="a"))
        failures.set("update", errorCode=14031)  # the disk is full
        with caplog.at_level(logging.ERROR), pytest.raises(Unavailable):
            await put(store, "a", 1)
        assert len(caplog.records) == 1
        failures.end()
        await put(store, "a", 2)
        await store.ready()

    async def test_connections_that_break_before_the_commit_cost_nothing(
        self, store: MongoStore, failures: Failures
    ) -> None:
        await add(store, Account(id="a"))
        failures.set("update", times=2, closeConnection=True)
        await put(store, "a", 1)
        failures.set("find", times=1, closeConnection=True)
        assert (await need(store, "a")).balance == 1

    async def test_reads_that_fail_are_unavailable(self, store: MongoStore, failures: Failures) -> None:
        await add(store, Account(id="a"))
        failures.set("find", closeConnection=True)
        with pytest.raises(Unavailable):
            await store.get(Account, "a")
        failures.set("find", errorCode=50)
        for attempt in (
            store.get(Account, "a"),
            store.get_many(Account, ["a", "b"]),
            store.find(Account, {}, limit=1),
            store.outbox.unpublished(1),
        ):
            with pytest.raises(Unavailable):
                await attempt
        failures.set("aggregate", errorCode=50)
        with pytest.raises(Unavailable):
            await store.count(Account, {})
        with pytest.raises(Unavailable):
            await store.outbox.stats()

    @pytest.mark.parametrize("tuning", [MongoTuning(patience_seconds=0.0, batch_limit=2)])
    async def test_an_outage_is_told_to_all_who_wait(
        self, store: MongoStore, failures: Failures, attempts: Attempts
    ) -> None:
        """Or else each batch would be as patient as the one before it, and requests would pile up."""
        failures.set("update", closeConnection=True)
        adds = [outcome(add(store, Account(id=f"a{n}"))) for n in range(7)]
        results = await asyncio.gather(*adds)
        assert [type(result) for result in results] == [Unavailable] * 7
        assert set(attempts.sizes) == {2}
        with pytest.raises(Unavailable, match="cannot write"):
            await store.ready()
        failures.end()
        await store.ready()
        await add(store, Account(id="a0"))


class Listener(CommandListener):
    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...

    def named(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.commands if next(iter(command)) == name]


class TestConcerns:
    async def test_durable_writes_and_reads_of_what_is_durable(
        self, mongo_url: str, mongo_database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the URL says."""
        listener = Listener()
        monkeypatch.setattr(
            mongo_connection, "_ALWAYS", {**mongo_connection._ALWAYS, "event_listeners": [listener]}
        )
        weak = ("&" if "?" in mongo_url else "/?") + "w=1&journal=false&readConcernLevel=local"
        store = await open_mongo(mongo_url + weak, mongo_database)
        listener.commands.clear()
        await add(store, Account(id="a"))
        async with store.begin() as tx:
            tx.lock(await need(tx, "a"))
            await tx.find(Account, {}, limit=1)
            await tx.count(Account, {})
            tx.send(ready("e"))
        [row] = await store.outbox.unpublished(9)
        await store.outbox.mark_published([row.id], 5)
        await store.close()
        durable = {"w": "majority", "j": True, "wtimeout": 10_000}
        commits = listener.named("commitTransaction")
        assert len(commits) == 2
        assert all(commit["writeConcern"] == durable for commit in commits)
        begun = [command for command in listener.commands if command.get("startTransaction")]
        assert [command["readConcern"] for command in begun] == [{"level": "snapshot"}] * 2
        [marked] = [command for command in listener.named("update") if "autocommit" not in command]
        assert marked["writeConcern"] == durable
        reads = [*listener.named("find"), *listener.named("aggregate")]
        reads = [command for command in reads if "autocommit" not in command]
        assert len(reads) == 4
        assert all(command["readConcern"] == {"level": "majority"} for command in reads)


class TestRivals:
    """What another process does to the same documents at the same time."""

    async def test_of_two_that_lock_the_same_one_fails_at_once(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        await add(store, Account(id="a", balance=3), Account(id="b"))
        both_have_read = asyncio.Barrier(2)

        async def lock(one: MongoStore) -> str:
            async with one.begin() as tx:
                tx.lock(await need(tx, "a"))
                await both_have_read.wait()
            return "locked"

        results = await asyncio.gather(outcome(lock(store)), outcome(lock(other)))
        assert {type(result) for result in results} == {str, Conflict}
        assert (await need(store, "a")).balance == 3

    async def test_a_write_conflict_with_an_open_transaction(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        """Nobody waits for it, and whoever was in the same batch is not taken along."""
        await add(store, Account(id="a"), Account(id="b"), Account(id="c"))
        with server.start_session() as session, session.start_transaction():
            accounts = server[mongo_database]["accounts"]
            accounts.update_one({"_id": "a"}, {"$inc": {"_version": 1}}, session=session)
            work = [outcome(put(store, id, 1)) for id in "abc"]
            results = await asyncio.gather(*work)
            assert [type(result) for result in results] == [Conflict, type(None), type(None)]
            session.abort_transaction()
        await put(store, "a", 1)
        found = await store.get_many(Account, ["a", "b", "c"])
        assert [account.balance for account in found.values()] == [1, 1, 1]

    async def test_what_changes_nothing_still_changes_the_version(
        self, store: MongoStore, server: Server, mongo_database: str
    ) -> None:
        """Or it would lock nothing."""
        await add(store, Account(id="a", balance=3))
        accounts = server[mongo_database]["accounts"]
        versions = [accounts.find_one({"_id": "a"})["_version"]]  # type: ignore[index]
        async with store.begin() as tx:
            tx.lock(await need(tx, "a"))
        versions.append(accounts.find_one({"_id": "a"})["_version"])  # type: ignore[index]
        async with store.begin() as tx:
            tx.put(await need(tx, "a"))
        versions.append(accounts.find_one({"_id": "a"})["_version"])  # type: ignore[index]
        assert versions == [versions[0], versions[0] + 1, versions[0] + 2]

    async def test_numbers_have_no_gaps_between_processes(self, store: MongoStore, other: MongoStore) -> None:
        async def send(one: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                tx.send(ready("e", n))

            await insist(one, work)

        await asyncio.gather(*[send(one, n) for n in range(25) for one in (store, other)])
        assert [row.seq for row in await rows(store)] == list(range(1, 51))

    async def test_both_insert_or_ignore_the_same(self, store: MongoStore, other: MongoStore) -> None:
        async def one(writer: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                for chunk in range(20):
                    tx.insert_or_ignore(Account(id=f"a{chunk}", balance=n))

            await insist(writer, work)

        await asyncio.gather(*[one(writer, n) for n in range(8) for writer in (store, other)])
        accounts = await store.find(Account, {}, limit=99)
        assert len(accounts) == 20

    async def test_both_want_a_unique_value(self, store: MongoStore, other: MongoStore) -> None:
        async def one(writer: MongoStore, n: int) -> None:
            async def work(tx: Transaction) -> None:
                tx.insert(Ticket(id=f"t{n}", live_seat="A1"))

            await insist(writer, work)

        wanted = [outcome(one(writer, n)) for n, writer in enumerate([store, other] * 10)]
        results = await asyncio.gather(*wanted)
        assert results.count(None) == 1
        assert sum(isinstance(result, Duplicate) for result in results) == 19

    async def test_a_rival_that_changed_what_was_seen(self, store: MongoStore, other: MongoStore) -> None:
        """It wins also against what was handed over with a transaction of this process before it."""
        await add(store, Account(id="a"), Account(id="b"))
        with pytest.raises(Conflict):
            async with store.begin() as tx:
                account = await need(tx, "a")
                await put(other, "a", 7)
                tx.put(replace(account, balance=1))
        assert (await need(store, "a")).balance == 7


class TestBatches:
    async def test_what_comes_together_is_one_transaction_of_the_server(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await asyncio.gather(*[add(store, Account(id=f"a{n}")) for n in range(50)])
        assert attempts.sizes == [50]
        assert await store.count(Account, {}) == 50

    async def test_who_is_refused_does_not_take_the_others_along(
        self, store: MongoStore, other: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="taken"), Ticket(id="t", live_seat="A1"), Account(id="stale"))

        async def stale() -> None:
            async with store.begin() as tx:
                account = await need(tx, "stale")
                await put(other, "stale", 7)
                tx.put(replace(account, balance=1))
                tx.insert(Account(id="with stale"))

        attempts.hold()
        first = asyncio.create_task(add(store, Account(id="first")))
        await attempts.held.wait()  # the rest waits behind it, and goes together
        work = [
            add(store, Account(id="one"), Account(id="taken")),
            add(store, Account(id="two"), Ticket(id="u", live_seat="A1")),
            stale(),
            *[add(store, Account(id=f"fine{n}")) for n in range(5)],
        ]
        tasks = [asyncio.create_task(outcome(one)) for one in work]
        await until(lambda: len(store.writer._waiting) == len(tasks))
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        await first
        assert [type(result) for result in results[:3]] == [Duplicate, Duplicate, Conflict]
        assert results[3:] == [None] * 5
        assert attempts.sizes[1:3] == [1, 8]
        written = set(
            await store.get_many(
                Account, ["first", "one", "two", "with stale", *[f"fine{n}" for n in range(5)]]
            )
        )
        assert written == {"first", *[f"fine{n}" for n in range(5)]}

    async def test_a_bug_in_one_is_not_the_others(self, store: MongoStore, attempts: Attempts) -> None:
        too_large = 2**70
        adds = [outcome(add(store, Item(id=f"i{n}", rank=too_large if n == 3 else n))) for n in range(6)]
        results = await asyncio.gather(*adds)
        assert [n for n, result in enumerate(results) if result is not None] == [3]
        assert isinstance(results[3], OverflowError)
        assert attempts.sizes[0] == 6
        assert await store.count(Item, {}) == 5

    async def test_a_hot_document_is_changed_many_times_in_one(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"))
        attempts.sizes.clear()
        await asyncio.gather(*[insist(store, add_one("a")) for _ in range(60)])
        assert (await need(store, "a")).balance == 60
        assert len(attempts.sizes) < 30

    async def test_changes_that_do_not_go_together_follow_each_other(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        """Deleted, inserted again, changed: each builds on what the one before has handed over."""
        await add(store, Account(id="a", balance=1))
        attempts.sizes.clear()

        async def delete() -> None:
            async with store.begin() as tx:
                tx.delete(await need(tx, "a"))

        attempts.hold()
        tasks = [asyncio.create_task(add(store, Account(id="first")))]
        await attempts.held.wait()
        for n, work in enumerate((delete(), add(store, Account(id="a", balance=5)), put(store, "a", 6)), 1):
            tasks.append(asyncio.create_task(work))
            await until(lambda n=n: len(store.writer._waiting) == n)  # type: ignore[misc]
        attempts.go_on()
        await asyncio.gather(*tasks)
        assert (await need(store, "a")).balance == 6
        assert attempts.sizes == [1, 1, 2]

    @pytest.mark.parametrize("first", [{}, {"live_seat": "B1"}])
    async def test_a_duplicate_is_that_of_the_change_that_made_it(
        self, store: MongoStore, attempts: Attempts, first: dict[str, Any]
    ) -> None:
        """Also where several changes of a document could become one."""
        await add(store, Ticket(id="taken", live_seat="A1"), Ticket(id="t"))

        async def change_ticket(changes: dict[str, Any]) -> None:
            async with store.begin() as tx:
                ticket = await tx.get(Ticket, "t")
                assert ticket is not None
                if changes:
                    tx.put(replace(ticket, **changes))
                else:
                    tx.lock(ticket)

        attempts.hold()
        tasks = [asyncio.create_task(outcome(add(store, Account(id="first"))))]
        await attempts.held.wait()
        for n, changes in enumerate((first, {"live_seat": "A1"}, {"event": "f"}), 1):
            tasks.append(asyncio.create_task(outcome(change_ticket(changes))))
            await until(lambda n=n: len(store.writer._waiting) == n)  # type: ignore[misc]
        tasks.append(asyncio.create_task(outcome(add(store, Account(id="last")))))
        await until(lambda: len(store.writer._waiting) == 4)
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        assert results[:2] == [None, None]
        assert isinstance(results[2], Duplicate)
        assert isinstance(results[3], Conflict)
        assert results[4] is None
        assert await store.get(Ticket, "t") == replace(Ticket(id="t"), **first)

    async def test_an_ignored_insert_that_comes_second_is_ignored(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server says that the id is taken where a rival commits between the snapshot and the insert."""
        write = mongo_commit.Committer._write
        lost = 0

        async def lose_once(self: Any, session: Any, batch: Batch) -> Any:
            nonlocal lost
            lost += 1
            if lost == 1:
                return mongo_commit._Stale(0, [(entry, "id") for entry in batch.entries.values()])
            return await write(self, session, batch)

        monkeypatch.setattr(mongo_commit.Committer, "_write", lose_once)
        async with store.begin() as tx:
            tx.insert_or_ignore(Account(id="a"))
        assert lost == 2
        assert await store.get(Account, "a") == Account(id="a")

    async def test_a_large_transaction_takes_several_commands(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large = "x" * 2_000_000
        accounts = [Account(id=f"a{n:02}", log=[large]) for n in range(14)]
        async with store.begin() as tx:
            for account in accounts:
                tx.insert(account)
        found = await store.get_many(
            Account, [account.id for account in accounts]
        )  # more than one reply holds
        assert list(found.values()) == accounts
        assert await store.find(Account, {}, limit=99) == accounts

    async def test_of_several_duplicates_the_first_is_told(self, store: MongoStore) -> None:
        """As on SQLite: what was put goes before what was inserted, in the order in which it was. It does not
        depend on what else is in the batch."""
        await add(store, Account(id="a"), Item(id="i"), Ticket(id="t"), Ticket(id="u", live_seat="1"))

        async def both(*documents: Document, take: bool = False) -> None:
            async with store.begin() as tx:
                for document in documents:
                    tx.insert(document)
                if take:
                    ticket = await tx.get(Ticket, "t")
                    assert ticket is not None
                    tx.put(replace(ticket, live_seat="1"))

        async def told(*work: Coroutine[Any, Any, None]) -> list[str]:
            results = await asyncio.gather(*[outcome(one) for one in work])
            return [result.collection for result in results]

        account, item = Account(id="a"), Item(id="i")
        assert await told(both(account, item), both(item, account)) == ["accounts", "items"]
        assert await told(both(item, account), both(account, item)) == ["items", "accounts"]
        assert await told(both(item, take=True)) == ["tickets"]

    async def test_an_interrupted_writer_acknowledges_nothing(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        attempts.hold()
        task = asyncio.create_task(outcome(add(store, Account(id="a"))))
        await attempts.held.wait()
        running = writer(store)._running
        assert running is not None
        running.cancel()
        assert isinstance(await task, Unavailable)
        attempts.go_on()
        await add(store, Account(id="b"))
        assert await store.get_many(Account, ["a", "b"]) == {"b": Account(id="b")}

    async def test_the_writer_goes_on_when_who_asked_is_gone(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        attempts.hold()
        task = asyncio.create_task(add(store, Account(id="a")))
        await attempts.held.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        attempts.go_on()
        await add(store, Account(id="b"))
        assert await store.get(Account, "a") == Account(id="a")


class TestOverlay:
    """Transactions that build on what is handed over and not committed."""

    async def test_who_builds_on_a_failure_fails(
        self, store: MongoStore, other: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"), Account(id="b"))
        attempts.hold()

        async def first() -> None:
            async with store.begin() as tx:
                one, two = await need(tx, "a"), await need(tx, "b")
                tx.put(replace(one, balance=1))
                tx.put(replace(two, balance=1))

        seen: list[int] = []

        async def puts() -> None:
            async with store.begin() as tx:
                account = await need(tx, "a")
                seen.append(account.balance)
                tx.put(replace(account, balance=account.balance + 1))

        async def only_reads() -> int:
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        async def refuses() -> None:
            async with store.begin() as tx:
                seen.append((await need(tx, "a")).balance)
                raise StateConflict("no", "No.")

        tasks = [asyncio.create_task(outcome(first()))]
        await attempts.held.wait()
        for work in (puts(), only_reads(), refuses()):
            tasks.append(asyncio.create_task(outcome(work)))
        await until(lambda: len(seen) == 2)
        await put(other, "b", 9)
        attempts.go_on()
        results = await asyncio.gather(*tasks)
        assert [type(result) for result in results] == [Conflict] * 4
        assert seen[0] == 1
        assert (await need(store, "a")).balance == 0

    async def test_nothing_is_told_before_it_is_committed(
        self, store: MongoStore, attempts: Attempts
    ) -> None:
        await add(store, Account(id="a"))
        attempts.hold()
        writing = asyncio.create_task(put(store, "a", 1))
        await attempts.held.wait()

        async def look() -> int:
            async with store.begin() as tx:
                return (await need(tx, "a")).balance

        looking = asyncio.create_task(look())
        assert (await need(store, "a")).balance == 0  # a round trip, in which `looking` would have ended
        assert not looking.done()
        attempts.go_on()
        assert await looking == 1
        await writing


class TestReplicaSets:
    async def refused(self, url: str) -> str:
        with pytest.raises(Unavailable) as raised:
            await open_mongo(url, "test")
        message = str(raised.value)
        assert "\n" not in message
        return message

    async def test_a_server_without_a_replica_set_is_refused(self, tmp_path: Any) -> None:
        member = mongo.Member.start_new(program(), tmp_path, replica_set=None)
        try:
            url = f"mongodb://127.0.0.1:{member.port}"
            for options in ("", "/?directConnection=true", "/?replicaSet=rs0&serverSelectionTimeoutMS=300"):
                message = await self.refused(url + options)
                assert "is not a replica set" in message
                assert "--replSet" in message
        finally:
            member.stop()

    async def test_a_replica_set_that_was_never_initiated_is_refused(self, tmp_path: Any) -> None:
        member = mongo.Member.start_new(program(), tmp_path)
        try:
            message = await self.refused(f"mongodb://127.0.0.1:{member.port}/?serverSelectionTimeoutMS=300")
            assert "rs.initiate()" in message
        finally:
            member.stop()

    async def test_what_else_an_operator_is_told(self, mongo_url: str) -> None:
        name = "otherName"
        url = (
            f"mongodb://{hosts(mongo_url).replace(', ', ',')}/?replicaSet={name}&serverSelectionTimeoutMS=300"
        )
        assert f"not to {name}" in await self.refused(url)
        url = "mongodb://houseful:secret-word@127.0.0.1:1/?serverSelectionTimeoutMS=100"
        message = await self.refused(url)
        assert "does not answer at 127.0.0.1:1" in message
        assert "secret-word" not in message
        assert "makes no sense" in await self.refused("http://127.0.0.1")

    async def test_killed_and_started_again(self) -> None:
        """What was acknowledged is there; whoever asked meanwhile was told that nobody answers."""
        with mongo.ReplicaSet.start(program()) as replica_set:
            [member] = replica_set.members
            store = await open_mongo(f"{replica_set.url}&serverSelectionTimeoutMS=300", "test")
            await add(store, Account(id="a", balance=1))
            await store.ready()
            await asyncio.to_thread(member.kill)
            for attempt in (store.get(Account, "a"), store.find(Account, {}, limit=1), store.ready()):
                with pytest.raises(Unavailable):
                    await attempt
            await asyncio.to_thread(member.start)
            await asyncio.to_thread(replica_set.primary)
            assert await store.get(Account, "a") == Account(id="a", balance=1)
            await put(store, "a", 2)
            await store.ready()
            assert (await need(store, "a")).balance == 2
            await store.close()


class Show(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "shows"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("city", "year")), Index(("slug",), unique=True))

    city: str = "Bremen"
    year: int | None = None
    slug: str | None = None
    stars: int = 0


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


class TestLog:
    async def test_no_document_gets_into_the_log(
        self, store: MongoStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The driver would log every command."""
        caplog.set_level(logging.DEBUG)
        await add(store, Account(id="secret-one", log=["secret-two"]))
        await need(store, "secret-one")
        assert "secret" not in caplog.text


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
