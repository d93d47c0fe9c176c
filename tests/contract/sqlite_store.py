"""A store on SQLite for tests, with a rival that holds the file's lock and commits that fail on demand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec
import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.tuning import DEFAULT, SqliteTuning
from houseful.adapters.sqlite.writer import Writer
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store, Transaction
from tests.contract.store_documents import (
    DOCUMENTS,
    Account,
    need,
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

    def delete(self, id: str) -> None:
        self._connection.execute("DELETE FROM accounts WHERE id = ?", (id,))

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
