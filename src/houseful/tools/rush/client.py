"""A client that costs less than what it loads: kept connections, and many requests in one write (HTTP/1.1,
RFC 9112, 9.3.2). It waits for a free connection where all are busy; whoever asks counts that wait."""

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from houseful.kernel.errors import Unavailable

_ANSWER_SECONDS = 60.0
_SWEEP_SECONDS = 5.0


class Reply(NamedTuple):
    """`retry_after` is in seconds, None where it was not said."""

    status: int
    body: bytes
    retry_after: float | None


class _Awaited:
    """Answers to one write: so many are still to come, and the last is what the writer gets."""

    __slots__ = ("future", "left", "since")

    def __init__(self, future: "asyncio.Future[Reply]", left: int, since: float) -> None:
        self.future = future
        self.left = left
        self.since = since


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._awaited: deque[_Awaited] = deque()
        self._body: list[bytes] = []
        self._retry_after: float | None = None
        self.is_open = False

    def write(self, requests: bytes, count: int) -> "asyncio.Future[Reply]":
        """The last of `count` answers, which are those to `requests`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._awaited.append(_Awaited(future, count, loop.time()))
        self._transport.write(requests)
        return future

    def close(self) -> None:
        self._transport.close()

    def close_if_silent(self, now: float) -> None:
        if self._awaited and now - self._awaited[0].since > _ANSWER_SECONDS:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        for awaited in self._awaited:
            if not awaited.future.done():
                awaited.future.set_exception(Unavailable(f"the connection was cut ({error or 'closed'})"))
        self._awaited.clear()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.isdigit():
            self._retry_after = float(value)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and self._awaited:
            awaited = self._awaited[0]
            awaited.left -= 1
            if awaited.left == 0:
                self._awaited.popleft()
                if not awaited.future.done():
                    awaited.future.set_result(Reply(status, b"".join(self._body), self._retry_after))
        self._body, self._retry_after = [], None
        if status >= 200 and not self._parser.should_keep_alive():
            self.is_open = False
            self._transport.close()


class _Address(NamedTuple):
    host: str
    port: int
    tls: ssl.SSLContext | None


class Client:
    """Of an installation behind one or several addresses, which take turns."""

    def __init__(self, urls: Sequence[str], most: int) -> None:
        """At most `most` connections at once."""
        self._addresses = itertools.cycle([_address(url) for url in urls])
        self.host = urlsplit(urls[0]).netloc
        self._most = most
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.Task[None] | None = None

    async def ask(self, requests: bytes, count: int = 1) -> Reply:
        """The last of `count` answers. Raises `Unavailable` for a connection that is refused or cut, and for
        an answer that does not come in a minute."""
        connection = await self._connection()
        try:
            return await connection.write(requests, count)
        finally:
            self._give_back(connection)

    @property
    def busy(self) -> int:
        return len(self._open) - len(self._idle)

    async def _connection(self) -> _Connection:
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        while True:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_open:
                    return connection
                self._open.discard(connection)
            if len(self._open) + self._opening < self._most:
                return await self._new()
            free = asyncio.get_running_loop().create_future()
            self._waiting.append(free)
            await free

    async def _new(self) -> _Connection:
        address = next(self._addresses)
        self._opening += 1
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(
                _Connection, address.host, address.port, ssl=address.tls
            )
        except OSError as error:
            self._wake()
            raise Unavailable(f"{address.host}:{address.port} does not answer ({error})") from error
        finally:
            self._opening -= 1
        self._open.add(connection)
        return connection

    def _give_back(self, connection: _Connection) -> None:
        if connection.is_open:
            self._idle.append(connection)
        else:
            self._open.discard(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            free = self._waiting.popleft()
            if not free.done():
                free.set_result(None)
                return

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for connection in list(self._open):
                connection.close_if_silent(loop.time())

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for connection in self._open:
            connection.close()


def _address(url: str) -> _Address:
    parts = urlsplit(url)
    assert parts.hostname is not None, "a plan is checked before"
    secure = parts.scheme == "https"
    return _Address(
        parts.hostname,
        parts.port or (443 if secure else 80),
        ssl.create_default_context() if secure else None,
    )


def request_bytes(method: str, host: str, path: str, headers: Sequence[str], body: bytes = b"") -> bytes:
    """`headers` are whole lines."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *headers]
    if body:
        lines.append("content-type: application/json")
    if body or method != "GET":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
