"""Calls between services of one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from houseful.adapters.http.local_client import LocalClient
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceResponse
from houseful.kernel.tracing import current_traceparent, trace
from houseful.webapi.responses import AbortConnection, Response, Stream
from houseful.webapi.routes import Route


class Neighbour:
    """A service of this process: it says what it was asked, or as its path says."""

    def __init__(self) -> None:
        self.traces: list[str | None] = []

    async def respond(self, scope: Any, receive: Any) -> Response | Stream:
        self.traces.append(current_traceparent())
        if scope["path"].endswith("/cut"):
            raise AbortConnection
        if scope["path"].endswith("/stream"):
            return Stream(_chunks())
        body = (await receive())["body"]
        said = (
            f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {scope['client']} ".encode()
        )
        sent = dict(scope["headers"]).get(b"x-sent", b"-").decode()
        return Response(said + body, 418, "text/plain", [("X-Thing", sent)])


async def _chunks() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


class Elsewhere:
    """The way through the gateway."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        self.asked.append((method, path, body))
        return ServiceResponse(200, {}, b"elsewhere")


@pytest.fixture
def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def client(neighbour: Neighbour, elsewhere: Elsewhere) -> LocalClient:
    client = LocalClient(elsewhere)
    paths = ("/api/things/{thing}", "/api/things/{thing}/cut", "/api/things/{thing}/stream")
    client.bind([(neighbour, [Route("POST", path, public=False, needs_account=False) for path in paths])])
    return client


async def test_a_neighbour_is_asked_itself(client: LocalClient, elsewhere: Elsewhere) -> None:
    answer = await client.request("POST", "/api/things/a%20b?c=1", body=b"body", headers={"X-Sent": "yes"})
    assert answer == ServiceResponse(
        418, {"content-type": "text/plain", "x-thing": "yes"}, b"POST /api/things/a b c=1 None body"
    )
    assert elsewhere.asked == []


async def test_others_are_asked_through_the_gateway(client: LocalClient, elsewhere: Elsewhere) -> None:
    assert (await client.request("GET", "/api/things/a")).body == b"elsewhere"
    assert (await client.request("POST", "/api/others?a=1", body=b"b")).body == b"elsewhere"
    assert elsewhere.asked == [("GET", "/api/things/a", b""), ("POST", "/api/others?a=1", b"b")]


async def test_a_cut_connection_is_no_answer(client: LocalClient) -> None:
    with pytest.raises(Unavailable):
        await client.request("POST", "/api/things/a/cut")


async def test_a_stream_is_read_to_its_end(client: LocalClient) -> None:
    assert (await client.request("POST", "/api/things/a/stream")).body == b"one two"


async def test_the_trace_is_carried_on(client: LocalClient, neighbour: Neighbour) -> None:
    parent = f"00-{'a1' * 16}-{'b2' * 8}-01"
    with trace(parent):
        await client.request("POST", "/api/things/a")
    await asyncio.gather(*(client.request("POST", "/api/things/a") for _ in range(2)))
    assert neighbour.traces[0] == parent
    assert len(set(neighbour.traces)) == 3  # without one, each call begins its own
    assert None not in neighbour.traces
    assert current_traceparent() is None
