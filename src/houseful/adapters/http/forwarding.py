"""Forwarding of requests to a service, and of responses back: headers, bodies, and the client."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote

from houseful.kernel.telemetry import request_id
from houseful.kernel.tracing import current_traceparent
from houseful.webapi.asgi import Receive, Scope

KEPT_BYTES = 256 * 1024
"""The most bytes of a body that are kept for sending it again."""

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Said by the gateway alone, or done with when it has the request.
_NOT_PASSED_ON = _HOP_BY_HOP | {
    b"expect",
    b"forwarded",
    b"traceparent",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
}
_NOT_PASSED_BACK = _HOP_BY_HOP | {b"date", b"server", b"x-request-id"}  # the gateway has its own

Pair = tuple[bytes, bytes]


def target(scope: Scope) -> str:
    """Path and query as the client wrote them."""
    raw: bytes | None = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"])
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def sent_headers(scope: Scope) -> list[tuple[str, str]]:
    """The headers of the forwarded request. `Host` is the client's.

    Facts that the gateway vouches for, and that no client may claim, are in `X-Forwarded-For` (one address;
    missing for internal requests), `X-Forwarded-Proto`, `X-Request-Id` and `traceparent`.
    """
    pairs = [(_text(name), _text(value)) for name, value in _without(_NOT_PASSED_ON, scope["headers"])]
    if scope["client"] is not None:
        pairs.append(("x-forwarded-for", scope["client"][0]))
        pairs.append(("x-forwarded-proto", scope.get("scheme", "http")))
    name, trace = request_id.get(), current_traceparent()
    if name is not None:
        pairs.append(("x-request-id", name))
    if trace is not None:
        pairs.append(("traceparent", trace))
    return pairs


def answered_headers(headers: Iterable[Pair]) -> list[Pair]:
    return [(name.lower(), value) for name, value in _without(_NOT_PASSED_BACK, headers)]


def _without(left_out: frozenset[bytes], headers: Iterable[Pair]) -> list[Pair]:
    """The headers without `left_out`, and without those that `Connection` names as hop-by-hop."""
    headers = list(headers)
    named = {
        one.strip()
        for name, value in headers
        if name.lower() == b"connection"
        for one in value.lower().split(b",")
    }
    return [pair for pair in headers if pair[0].lower() not in left_out and pair[0].lower() not in named]


def _text(raw: bytes) -> str:
    """The header as text.

    Writing it as UTF-8 gives the same bytes if they are UTF-8, else the same characters.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class ClientDisconnected(Exception):
    """The client's connection ended before its request did."""


class Client:
    """The client of a request: its body, and whether it is connected.

    Lives inside the task that answers the client.

    Once the whole body has arrived, a disconnect cancels that task, and `gone` tells it from other
    cancellations.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.gone = False
        self.answered = False  # from here on, that the connection ends is no news
        self._receive = receive
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._forgotten = False
        self.complete = not _has_body(scope)
        if self.complete:
            self._watch()

    @property
    def can_repeat(self) -> bool:
        return not self._forgotten

    async def body(self) -> bytes | AsyncIterator[bytes] | None:
        """The body as far as it has arrived: None without a body, bytes if complete, else a stream.

        May be called again while `can_repeat`. Raises `ClientDisconnected`.
        """
        if not self.complete and not self._kept:
            await self._next()
        if self.complete:
            return b"".join(self._kept) or None
        return self._stream()

    async def _stream(self) -> AsyncIterator[bytes]:
        for part in list(self._kept):
            yield part
        while not self.complete:
            yield await self._next()

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        self._keep(part)
        if not message.get("more_body"):
            self.complete = True
            self._watch()
        return part

    def _keep(self, part: bytes) -> None:
        self._kept_bytes += len(part)
        if self._kept and self._kept_bytes > KEPT_BYTES:
            self._forgotten = True
            self._kept.clear()
        if not self._forgotten:
            self._kept.append(part)

    def _watch(self) -> None:
        self._watcher = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.answered and self._task is not None:
            self.gone = True
            self._task.cancel()

    def leave(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


def _has_body(scope: Scope) -> bool:
    headers: dict[bytes, Any] = dict(scope["headers"])
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
