"""What goes back to a client: documents, bytes, streams and problem documents."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from houseful.webapi.asgi import Receive, Scope, Send

EVENT_STREAM = "text/event-stream"
PING_SECONDS = 15.0
"""An event stream that has said nothing for so long sends a `ping`: proxies leave it open, and a client whose
connection is dead notices that none comes."""

ABORT_EXTENSION = "houseful.abort_connection"
"""The key in a scope's `extensions` of a function that ends the connection at once, without a response. A
server sets it."""

T = TypeVar("T")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer holds."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A list: `next_cursor` asks for the rest."""

    items: Sequence[T]
    next_cursor: str | None = None


@dataclass(slots=True)
class Response:
    """An answer that is more than a Struct with the endpoint's own status."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _encoded_headers(self)
        if self.status in (204, 304):
            headers = headers[1:]
        else:
            headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


@dataclass(slots=True)
class Stream:
    """An answer without an end, such as server-sent events; closed when the caller goes. Of an event stream
    each chunk is whole messages: a `ping` may come between two of them."""

    chunks: AsyncIterator[bytes]
    media_type: str = EVENT_STREAM
    headers: Sequence[tuple[str, str]] = ()
    status = 200

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the chunks end or the client goes; either way the iterator is closed, so that it can clean
        up."""
        headers = [
            *_encoded_headers(self),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await _pump(self, receive, send)


def _encoded_headers(response: Response | Stream) -> list[tuple[bytes, bytes]]:
    """The content type is the first."""
    return [
        (b"content-type", response.media_type.encode()),
        *((name.lower().encode(), value.encode("latin-1")) for name, value in response.headers),
    ]


async def _pump(stream: Stream, receive: Receive, send: Send) -> None:
    loop = asyncio.get_running_loop()
    sent_at = loop.time()

    async def forward() -> None:
        nonlocal sent_at
        async for chunk in stream.chunks:
            sent_at = loop.time()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        sent_at = math.inf  # nothing may come behind the end
        await send({"type": "http.response.body", "body": b""})

    async def ping() -> None:
        nonlocal sent_at
        while (pause := sent_at + PING_SECONDS - loop.time()) < math.inf:
            if pause > 0:
                await asyncio.sleep(pause)
                continue
            sent_at = loop.time()
            await send({"type": "http.response.body", "body": _PING, "more_body": True})

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    ends = {asyncio.ensure_future(forward()), asyncio.ensure_future(gone())}
    tasks = {*ends, asyncio.ensure_future(ping())} if stream.media_type == EVENT_STREAM else ends
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        close = getattr(stream.chunks, "aclose", None)
        if close is not None:
            await close()


class AbortConnection(Exception):
    """End the connection without an answer. Only the mocked payment gateway does this, to be like a bad
    network.
    """


def server_sent(event: str, data: str | bytes, id: str | None = None) -> bytes:
    """One message of an event stream; `data` has no line breaks."""
    text = data.decode() if isinstance(data, bytes) else data
    return ((f"id: {id}\n" if id is not None else "") + f"event: {event}\ndata: {text}\n\n").encode()


_PING = server_sent("ping", "{}")
