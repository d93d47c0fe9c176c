"""The store's contract on MongoDB; error labels, concerns and the log of the driver."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from houseful.adapters.mongodb import connection as mongo_connection
from houseful.adapters.mongodb.store import MongoStore
from houseful.adapters.mongodb.tuning import MongoTuning
from houseful.kernel.errors import Conflict, Unavailable
from houseful.kernel.ports import Store
from tests.contract.mongo_engine import CuttingProxy, mongo_database, mongo_url
from tests.contract.mongo_store import (
    Attempts,
    Failures,
    attempts,
    failures,
    open_mongo,
    outcome,
    put,
    server,
    store,
    tuning,
    until,
)
from tests.contract.store_contract import WholeStoreContract
from tests.contract.store_documents import (
    Account,
    add,
    add_one,
    need,
    ready,
    rows,
)

__all__ = ["attempts", "failures", "mongo_database", "mongo_url", "server", "store", "tuning"]


class TestMongoStore(WholeStoreContract):
    @pytest.fixture
    def open_store(self, mongo_url: str, mongo_database: str) -> Callable[[], Awaitable[Store]]:
        async def open_store() -> Store:
            return await open_mongo(mongo_url, mongo_database)

        return open_store


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


class TestLog:
    async def test_no_document_gets_into_the_log(
        self, store: MongoStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The driver would log every command."""
        caplog.set_level(logging.DEBUG)
        await add(store, Account(id="secret-one", log=["secret-two"]))
        await need(store, "secret-one")
        assert "secret" not in caplog.text
