"""The way into a process that runs services and no gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from houseful.gateway import InternalIngress, ManagementEndpoints
from houseful.kernel.telemetry import request_id
from houseful.kernel.tracing import current_traceparent
from houseful.settings import Settings
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection, Response, Stream
from tests.unit.gateway.harness import endpoint
from tests.unit.gateway.upstreams import Client, until

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


ENDPOINTS = (
    endpoint("GET", "/api/things/{id}"),
    endpoint("GET", "/api/things/{id}/stream", media_type="text/event-stream"),
)


class Things:
    """Remembers what it is told; its stream goes on for ever."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append((scope["method"], scope["client"], request_id.get(), current_traceparent()))
        if scope["path"].endswith("/cut"):
            raise AbortConnection
        if scope["path"].endswith("/stream"):
            await Stream(self._for_ever()).send(scope, receive, send)
        else:
            await Response(b"{}").send(scope, receive, send)

    async def _for_ever(self) -> AsyncIterator[bytes]:
        self.streams += 1
        yield b"data: 1\n\n"
        await asyncio.Event().wait()


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def ingress(things: App) -> InternalIngress:
    return InternalIngress(
        {"things": (things, [one.route for one in ENDPOINTS])},
        settings=Settings(),
        management=ManagementEndpoints([], {}),
    )


async def test_a_service_sees_what_it_would_in_the_gateways_process(
    ingress: InternalIngress, things: Things
) -> None:
    headers = {"x-request-id": "req_1", "traceparent": TRACE, "x-forwarded-for": "192.0.2.7"}
    await Client("GET", "/api/things/1", headers).asks(ingress)
    del headers["x-forwarded-for"]
    await Client("GET", "/api/things/1", headers).asks(ingress)
    assert things.seen == [("GET", ("192.0.2.7", 0), "req_1", TRACE), ("GET", None, "req_1", TRACE)]
    assert request_id.get() is None


async def test_other_paths_and_methods(ingress: InternalIngress, things: Things) -> None:
    assert (await Client("GET", "/api/others").asks(ingress)).json["code"] == "no_such_path"
    assert not things.seen
    await Client("DELETE", "/api/things/1").asks(ingress)
    assert things.seen[0][0] == "DELETE", "that is the service's to refuse"


async def test_a_cut_ends_the_connection(ingress: InternalIngress) -> None:
    client = Client("GET", "/api/things/cut")
    ended = asyncio.Event()
    client.scope["extensions"] = {ABORT_EXTENSION: ended.set}
    client.go()
    await client.asks(ingress)
    assert ended.is_set()
    assert not client.messages


async def test_draining_and_stopping(ingress: InternalIngress, things: Things) -> None:
    listener = Client("GET", "/api/things/1/stream")
    listening = asyncio.create_task(listener.asks(ingress))
    await until(lambda: len(listener.messages) > 1)
    assert (await Client("GET", "/readyz").asks(ingress)).status == 200

    ingress.drain()
    assert (await Client("GET", "/readyz").asks(ingress)).status == 503
    answer = await Client("GET", "/api/things/1").asks(ingress)
    assert answer.status == 200
    assert answer.header("connection") == "close"
    assert not listening.done()

    ingress.stop()
    await listening
    assert listener.messages[-1].get("more_body", False) is False, "it ended, and was not cut off"
    late = await Client("GET", "/api/things/1/stream").asks(ingress)
    assert late.status == 503
    assert things.streams == 1
