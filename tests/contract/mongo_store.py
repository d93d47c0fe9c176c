"""A store on MongoDB for tests, with a server that fails on demand and transactions that can be held up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from houseful.adapters.mongodb.batch import Batch
from houseful.adapters.mongodb.commit import Attempt
from houseful.adapters.mongodb.store import MongoStore
from houseful.adapters.mongodb.tuning import DEFAULT, MongoTuning
from houseful.adapters.mongodb.writer import Writer
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store
from tests.contract.mongo_engine import APP_NAME, mongo_database, mongo_url
from tests.contract.store_documents import (
    DOCUMENTS,
    change,
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
    """Lets the server fail the commands of the clients of this process."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def set(self, command: str, *, times: int | None = None, **how: Any) -> None:
        mode = "alwaysOn" if times is None else {"times": times}
        data = {"failCommands": [command], "appName": APP_NAME, **how}
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
