"""An event stream that has nothing to say says so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.manifests import MANIFESTS
from houseful.webapi import responses
from houseful.webapi.responses import EVENT_STREAM, Stream, server_sent
from tests.support.deployment import Deployment, open_stream
from tests.support.patience import PATIENCE_SECONDS

PING = b"event: ping\ndata: {}\n\n"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "PING_SECONDS", 0.01)


class Listener:
    """A caller that goes when it is told to."""

    def __init__(self, stream: Stream) -> None:
        self.bodies: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        scope = {"type": "http", "method": "GET"}
        self.answering = asyncio.ensure_future(stream.send(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            self.bodies.put_nowait(message["body"])


async def _one_message_when(ready: asyncio.Event) -> AsyncIterator[bytes]:
    await ready.wait()
    yield server_sent("order", "{}")


async def test_pings_come_until_there_is_something_to_say_and_none_behind_the_end() -> None:
    ready = asyncio.Event()
    listener = Listener(Stream(_one_message_when(ready)))
    for _ in range(3):
        assert await asyncio.wait_for(listener.bodies.get(), PATIENCE_SECONDS) == PING
    ready.set()
    await asyncio.wait_for(listener.answering, PATIENCE_SECONDS)
    said = [listener.bodies.get_nowait() for _ in range(listener.bodies.qsize())]
    assert [body for body in said if body != PING] == [b"event: order\ndata: {}\n\n", b""]
    assert said[-1] == b""


async def test_what_is_no_event_stream_is_left_alone() -> None:
    ready = asyncio.Event()
    listener = Listener(Stream(_one_message_when(ready), "text/csv"))
    await asyncio.sleep(0.1)
    ready.set()
    await asyncio.wait_for(listener.answering, PATIENCE_SECONDS)
    assert listener.bodies.qsize() == 2


async def test_every_event_stream_pings(deployment: Deployment) -> None:
    organizer = await deployment.user("olga", Role.ORGANIZER)
    event_id = await deployment.event(organizer)
    order = await deployment.order(organizer, (await deployment.hold(organizer, event_id))["hold_id"])
    on_sale_at = rfc3339(deployment.app.clock.now() + 600_000)
    with_line = await deployment.event(organizer, on_sale_at=on_sale_at, line={"mode": "on"})

    async def has_line() -> bool:
        return (await deployment.call("GET", f"/api/events/{with_line}/line")).status == 200

    await deployment.until(has_line)
    paths = [
        (manifest.name, endpoint.path)
        for manifest in MANIFESTS
        for endpoint in manifest.endpoints
        if endpoint.media_type == EVENT_STREAM
    ]
    assert len(paths) >= 5
    for service, path in paths:
        ids = {"{event_id}": with_line if service == "line" else event_id, "{order_id}": order["id"]}
        for name, value in ids.items():
            path = path.replace(name, value)
        async with open_stream(deployment, path, token=organizer) as stream:
            await asyncio.wait_for(_until_ping(stream.chunks), PATIENCE_SECONDS)


async def _until_ping(chunks: "asyncio.Queue[bytes | None]") -> None:
    while await chunks.get() != PING:
        pass
