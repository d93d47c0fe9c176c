"""What a handler's signature says of its endpoint, read once, when the handler's module is imported.

    async def hold(
        tickets: Tickets, request: Request, event_id: str, body: HoldInput, context: IdempotencyContext
    ) -> HoldView

The first parameter is the service. `request`, `body`, `query` and `context` are what their names say. Every
other parameter is one of the path, and text. The return type is the answer; None is 204.

    body: Annotated[bytes, Webhook]        the bytes as they came; what they have to hold is documented
    -> Annotated[Response, Page[SeatView]]   bytes made earlier, which are such a document
    -> Annotated[Stream, OrderView]          an event stream, whose messages are such documents
    -> Response, -> Stream                   bytes that are no JSON
"""

import inspect
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, NoQuery, Request
from houseful.webapi.responses import Response, Stream

_NAMED = frozenset({"request", "body", "query", "context"})


class EndpointError(TypeError):
    """An endpoint and its handler do not fit together."""


class Signature(NamedTuple):
    """`body` and `answer` are types with a schema, or None; `named` are the parameters that are not of the
    path. Of a `raw` body the handler gets the bytes.
    """

    body: Any
    raw: bool
    answer: Any
    query: type[Input]
    named: frozenset[str]
    context: Any
    returns_nothing: bool
    streams: bool


def read_signature(
    handle: Callable[..., Any], path: str, *, prepare: Callable[[Any], Any] | None = None
) -> Signature:
    """Raises `EndpointError` for what does not fit to the path or is no type of an endpoint."""
    if not inspect.iscoroutinefunction(handle):
        raise EndpointError("is no async function")
    hints = _hints(handle)
    names = list(inspect.signature(handle).parameters)
    if not names:
        raise EndpointError("takes no service")
    for name in [*names[1:], "return"]:
        if name not in hints:
            raise EndpointError(f"says no type of {name}")
    given = names[1:]
    _check_path(path, [name for name in given if name not in _NAMED], hints)
    if "request" in given and hints["request"] is not Request:
        raise EndpointError(f"takes a request of the type {_shown(hints['request'])}; it is a Request")
    query = hints["query"] if "query" in given else NoQuery
    if not (isinstance(query, type) and issubclass(query, Input)):
        raise EndpointError(f"takes a query of the type {_shown(query)}, which is no Input")
    body, raw = _body(hints["body"], prepare) if "body" in given else (None, False)
    if prepare is not None and body is None:
        raise EndpointError("takes no body that could be prepared")
    answer = hints["return"]
    return Signature(
        body=body,
        raw=raw,
        answer=_answer(answer),
        query=query,
        named=_NAMED.intersection(given),
        context=hints.get("context"),
        returns_nothing=answer is NoneType,
        streams=answer is Stream or (get_origin(answer) is Annotated and get_args(answer)[0] is Stream),
    )


def check_context(signature: Signature, *, idempotent: bool, repeatable: bool) -> None:
    """Raises `EndpointError` where the handler of an idempotent endpoint does not take what it has to store
    its outcome with, or another handler does.
    """
    if idempotent and repeatable:
        raise EndpointError("is declared both idempotent and repeatable")
    if not (idempotent or repeatable):
        if "context" in signature.named:
            raise EndpointError("takes an idempotency context, and the endpoint is not declared idempotent")
        return
    wanted = IdempotencyContext if idempotent else IdempotencyContext | None
    if signature.context != wanted:
        declared = "idempotent" if idempotent else "repeatable"
        raise EndpointError(f"has to take `context: {_shown(wanted)}`: the endpoint is declared {declared}")
    if signature.answer is None or signature.streams:
        raise EndpointError("has to return a document, since it is stored for a repetition")


def check_replay(signature: Signature, replay: Callable[..., Any]) -> None:
    """Raises `EndpointError` where `replay` gives anything but the handler's answer or None."""
    given = _hints(replay).get("return")
    if given != signature.answer | None:
        raise EndpointError(
            f"returns {_shown(signature.answer)}, and {replay.__qualname__} replays {_shown(given)}"
        )


def path_parameters(path: str) -> list[str]:
    return [segment[1 : segment.index("}")] for segment in path.split("/") if segment.startswith("{")]


def _hints(handle: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(handle, include_extras=True)
    except (NameError, TypeError) as error:
        raise EndpointError(f"has an annotation that is no type: {error}") from error


def _check_path(path: str, taken: Sequence[str], hints: dict[str, Any]) -> None:
    parts = path_parameters(path)
    for name in parts:
        if name not in taken:
            raise EndpointError(f"does not take {{{name}}} of the path")
    for name in taken:
        if name not in parts:
            raise EndpointError(f"takes {name}, which is not in the path")
        if hints[name] is not str:
            raise EndpointError(f"takes {name} as {_shown(hints[name])}; a part of the path is a str")


def _body(hint: Any, prepare: Callable[[Any], Any] | None) -> tuple[Any, bool]:
    """The type that has the schema, and whether the handler gets the bytes."""
    if prepare is not None:
        hints = _hints(prepare)
        made, kinds = hints.pop("return", None), list(hints.values())
        if made != hint:
            raise EndpointError(
                f"takes a body of the type {_shown(hint)}, and {prepare.__qualname__} makes {_shown(made)}"
            )
        hint = kinds[0] if kinds else None
    elif get_origin(hint) is Annotated and get_args(hint)[0] is bytes:
        kind = get_args(hint)[1]
        if not _has_schema(kind):
            raise EndpointError(f"takes a body of {_shown(kind)}, which has no schema")
        return kind, True
    if not _has_schema(hint):
        raise EndpointError(f"takes a body of the type {_shown(hint)}, which has no schema")
    return hint, False


def _answer(hint: Any) -> Any:
    if hint in (NoneType, Response, Stream):
        return None
    kind = hint
    if get_origin(hint) is Annotated and get_args(hint)[0] in (Response, Stream):
        kind = get_args(hint)[1]
    if not _has_schema(kind):
        raise EndpointError(f"returns {_shown(kind)}, which has no schema")
    return kind


def _has_schema(kind: Any) -> bool:
    plain = get_origin(kind) or kind
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _shown(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else str(kind)
