"""Applications behind real ports, in this event loop or in a thread; and who calls them from outside."""

import asyncio
import itertools
import socket
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp

from houseful.adapters.http.proxy import ServiceProxy
from houseful.adapters.http.server import _Config, _Protocol, _Server, listen
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceResponse
from houseful.webapi.asgi import App
from tests.system.fault_proxy import FaultProxy


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


class Servers:
    """Several in one event loop, without signals. They end together."""

    def __init__(self) -> None:
        self._servers: list[tuple[_Server, asyncio.Task[None], socket.socket]] = []

    async def add(
        self, app: App, listener: socket.socket, *, on_stopping: Callable[[], None] = lambda: None
    ) -> None:
        """Returns when it answers."""
        config = _Config(
            cast(Any, app), http=_Protocol, ws="none", lifespan="off", interface="asgi3", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = _Server(config, on_stopping)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._servers.append((server, task, listener))
        await server.answering.wait()

    async def close(self) -> None:
        for server, _, _ in self._servers:
            server.stop()
        await asyncio.gather(*(task for _, task, _ in self._servers))
        for _, _, listener in self._servers:
            listener.close()


@asynccontextmanager
async def fault_proxy_to(gateways: Sequence[str], listener: socket.socket) -> AsyncIterator[FaultProxy]:
    """A `FaultProxy` to these gateways, behind a port."""
    proxy = ServiceProxy("gateway", gateways, clock=SystemClock())
    proxy.start()
    fault_proxy, servers = FaultProxy(proxy), Servers()
    await servers.add(fault_proxy.at_a_port, listener)
    try:
        yield fault_proxy
    finally:
        await servers.close()
        await proxy.close()


class ThreadedFaultProxy:
    """A `FaultProxy` that runs from test to test, though each test has an event loop of its own. Its faults
    may be changed from any thread.
    """

    def __init__(self, gateways: Sequence[str]) -> None:
        self._gateways = gateways
        self._listener = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        self._there = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        self._there.wait()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with fault_proxy_to(self._gateways, self._listener) as self.fault_proxy:
            self._there.set()
            await self._over.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


class Outside:
    """A client of several gateways: each request goes to the next of them, and none is sent twice."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._turns = itertools.cycle(urls)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        url = next(self._turns) + path
        try:
            async with self._session.request(method, url, data=body or None, headers=headers) as answer:
                content = await answer.read()
        except aiohttp.ClientError as error:
            raise Unavailable(f"{method} {url}: {error!r}") from error
        return ServiceResponse(
            answer.status, {name.lower(): value for name, value in answer.headers.items()}, content
        )

    @asynccontextmanager
    async def messages(self, path: str, token: str) -> AsyncIterator[AsyncIterator[str]]:
        """The data of each message of an event stream."""
        headers = {"authorization": f"Bearer {token}"}
        async with self._session.get(next(self._turns) + path, headers=headers) as answer:
            assert answer.status == 200
            yield _data_of(answer.content)

    async def close(self) -> None:
        await self._session.close()


async def _data_of(lines: AsyncIterable[bytes]) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith(b"data: "):
            yield line.decode().removeprefix("data: ").rstrip("\n")
