"""A process that dies in the middle of a transaction of the server, and what that holds up."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from houseful.adapters.mongodb.abandoned import AbandonedTransactions
from houseful.adapters.mongodb.connection import Client, connect
from houseful.adapters.mongodb.store import MongoStore
from houseful.adapters.mongodb.tuning import MongoTuning
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from tests.contract.mongo_engine import mongo_database, mongo_url
from tests.contract.store_documents import DOCUMENTS, Account, add, add_one, insist, need

__all__ = ["mongo_database", "mongo_url"]

DIES = """
import os, signal, sys
from pymongo import MongoClient

client = MongoClient(sys.argv[1])
accounts = client[sys.argv[2]]["accounts"]
session = client.start_session()
session.start_transaction()
assert accounts.update_one({"_id": "a"}, {"$inc": {"_version": 1}}, session=session).modified_count
os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED = -9

AT_ONCE = MongoTuning(abandoned_idle_millis=0)


@pytest.fixture
async def store(mongo_url: str, mongo_database: str) -> AsyncIterator[MongoStore]:
    clock, ids = SystemClock(), SystemIds()
    store = await MongoStore.open(mongo_url, mongo_database, DOCUMENTS, clock=clock, ids=ids)
    await add(store, Account(id="a"))
    yield store
    await store.close()


@pytest.fixture
async def client(mongo_url: str) -> AsyncIterator[Client]:
    client = connect(mongo_url)
    yield client
    await client.close()


async def test_nobody_waits_for_the_dead(
    store: MongoStore, mongo_url: str, mongo_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DIES, mongo_url, mongo_database], check=False
    )
    assert dead.returncode == KILLED
    await insist(store, add_one("a"))
    assert (await need(store, "a")).balance == 1
    assert "ended transactions that nobody went on with" in caplog.messages, "the server did it"


async def test_who_lives_is_told(store: MongoStore, client: Client, mongo_database: str) -> None:
    """One whose transaction was taken for a dead one's learns of it, so that it does its work again."""
    async with client.start_session() as session:
        await session.start_transaction()
        await client[mongo_database]["accounts"].update_one(
            {"_id": "a"}, {"$inc": {"_version": 1}}, session=session
        )
        assert await AbandonedTransactions(client, AT_ONCE).end() >= 1
        with pytest.raises(OperationFailure) as refused:
            await session.commit_transaction()
    assert refused.value.has_error_label("TransientTransactionError")
    await store.transact(add_one("a"))


async def test_others_are_left_alone(client: Client, mongo_url: str, mongo_database: str) -> None:
    """Those of another application, and those for which something has come just now."""
    stranger: Client = AsyncMongoClient(mongo_url, appname="somebody-else")
    async with stranger, stranger.start_session() as theirs, client.start_session() as ours:
        for one, name in ((theirs, "b"), (ours, "c")):
            await one.start_transaction()
            await one.client[mongo_database]["others"].insert_one({"_id": name}, session=one)
        assert await AbandonedTransactions(client, MongoTuning(abandoned_idle_millis=600_000)).end() == 0
        assert await AbandonedTransactions(client, AT_ONCE).end() >= 1
        await theirs.commit_transaction()
        with pytest.raises(OperationFailure):
            await ours.commit_transaction()


async def test_it_does_not_look_all_the_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    find = AbandonedTransactions._find

    async def counted(self: AbandonedTransactions) -> list[dict[str, object]]:
        nonlocal looks
        looks += 1
        return await find(self)

    monkeypatch.setattr(AbandonedTransactions, "_find", counted)
    abandoned = AbandonedTransactions(client, MongoTuning(abandoned_look_seconds=600))
    for _ in range(3):
        await abandoned.end()
    assert looks == 1


async def test_where_it_is_not_allowed_the_server_ends_them(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(_: AbandonedTransactions) -> list[dict[str, object]]:
        raise OperationFailure("not authorized", 13)

    monkeypatch.setattr(AbandonedTransactions, "_find", refused)
    abandoned = AbandonedTransactions(client, MongoTuning(abandoned_look_seconds=0))
    assert [await abandoned.end(), await abandoned.end()] == [0, 0]
    assert len(caplog.messages) == 1, "it is said once"
