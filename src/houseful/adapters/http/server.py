"""The HTTP server: uvicorn on httptools, with the limits that it leaves to a proxy in front.

uvicorn keeps a connection for ever once its first byte has come. Here a head, a body or a reader that is too
slow ends the connection, a head that is too large is refused, and an application can end a connection without
an answer (`ABORT_EXTENSION`).

uvicorn closes a connection while the request is still arriving. The kernel then resets the connection, and
the client loses the answer that says why. Here the rest of the request is read and dropped before the close
("lingering close"), for `LINGER_SECONDS` at most.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from houseful.webapi.asgi import App
from houseful.webapi.problems import ProblemError, problem, service_unavailable
from houseful.webapi.responses import ABORT_EXTENSION, Response

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
HEAD_SECONDS = 10.0
BODY_SECONDS = (
    40.0  # the application cuts a slow body earlier and with an answer; this is for one that never begins
)
READER_SECONDS = 30.0  # for how long a client may leave an answer unread when the buffers are full
KEEP_ALIVE_SECONDS = 30
LINGER_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 32


class PortTaken(Exception):
    """The address can't be bound. The message says why and what to do."""


class _HeadTooLarge(Exception):
    pass


Refuse = Callable[[ProblemError], Response]
"""Makes the response to a request that this server itself refuses, with the headers that every response has.
"""


class _Config(uvicorn.Config):
    refuse: Refuse = staticmethod(problem)


class JoinedWrites:
    """A connection to write to.

    The first write in a turn of the event loop waits for the next, or for the end of the turn: a response's
    head and body are one system call and one packet.

    Between `request_begins` and `request_ends` a `close` waits for the latter.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = b""
        self._request_arrives = False
        self._linger: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        if self._linger is not None:
            return
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            self._transport.writelines((waiting, data))
        elif data:
            self._waiting = data
            self._loop.call_soon(self._send_waiting)

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, b""
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting)

    def request_begins(self) -> None:
        self._request_arrives = True

    def request_ends(self) -> None:
        self._request_arrives = False
        if self._linger is not None:
            self._transport.close()

    def close(self) -> None:
        self._send_waiting()
        if not self._request_arrives:
            self._transport.close()
        elif self._linger is None:
            self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def end(self) -> None:
        """Close for writing now, and for reading once the client has closed too."""
        self._send_waiting()
        if not self.is_closing():
            self._transport.write_eof()
            self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def is_closing(self) -> bool:
        return self._linger is not None or self._transport.is_closing()

    def closed(self) -> None:
        """The connection has ended."""
        if self._linger is not None:
            self._linger.cancel()


class _Protocol(HttpToolsProtocol):
    """One connection."""

    _answers: JoinedWrites

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._refuse = cast(_Config, self.config).refuse
        self._message_since: float | None = self.loop.time()
        self._in_head = True
        self._head_bytes = 0
        self._unread_since: float | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._answers = JoinedWrites(self.transport, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._answers.closed()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {ABORT_EXTENSION: self.transport.abort}
        self._message_since = self.loop.time()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_bytes = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if self._head_bytes > HEAD_BYTES or len(self.headers) > HEAD_FIELDS:
            raise _HeadTooLarge
        self._in_head = False
        if self._answers.is_closing():
            return  # the last answer said "connection: close"
        self._answers.request_begins()
        super().on_headers_complete()
        if self.cycle is not None:
            # Knows neither the request nor the connection: a circle would wait for the collector.
            answer = partial(_answer_failed, weakref.ref(self.cycle), self._refuse)
            cast(Any, self.cycle).send_500_response = answer
            self.cycle.transport = cast(asyncio.Transport, self._answers)

    def on_message_complete(self) -> None:
        self._message_since = None
        super().on_message_complete()
        self._answers.request_ends()

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        was_in_head = self._in_head
        super().data_received(data)
        if self._refused or self.parser is None:
            return
        if was_in_head and self._in_head and not self.transport.is_closing():
            # What arrives for a head that is not whole, in whatever the parser has kept it.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("")
                return
        idle = self._message_since is None and (self.cycle is None or self.cycle.response_complete)
        if idle and self.timeout_keep_alive_task is None:
            self._message_since = (
                self.loop.time()
            )  # uvicorn forgot it at the first byte, and no request has begun
            self._in_head = True

    def send_400_response(self, msg: str) -> None:
        too_large = self._head_bytes > HEAD_BYTES or (
            self.headers is not None and len(self.headers) > HEAD_FIELDS
        )
        refusal = (
            ProblemError(431, "head_too_large", "The request's address or headers are too large.")
            if too_large
            else ProblemError(400, "not_http", "This is no valid HTTP request.")
        )
        self._refused = True
        self._answers.write(_written(self._refuse(refusal), self.server_state.default_headers))
        self._answers.end()

    def cut_if_too_slow(self, now: float) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        limit = HEAD_SECONDS if self._in_head else BODY_SECONDS
        slow_writer = self._message_since is not None and now - self._message_since > limit
        slow_reader = self._unread_since is not None and now - self._unread_since > READER_SECONDS
        if slow_writer or slow_reader:
            self.transport.abort()


async def _answer_failed(cycle_ref: "weakref.ref[RequestResponseCycle]", refuse: Refuse) -> None:
    """Respond where the application has ended without a response."""
    cycle = cycle_ref()
    assert cycle is not None, "it waits for this"
    if isinstance(sys.exception(), asyncio.CancelledError):
        refusal = service_unavailable("This process ended before there was an answer. Try again.")
    else:
        refusal = ProblemError(500, "internal_error", "This is a fault of ours.")
    answer = refuse(refusal)
    headers = [*_head(answer), (b"connection", b"close")]
    await cycle.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await cycle.send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _head(answer: Response) -> list[tuple[bytes, bytes]]:
    headers = [("content-type", answer.media_type), ("content-length", str(len(answer.body)))]
    return [(name.encode(), value.encode("latin-1")) for name, value in [*headers, *answer.headers]]


def _written(answer: Response, added: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a response on a connection that closes without a request to answer."""
    lines = [b"HTTP/1.1 %d %s" % (answer.status, HTTPStatus(answer.status).phrase.encode())]
    lines += [b"%s: %s" % pair for pair in (*added, *_head(answer))]
    return b"\r\n".join([*lines, b"connection: close", b"", b""]) + answer.body


class _Server(uvicorn.Server):
    """The server. Signals end it without being raised again, since other resources are closed after it."""

    def __init__(self, config: uvicorn.Config, on_stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stopping = on_stopping
        self._draining = False
        self.answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def drain(self, seconds: float, on_draining: Callable[[], None]) -> None:
        """Serve for `seconds` more, then stop. The second call stops at once."""
        if self._draining or seconds <= 0:
            self.stop()
            return
        self._draining = True
        on_draining()
        asyncio.get_running_loop().call_later(seconds, self._drained)

    def _drained(self) -> None:
        self.should_exit = True

    def stop(self) -> None:
        """Stop. The second call does not wait for running requests."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._on_stopping()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `PortTaken`."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PortTaken(
            f"Can't listen on {host} port {port}: {reason}. "
            "Stop what is listening there, or choose another with --host and --port."
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    return listener


async def serve(
    app: App,
    listener: socket.socket,
    *,
    shutdown_seconds: float,
    on_ready: Callable[[], None],
    on_stopping: Callable[[], None],
    drain_seconds: float = 0,
    on_draining: Callable[[], None] = lambda: None,
    refuse: Refuse = problem,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Then refuse new connections, call `on_stopping` and let running requests end.

    `drain_seconds` pass between SIGTERM and that, beginning with `on_draining`: upstream proxies learn
    meanwhile that this process will end. A second signal cuts the drain short. `on_ready` is called once
    connections are accepted. Requests that run longer than `shutdown_seconds` are cancelled.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = _Config(
        cast(Any, app),
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(shutdown_seconds)),
    )
    config.refuse = refuse
    server = _Server(config, on_stopping)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.drain, drain_seconds, on_draining)
    loop.add_signal_handler(signal.SIGINT, server.stop)
    watch = asyncio.create_task(_watch(server, on_ready))
    try:
        # uvloop accepts one connection per listening socket in each turn of the loop. While turns are long,
        # open connections would keep new ones waiting.
        more = [listener.dup() for _ in range(_ACCEPTED_AT_ONCE - 1)]
        await server.serve(sockets=[listener, *more])
        if server.server_state.tasks:  # those that have just been cancelled
            await asyncio.wait(server.server_state.tasks, timeout=1)
    finally:
        watch.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _watch(server: _Server, on_ready: Callable[[], None]) -> None:
    await server.answering.wait()
    on_ready()
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = loop.time()
        for connection in list(server.server_state.connections):
            if isinstance(connection, _Protocol):
                connection.cut_if_too_slow(now)
