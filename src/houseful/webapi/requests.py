"""A request as a handler sees it, and how its body is read."""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from houseful.kernel.errors import invalid
from houseful.kernel.pieces import Gathered, Pieces
from houseful.kernel.roles import Identity
from houseful.webapi import validation
from houseful.webapi.asgi import Receive
from houseful.webapi.problems import ProblemError, not_authenticated

_BODY_SECONDS = 20.0
_DOES_NOT_FIT = "is not what is asked for here"


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a body or a query may hold; anything else is refused."""


class NoQuery(Input, frozen=True, kw_only=True):
    pass


class Request:
    """Who asks, from where and with which headers; the client has one of the endpoint's roles. `raw` is the
    body as it came, but for a large one."""

    __slots__ = ("headers", "peer", "raw", "who")

    def __init__(self, headers: Mapping[str, str], who: Identity | None, peer: str, raw: bytes) -> None:
        self.headers = headers
        self.who = who
        self.peer = peer
        self.raw = raw

    @property
    def user(self) -> Identity:
        if self.who is None:
            raise not_authenticated()
        return self.who


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
