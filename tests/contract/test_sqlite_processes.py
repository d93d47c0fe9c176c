"""SQLite: several processes on one file, kills, and readers beside a writer."""
# ruff: noqa: ASYNC240 - small files; the block of a transaction is what raises

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Transaction
from tests.contract.sqlite_store import open_sqlite, path, store, tuning
from tests.contract.store_documents import (
    Account,
    add,
    add_one,
    change,
    insist,
    need,
    ready,
    rows,
)

__all__ = ["path", "store", "tuning"]


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


async def spawn(role: str, path: Path, *arguments: str) -> asyncio.subprocess.Process:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.test_sqlite_processes",
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
