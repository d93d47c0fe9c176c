"""One contract, two ways to reach a service: in this process, and over HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.http.proxy import ServiceProxy
from houseful.adapters.http.server import listen, serve
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceClient
from houseful.kernel.tracing import trace
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection, Response


class Echo:
    """Answers with what it was asked; `/cut` ends the connection, `/slow` never answers."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/readyz":  # the proxy's look
            await Response().send(scope, receive, send)
            return
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        if scope["path"] == "/cut":
            if ABORT_EXTENSION not in scope.get("extensions", {}):
                raise AbortConnection
            scope["extensions"][ABORT_EXTENSION]()
            await receive()
            return
        if scope["path"] == "/slow":
            await asyncio.Event().wait()
        said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode() + body
        await Response(said, 418, "text/plain", [("X-Thing", "one")]).send(scope, receive, send)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@asynccontextmanager
async def over_http(port: int, *, answer_seconds: float = 5) -> AsyncIterator[AsgiClient]:
    url = f"http://127.0.0.1:{port}/"
    proxy = ServiceProxy("gateway", [url], clock=SystemClock(), answer_seconds=answer_seconds)
    yield AsgiClient(proxy)
    await proxy.close()


@pytest.fixture(params=["asgi", "http"])
async def client(request: pytest.FixtureRequest, echo: Echo) -> AsyncIterator[ServiceClient]:
    if request.param == "asgi":
        yield AsgiClient(echo)
        return
    listener = listen("127.0.0.1", 0)
    ready = asyncio.Event()
    server = asyncio.create_task(
        serve(echo, listener, shutdown_seconds=1, on_ready=ready.set, on_stopping=lambda: None)
    )
    await ready.wait()
    async with over_http(listener.getsockname()[1], answer_seconds=30) as client:
        yield client
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)
    listener.close()


async def test_asked_and_answered(client: ServiceClient, echo: Echo) -> None:
    answer = await client.request("POST", "/a%20b/c?d=1&e=%C3%A4", body=b"body", headers={"X-Sent": "yes"})
    assert answer.status == 418
    assert answer.body == b"POST /a b/c d=1&e=%C3%A4 body"
    assert answer.headers["x-thing"] == "one"
    assert echo.headers["x-sent"] == "yes"
    assert echo.headers["content-length"] == "4"


async def test_without_a_body(client: ServiceClient) -> None:
    assert (await client.request("GET", "/")).body == b"GET /  "


async def test_the_trace_is_carried_on(client: ServiceClient, echo: Echo) -> None:
    parent = f"00-{'a1' * 16}-{'b2' * 8}-01"
    with trace(parent):
        await client.request("GET", "/")
    assert echo.headers["traceparent"] == parent
    await client.request("GET", "/")
    assert "traceparent" not in echo.headers


async def test_a_cut_connection_is_no_answer(client: ServiceClient) -> None:
    with pytest.raises(Unavailable):
        await client.request("GET", "/cut")
    assert (await client.request("GET", "/")).status == 418


async def test_many_at_once(client: ServiceClient) -> None:
    answers = await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(50)))
    assert [answer.body for answer in answers] == [f"GET /{number}  ".encode() for number in range(50)]


async def test_no_answer_in_time() -> None:
    listener = socket.create_server(("127.0.0.1", 0))  # accepts, and never answers
    async with over_http(listener.getsockname()[1], answer_seconds=0.1) as client:
        for method in ("GET", "POST"):
            with pytest.raises(Unavailable):
                await client.request(method, "/")
    listener.close()


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with over_http(port) as client:
        with pytest.raises(Unavailable):
            await client.request("GET", "/")


async def test_what_is_sent_with_every_call(echo: Echo) -> None:
    client = AsgiClient(echo, always={"x-internal-key": "k"})
    await client.request("GET", "/", headers={"x-internal-key": "other", "x-a": "1"})
    assert (echo.headers["x-internal-key"], echo.headers["x-a"]) == ("k", "1")


async def test_before_the_gateway_is_up() -> None:
    client = AsgiClient()
    with pytest.raises(Unavailable, match="not up"):
        await client.request("GET", "/")
    client.bind(Echo())
    assert (await client.request("GET", "/")).status == 418
