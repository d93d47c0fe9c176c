"""Services made up for the proxy's tests, behind real ports, and a client that goes step by step."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from houseful.adapters.http.server import _Config, _Protocol, _Server, listen
from houseful.kernel.errors import Unavailable
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.problems import ProblemError, problem, service_unavailable
from houseful.webapi.responses import ABORT_EXTENSION, Response
from tests.support.patience import PATIENCE_SECONDS

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


async def whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        assert message["type"] == "http.request", "the client has gone"
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it got."""
    got = {
        "method": scope["method"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": (await whole_body(receive)).decode(),
    }
    await Response(json.dumps(got).encode()).send(scope, receive, send)


def cut(scope: Scope) -> None:
    scope["extensions"][ABORT_EXTENSION]()


class Service:
    """One copy, on a port of its own. Counts what it is asked; says at /readyz what `ready` is, or that it is
    `stopping`."""

    def __init__(self, handle: Handler = echo) -> None:
        self.handle = handle
        self.ready = 200
        self.stopping = False
        self.looks = 0
        self.paths: list[str] = []
        self._port = 0
        self._server: _Server
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> "Service":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """On the same port again after `stop`."""
        listener = listen("127.0.0.1", self._port)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = listener.getsockname()[1]
        config = _Config(
            cast(Any, self), http=_Protocol, lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        self._server = _Server(config, on_stopping=lambda: None)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        self._task.add_done_callback(lambda _: listener.close())
        await self._server.answering.wait()

    async def stop(self) -> None:
        """Requests that run have a second for it."""
        if self._task is not None:
            self._server.stop()
            await self._task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/readyz":
            self.looks += 1
            answer = (
                problem(ProblemError(503, "stopping", "Soon."))
                if self.stopping
                else Response(b"{}", self.ready)
            )
            await answer.send(scope, receive, send)
            return
        self.paths.append(scope["path"])
        await self.handle(scope, receive, send)


class Client:
    """One request to an ASGI application, step by step."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = b"",
        address: str | None = "192.0.2.1",
    ) -> None:
        """With `body=None` the body is sent by `upload`."""
        target, _, query = path.partition("?")
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        if body:
            pairs.append((b"content-length", b"%d" % len(body)))
        self.scope: dict[str, Any] = {
            "type": "http", "method": method, "scheme": "http", "path": target, "raw_path": target.encode(),
            "query_string": query.encode(), "headers": pairs,
            "client": None if address is None else (address, 50_000),
        }  # fmt: skip
        self._parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.messages: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        """Cleared, this client does not read on."""
        self.reads.set()
        if body is not None:
            self.upload(body, more=False)

    def upload(self, part: bytes, *, more: bool = True) -> None:
        self._parts.put_nowait({"type": "http.request", "body": part, "more_body": more})

    def go(self) -> None:
        self._parts.put_nowait({"type": "http.disconnect"})

    async def asks(self, app: App) -> "Client":
        """An application that raises `Unavailable` is answered for, as the gateway does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                await app(self.scope, self._parts.get, self._send)
            except Unavailable:
                await problem(service_unavailable()).send(self.scope, self._parts.get, self._send)
        return self

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        self.messages.append(dict(message))
        self._messages.put_nowait(dict(message))

    async def next(self) -> dict[str, Any]:
        """The next message of the answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._messages.get()

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"]) if self.messages else 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name.decode(), value.decode("latin-1")) for name, value in self.messages[0]["headers"]]

    def header(self, name: str) -> str | None:
        found = [value for one, value in self.headers if one == name]
        assert len(found) <= 1, f"{name} comes {len(found)} times"
        return found[0] if found else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not look():  # noqa: ASYNC110 - it is nobody's to tell
            await asyncio.sleep(0.002)
