"""From an HTTP request to one call of a service and back.

A service declares its endpoints as data: method, path, body, answer, who may call. `dispatch.ServiceApp` is
the ASGI application made of them. What the body may be is its msgspec Struct, unknown fields refused; every
error leaves as a problem document.
"""

import asyncio
import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from houseful.kernel.errors import ProblemError, invalid
from houseful.kernel.pieces import Gathered, Pieces
from houseful.kernel.ports import Transaction
from houseful.kernel.telemetry import get_logger, request_id
from houseful.kernel.waiting import later
from houseful.webapi import validation
from houseful.webapi.auth import Identity, Role
from houseful.webapi.idempotency import IdempotencyContext

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = get_logger(__name__)

BODY_BYTES = 256 * 1024
PLAN_BYTES = 32 * 1024 * 1024
_BODY_SECONDS = 20.0
_DOES_NOT_FIT = "is not what is asked for here"

EVENT_STREAM = "text/event-stream"
PING_SECONDS = 15.0
"""An event stream that has said nothing for so long sends a `ping`: proxies leave it open, and a client whose
connection is dead notices that none comes."""

ANYONE: frozenset[Role] | None = None
USER: frozenset[Role] = frozenset(Role)
ORGANIZER = frozenset({Role.ORGANIZER, Role.ADMIN})
GATE = frozenset({Role.GATE, Role.ORGANIZER, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})

B = TypeVar("B")
T = TypeVar("T")


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a body or a query may hold; anything else is refused."""


class NoQuery(Input, frozen=True, kw_only=True):
    pass


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

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the chunks end or the client goes; either way the iterator is closed, so that it can clean
        up."""
        headers = [
            *_encoded_headers(self),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
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


class Request(Generic[B]):
    """One request, checked: the body is what the endpoint declared, and the caller has one of its roles."""

    __slots__ = ("body", "headers", "once", "path", "peer", "query", "raw", "who")

    def __init__(
        self,
        body: B,
        raw: bytes,
        query: Any,
        path: dict[str, str],
        headers: Mapping[str, str],
        who: Identity | None,
        peer: str,
        once: IdempotencyContext | None,
    ) -> None:
        self.body = body
        self.raw = raw
        self.query = query
        self.path = path
        self.headers = headers
        self.who = who
        self.peer = peer
        self.once = once

    @property
    def user(self) -> Identity:
        if self.who is None:
            raise not_authenticated()
        return self.who

    @property
    def use(self) -> IdempotencyContext:
        assert self.once is not None, "the endpoint is not declared idempotent"
        return self.once


@dataclass(frozen=True)
class Endpoint:
    """`handle(service, call)` returns a Struct, a `Response`, a `Stream`, or None for 204. Its docstring's
    first line is the summary.

    `who` is None for anyone (a token is looked at if there is one), else the roles of which the caller needs
    one. `raw` hands over the body unparsed, in `call.raw`. With `reads_token` False an access token is not
    even looked at: where one gets a token, an expired one must not be in the way.

    `prepare(body)` makes what the handler gets in the body's place. Of a large body it is made in another
    process, and only what it returns comes back: that is to be small.

    `idempotent` wants an `Idempotency-Key`; `repeatable` honours one that is sent.

    `again(service, call, transaction)` is for an idempotent endpoint whose answer can be told from what it
    made, and is not kept besides: the first answer, or None where nothing was made.
    """

    method: str
    path: str
    handle: Callable[[Any, Request[Any]], Awaitable[Any]]
    answer: Any = None
    body: Any = None
    query: type[Input] = NoQuery
    status: int = 200
    who: frozenset[Role] | None = ANYONE
    idempotent: bool = False
    repeatable: bool = False
    again: Callable[[Any, Request[Any], Transaction], Awaitable[Any]] | None = None
    raw: bool = False
    prepare: Callable[[Any], Any] | None = None
    body_bytes: int = BODY_BYTES
    media_type: str = "application/json"
    public: bool = True
    reads_token: bool = True

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handle) or self.handle.__name__).split("\n")[0]


def not_authenticated() -> ProblemError:
    return ProblemError(
        401,
        "not_authenticated",
        "Sign in first: this needs an access token.",
        headers={"www-authenticate": "Bearer"},
    )


def problem(refusal: ProblemError) -> Response:
    document: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.code.replace("_", " ").capitalize(),
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "request_id": request_id.get(),
    }
    if refusal.errors:
        document["errors"] = refusal.errors
    document |= refusal.extra
    return Response(
        msgspec.json.encode(document),
        refusal.status,
        "application/problem+json",
        [*refusal.headers.items(), ("cache-control", "no-store")],
    )


def service_unavailable(
    detail: str = "Something this needs does not answer just now. Nothing was lost; try again.",
) -> ProblemError:
    return ProblemError(503, "unavailable", detail, headers=later(1))


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """Raises `ProblemError`: 413 for too much, 408 for too slow, 400 where the caller went away in the
    middle."""
    _check_length(headers, limit)
    message = await _next_part(receive)
    if message.get("more_body"):
        return (await _gathered(message, receive, limit)).joined()
    body: bytes = message.get("body", b"")
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def read_pieces(receive: Receive, headers: Mapping[str, str], limit: int) -> Pieces:
    """As `read_body`, for what may be large."""
    _check_length(headers, limit)
    return await _gathered(await _next_part(receive), receive, limit)


def _check_length(headers: Mapping[str, str], limit: int) -> None:
    declared = headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)


async def _gathered(message: MutableMapping[str, Any], receive: Receive, limit: int) -> Pieces:
    """The rest of a body that begins with this message."""
    gathered = Gathered()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                gathered.add(message.get("body", b""))
                if gathered.size > limit:
                    raise _too_large(limit)
                if not message.get("more_body"):
                    return gathered.pieces()
                message = await _next_part(receive)
    except TimeoutError:
        raise ProblemError(
            408, "body_too_slow", f"The body did not arrive within {_BODY_SECONDS:.0f} s."
        ) from None


async def _next_part(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ProblemError(400, "body_incomplete", "The connection ended before the body did.")
    return message


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413, "body_too_large", f"The body is larger than {limit // 1024} kB.", headers={"connection": "close"}
    )


def decode(kind: Any, raw: bytes) -> Any:
    """Raises `ProblemError`: 400 for what is no JSON, 422 by field for what does not fit."""
    try:
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError as error:  # the rest is unread, and may be no JSON
            raise invalid(validation.of_body(kind, raw) or {"body": _DOES_NOT_FIT}) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, "not_json", f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise ProblemError(400, "too_deep", "The body is nested too deeply.") from error


def read(kind: Any, prepare: Callable[[Any], Any] | None, raw: bytes) -> Any:
    """What an endpoint's handler gets of a body. Raises as `decode`."""
    body = decode(kind, raw)
    return body if prepare is None else prepare(body)


def headers_of(scope: Scope) -> dict[str, str]:
    """Lower-case names, as ASGI has them; of several with one name the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


WITHIN = "local"
"""The peer of a call from a service of this installation."""


def peer(scope: Scope) -> str:
    """The caller's network address."""
    client = scope.get("client")
    return client[0] if client else WITHIN


def server_sent(event: str, data: str | bytes, id: str | None = None) -> bytes:
    """One message of an event stream; `data` has no line breaks."""
    text = data.decode() if isinstance(data, bytes) else data
    return ((f"id: {id}\n" if id is not None else "") + f"event: {event}\ndata: {text}\n\n").encode()


_PING = server_sent("ping", "{}")
