"""The MongoDB of the tests: the one that `HOUSEFUL_TEST_MONGO` names, else that of `make engines`, else one
of their own.

Test modules import the fixtures. Every test uses a database of its own, so that one server does for all.
"""

import asyncio
import atexit
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from engines import PROGRAMS, mongo
from engines.packages import Missing
from engines.standing import Standing
from houseful.kernel.ids import SystemIds


def program() -> Path:
    """`mongod`. Skips where it is not to be had; in CI that is a failure (see `tests/__main__.py`)."""
    try:
        return mongo.obtain(PROGRAMS)
    except Missing as error:
        pytest.skip(str(error))


APP_NAME = f"houseful-tests-{os.getpid()}"
"""Of the clients of this process and of the processes that it starts. Tests let the server fail the commands
of an application, and end its transactions; other tests use the same server at the same time.
"""


@pytest.fixture(scope="session")
def mongo_url() -> str:
    """The URL of a replica set, with `APP_NAME`."""
    named = os.environ.get("HOUSEFUL_TEST_MONGO") or Standing(PROGRAMS).url("HOUSEFUL_STORE_URL")
    return with_app_name(named or _own(program()).url)


def with_app_name(url: str) -> str:
    return f"{url}{'&' if '?' in url else '/?'}appName={APP_NAME}"


@cache
def _own(program: Path) -> mongo.ReplicaSet:
    """Until the tests' process ends. Not until the fixture does: it has one life in every module."""
    replica_set = mongo.ReplicaSet.start(program)
    atexit.register(replica_set.stop)
    return replica_set


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[str]:
    """The name of a database that does not exist yet, and is removed afterwards."""
    name = SystemIds().new("test")
    yield name
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongo_url) as client:
        client.drop_database(name)


class CuttingProxy:
    """A way to a server on which the reply to a command gets lost: the server has carried it out, and the
    connection ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.cut_after: bytes | None = None
        """The name of a command. It is carried out, and its reply never arrives."""
        self.cuts = 0

    async def start(self) -> str:
        """The URL of the server by this way, for one member alone."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return with_app_name(f"mongodb://127.0.0.1:{port}/?directConnection=true")

    async def stop(self) -> None:
        assert self._server is not None, "it was started"
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, there}
        cut = asyncio.Event()
        with suppress(OSError, asyncio.IncompleteReadError):
            back = asyncio.create_task(self._back(there_reader, writer, cut))
            while request := await reader.read(1 << 16):
                if self.cut_after is not None and self.cut_after in request:
                    cut.set()
                there.write(request)
                await there.drain()
            back.cancel()
        for end in (writer, there):
            end.close()
            self._open.discard(end)

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while reply := await reader.read(1 << 16):
                if cut.is_set():
                    self.cuts += 1
                    break
                writer.write(reply)
                await writer.drain()
        writer.close()
