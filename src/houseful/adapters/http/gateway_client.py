"""Calls between services: the caller's coroutine runs an ASGI application, the gateway of this process or a
proxy to a remote one.
"""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceResponse
from houseful.kernel.tracing import current_traceparent
from houseful.webapi.asgi import App
from houseful.webapi.responses import AbortConnection


class AsgiClient:
    """A `ServiceClient` on an ASGI application.

    A call belongs to the caller's trace, and carries the headers of `always`.

    The gateway and the services need each other, so `bind` may set the application later. Bodies are
    buffered: a call for an event stream returns when the stream ends.
    """

    def __init__(self, app: App | None = None, *, always: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._always = dict(always or {})

    def bind(self, app: App) -> None:
        self._app = app

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        if self._app is None:
            raise Unavailable("the gateway is not up yet")
        call = _InProcessCall(body)
        sent = {**headers, **self._always} if headers else self._always
        try:
            await self._app(scope_of(method, path, len(body), sent), call.receive, call.send)
        except AbortConnection as error:
            raise Unavailable(f"{method} {path}: the connection was cut") from error
        return call.response()


def scope_of(method: str, target: str, length: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """The scope of a request from this process, which belongs to the trace that is running."""
    path, _, query = target.partition("?")
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if length:
        pairs.append((b"content-length", b"%d" % length))
    trace = current_traceparent()
    if trace is not None and "traceparent" not in headers:
        pairs.append((b"traceparent", trace.encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": pairs,
        "client": None,  # what has no address comes from this process
        "server": None,
    }


class _InProcessCall:
    __slots__ = ("_asked", "_body", "_headers", "_parts", "_status")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._asked = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    async def receive(self) -> MutableMapping[str, Any]:
        if self._asked:  # a caller in this process stays until it has its answer
            await asyncio.get_running_loop().create_future()
        self._asked = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            self._parts.append(message.get("body", b""))

    def response(self) -> ServiceResponse:
        assert self._status, "an ASGI application answers before it returns"
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return ServiceResponse(self._status, self._headers, body)
