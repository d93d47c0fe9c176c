"""The way out of a response: common headers, compression, and what metrics and the access log record."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection

COMPRESS_BYTES = 1024
_THREAD_BYTES = 32 * 1024  # above this, compressing would stop the event loop for longer than a thread costs
_LEVEL = 5
_GZIP = 31  # zlib's window bits for a gzip header
_BUSY = 503

_TEXT_TYPES = (
    b"application/json",
    b"application/problem+json",
    b"application/javascript",
    b"application/manifest+json",
    b"image/svg+xml",
    b"text/html",
    b"text/css",
    b"text/csv",
    b"text/plain",
    b"text/javascript",
    b"text/calendar",
)


class ResponseMiddleware:
    """Stands between an application and the server's `send`.

    Text responses to GET are compressed when their length is known. Streams, small responses, responses to
    writes and compressed bodies are sent as they are.
    """

    __slots__ = (
        "_added",
        "_held",
        "_no_store",
        "_send",
        "before_refusal",
        "compressible",
        "finished",
        "request_id",
        "route",
        "service",
        "status",
        "timed",
    )

    def __init__(self, send: Send, request_id: str, added: Sequence[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._added = added
        self._held: MutableMapping[str, Any] | None = None
        self._no_store = False
        self.request_id = request_id
        self.compressible = False
        self.before_refusal: Callable[[], Awaitable[None]] | None = None
        self.service = "gateway"
        self.route = "other"
        self.status = 0
        self.finished = False
        self.timed = True

    def belongs_to(self, service: str, route: str, *, compressible: bool) -> None:
        """Mark it as a service's response: `no-store`, unless the service sets a cache-control header."""
        self.service = service
        self.route = route
        self.compressible = compressible
        self._no_store = True

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._held is not None:
            await self._first_part(message)
        else:
            if not message.get("more_body"):
                self.finished = True
            await self._send(message)

    async def end(self) -> None:
        """End a response that has begun."""
        await self.send({"type": "http.response.body", "body": b""})

    async def _start(self, message: MutableMapping[str, Any]) -> None:
        self.status = message["status"]
        if self.before_refusal is not None and (400 <= self.status < 500 or self.status == _BUSY):
            await self.before_refusal()
        headers: list[tuple[bytes, bytes]] = list(message["headers"])
        if self._no_store and b"cache-control" not in dict(headers):
            headers.append((b"cache-control", b"no-store"))
        compress = self.compressible and _worth_compressing(headers)
        headers.append((b"x-request-id", self.request_id.encode()))
        headers.extend(self._added)
        message["headers"] = headers
        if compress:
            self._held = message
        else:
            await self._send(message)

    async def _first_part(self, message: MutableMapping[str, Any]) -> None:
        start, self._held = self._held, None
        assert start is not None
        body = message.get("body", b"")
        if not message.get("more_body") and len(body) >= COMPRESS_BYTES:
            body = await compressed(body)
            message["body"] = body
            start["headers"] = [
                *(pair for pair in start["headers"] if pair[0] != b"content-length"),
                (b"content-length", b"%d" % len(body)),
                (b"content-encoding", b"gzip"),
                (b"vary", b"accept-encoding"),
            ]
        await self._send(start)
        await self.send(message)


def _worth_compressing(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    length, media_type = 0, b""
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"content-type":
            media_type = value
        elif name == b"content-encoding":
            return False
    return length >= COMPRESS_BYTES and media_type.startswith(_TEXT_TYPES)


async def compressed(body: bytes) -> bytes:
    if len(body) < _THREAD_BYTES:
        return zlib.compress(body, _LEVEL, _GZIP)
    return await asyncio.to_thread(zlib.compress, body, _LEVEL, _GZIP)


async def abort(scope: Scope, receive: Receive) -> None:
    """Close the client's connection without a response. A client in this process gets the `AbortConnection`
    itself."""
    end = scope.get("extensions", {}).get(ABORT_EXTENSION)
    if end is None:
        raise AbortConnection
    end()
    while (await receive())["type"] != "http.disconnect":
        pass
