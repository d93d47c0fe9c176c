"""A reverse proxy to the instances of a service that runs in other processes, as an ASGI application.

Bodies are streamed both ways: a message of an event stream is passed on at once, and a slow reader slows the
sender down. A client that disconnects ends its request at the service.

    connection refused            goes to another instance, whatever the method
    broken, and safe to repeat    goes to another instance while nothing was passed on: GET, HEAD, or with an
                                  Idempotency-Key
    broken otherwise              `AbortConnection`: whether it was done is unknown, and no status code
    would be true
    silent for too long           `AbortConnection`, or `Unavailable` where it is safe to repeat
    no instance takes requests    `Unavailable` at once, but for the trial of an instance that was silent
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from houseful.adapters.http.forwarding import (
    Client,
    ClientDisconnected,
    answered_headers,
    sent_headers,
    target,
)
from houseful.adapters.http.upstreams import Instance, Upstream
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.webapi import http_spans
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import AbortConnection

log = get_logger(__name__)

WHOLE_BYTES = 1024 * 1024
"""A response of a known length up to this is forwarded in one piece, so that the gateway can compress it."""

_ATTEMPTS = 3
_CONNECT_SECONDS = 3.0  # a first packet that was lost is sent again after one
_PROBE_ANSWER_SECONDS = 1.0
_IDLE_SECONDS = 15.0  # less than a service keeps an idle connection, so that it is not closed under a request
_HEAD_BYTES = 32 * 1024
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # those that aiohttp would make up
_REPEATABLE = frozenset({"GET", "HEAD"})


class _NotSent(Exception):
    """Nothing of the request has left this process."""


class _Broken(Exception):
    """The connection ended before the response did."""


class _Slow(Exception):
    """No response in time."""


class _ClientResponse:
    """The part of the response that was sent to the client."""

    def __init__(self, client: Client, send: Send) -> None:
        self.begun = False
        self._client = client
        self._send = send

    async def begin(self, response: aiohttp.ClientResponse) -> None:
        self.begun = True
        headers = answered_headers(response.raw_headers)
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def part(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        self._client.answered = True
        await self._send({"type": "http.response.body", "body": body})


class ServiceProxy:
    """The service `name` at `urls`, one URL for each instance. For one event loop; `close` when done.

    `answer_seconds` limits the silence of a service before its response begins, and within a response that is
    not a stream.
    """

    def __init__(self, name: str, urls: Sequence[str], *, clock: Clock, answer_seconds: float = 30.0) -> None:
        self._name = name
        self._answer_seconds = answer_seconds
        self._upstream = Upstream(name, urls, clock)
        self._session: aiohttp.ClientSession | None = None
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start probing the instances. The first request does it too."""
        if self._session is None:
            self._session = _session()
            self._watching = asyncio.create_task(self._upstream.watch(self._probe))

    async def ready(self) -> None:
        """Raises `Unavailable` where no instance takes requests."""
        self._upstream.check()

    async def close(self) -> None:
        """Abort running requests."""
        if self._session is not None and self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            await self._session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request.

        Raises `Unavailable` where nothing was done or a repeat is safe, and `AbortConnection` where the
        client must not get a response, or not the rest of one.
        """
        self.start()
        client = Client(scope, receive)
        try:
            if not await self._relay(scope, client, _ClientResponse(client, send)):
                raise Unavailable(f"no instance of the {self._name} service answers")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not client.gone or task is None:
                raise
            task.uncancel()
        except ClientDisconnected:
            return
        finally:
            client.leave()

    async def _relay(self, scope: Scope, client: Client, answer: _ClientResponse) -> bool:
        """Returns whether a response was forwarded. Otherwise nothing was done, or a repeat is safe."""
        keyed = any(name == b"idempotency-key" for name, _ in scope["headers"])
        repeatable = keyed or scope["method"] in _REPEATABLE
        not_there: set[Instance] = set()
        broken: set[Instance] = set()
        for attempt in range(_ATTEMPTS):
            instance = self._upstream.choose(never=not_there, rather_not=broken, may_try=repeatable)
            if instance is None:
                break
            try:
                with (
                    instance.request(),
                    http_spans.client_span(scope, self._name, instance.url, attempt) as span,
                ):
                    status = await self._try(instance, scope, client, answer, blame=instance not in broken)
                    if span is not None:
                        http_spans.describe(span, scope, status=status, route=None)
                return True
            except _NotSent:
                not_there.add(instance)
            except (_Broken, _Slow) as error:
                if client.gone:
                    raise ClientDisconnected from error
                if answer.begun or not repeatable:
                    raise AbortConnection from error
                if isinstance(error, _Slow):
                    break  # it may be busy with it; asking again would make it busier
                if not client.can_repeat:
                    raise AbortConnection from error
                broken.add(instance)
        return False

    async def _try(
        self, instance: Instance, scope: Scope, client: Client, answer: _ClientResponse, *, blame: bool
    ) -> int:
        """Return the status of the response, which was passed on. With `blame` a failure counts against the
        instance.

        A request blames an instance once: a request that breaks every connection must not open the circuit
        for the others.
        """
        response = await self._send_request(instance, scope, client, blame=blame)
        instance.answered()
        answers, whole = instance.answers, False
        try:
            await self._forward(scope["method"], response, answer)
            whole = client.complete
            return response.status
        except (aiohttp.ClientError, OSError) as error:
            self._failed(instance, client, answers, error, blame=blame)
            raise _Broken from error
        finally:
            if whole:
                response.release()
            else:
                response.close()  # the service would go on sending, or waiting for the rest of the request

    async def _send_request(
        self, instance: Instance, scope: Scope, client: Client, *, blame: bool
    ) -> aiohttp.ClientResponse:
        assert self._session is not None
        body = await client.body()
        answers = instance.answers
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._session.request(
                    scope["method"],
                    URL(instance.url + target(scope), encoded=True),
                    data=body,
                    headers=sent_headers(scope),
                    allow_redirects=False,
                )
        except aiohttp.ClientConnectorError as error:
            instance.failed(str(error), is_gone=True)
            raise _NotSent from error
        except aiohttp.ConnectionTimeoutError as error:
            if instance.answers == answers:  # else it is there, and many come at one instant
                instance.failed(str(error))
            raise _NotSent from error
        except TimeoutError as error:
            self._failed(instance, client, answers, error, blame=blame)
            raise _Slow from error
        except (aiohttp.ClientError, OSError) as error:
            self._failed(instance, client, answers, error, blame=blame)
            raise _Broken from error

    def _failed(
        self, instance: Instance, client: Client, answers: int, error: Exception, *, blame: bool
    ) -> None:
        """Count a failure against the instance, unless the client disconnected, the client did not send its
        whole body, or the instance has answered other requests since (their count was `answers`): requests
        that break connections must not open the circuit for the others.
        """
        if client.gone:
            return
        reason = str(error) or type(error).__name__
        log.warning(
            "a service did not answer to the end",
            extra={"service": self._name, "instance": instance.url, "error": reason},
        )
        if blame and client.complete and instance.answers == answers:
            instance.failed(reason)

    async def _forward(self, method: str, response: aiohttp.ClientResponse, answer: _ClientResponse) -> None:
        length = response.content_length
        if method == "HEAD" or response.status in (204, 304):
            await answer.begin(response)
            await answer.end()
        elif length is not None and length <= WHOLE_BYTES:
            try:
                async with asyncio.timeout(self._answer_seconds):
                    body = await response.read()
            except TimeoutError as error:
                raise aiohttp.ClientPayloadError("the answer stopped in the middle") from error
            await answer.begin(response)
            await answer.end(body)
        else:
            await answer.begin(response)
            async for part in response.content.iter_any():
                await answer.part(part)
            await answer.end()

    async def _probe(self, url: str) -> str | None:
        assert self._session is not None
        try:
            async with asyncio.timeout(_PROBE_ANSWER_SECONDS), self._session.get(url) as response:
                return (
                    None if response.status == 200 else _problem_code(response.status, await response.read())
                )
        except aiohttp.ClientConnectorError as error:
            raise ConnectionRefusedError(str(error)) from error
        except aiohttp.ClientError as error:
            raise OSError(str(error) or type(error).__name__) from error


class _Problem(msgspec.Struct):
    code: str = ""


def _problem_code(status: int, body: bytes) -> str:
    """The code of a problem document, else the status."""
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(body, type=_Problem).code or str(status)
    return str(status)


def _session() -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, socket_factory=_socket),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_OWN_HEADERS,
        max_line_size=_HEAD_BYTES,
        max_field_size=_HEAD_BYTES,
    )
    # aiohttp repeats PUT and DELETE by itself, on the same instance. What is repeated is decided above.
    session._retry_connection = False
    return session


def _socket(address: Any) -> socket.socket:
    """A socket with keep-alive probes: the death of the other machine ends an idle event stream too."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
