"""What a handler's signature says of its endpoint, and what is refused when its module is imported."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from houseful.kernel.ports import Transaction
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, NoQuery, Request
from houseful.webapi.responses import EVENT_STREAM, Page, Response, Stream, View
from houseful.webapi.signatures import EndpointError


class Wish(Input, frozen=True, kw_only=True):
    seats: list[str] = []


class Sorted(Input, frozen=True, kw_only=True):
    by: str = "name"


class Thing(View, frozen=True, kw_only=True):
    id: str


class Service:
    """Whatever does the work."""


async def make(
    service: Service, request: Request, shop_id: str, body: Wish, query: Sorted, context: IdempotencyContext
) -> Thing:
    """Make a thing."""
    return Thing(id=shop_id)


async def raw(service: Service, body: Annotated[bytes, Wish]) -> Annotated[Response, Page[Thing]]:
    """Bytes to bytes."""
    return Response(body)


async def watch(service: Service) -> Annotated[Stream, Thing]:
    """A stream of things."""
    raise NotImplementedError


async def remove(service: Service, thing_id: str) -> None:
    """Nothing is left."""


async def maybe(service: Service, context: IdempotencyContext | None) -> Thing:
    """Once, where a key says so."""
    return Thing(id="1")


def row(handle: Callable[..., Any], path: str = "/api/things", **declared: Any) -> Endpoint:
    return Endpoint("POST", path, handle, **declared)


def test_types_come_from_the_signature() -> None:
    made = row(make, "/api/shops/{shop_id}/things", who=USER, idempotent=True, status=201)
    signature = made.signature
    assert (signature.body, signature.raw, signature.query, signature.answer) == (Wish, False, Sorted, Thing)
    assert signature.named == {"request", "body", "query", "context"}
    assert (made.status, made.summary) == (201, "Make a thing.")
    bytes_ = row(raw).signature
    assert (bytes_.body, bytes_.raw, bytes_.query, bytes_.answer) == (Wish, True, NoQuery, Page[Thing])
    assert row(watch, media_type=EVENT_STREAM).signature.answer is Thing
    removed = row(remove, "/api/things/{thing_id}")
    assert (removed.status, removed.signature.answer) == (204, None)
    assert row(maybe, who=ORGANIZER, repeatable=True).signature.context == IdempotencyContext | None


def test_a_prepared_body_is_documented_as_it_is_sent() -> None:
    class Ready(msgspec.Struct):
        count: int

    def prepared(wish: Wish) -> Ready:
        return Ready(len(wish.seats))

    async def handle(service: Service, body: Ready) -> Thing:
        return Thing(id=str(body.count))

    handle.__annotations__["body"] = prepared.__annotations__["return"] = Ready
    assert row(handle, prepare=prepared).signature.body is Wish
    with pytest.raises(EndpointError, match=r"takes a body of the type Wish, and .*prepared makes Ready"):
        row(make, "/api/shops/{shop_id}/things", who=USER, idempotent=True, prepare=prepared)


async def no_type(service: Service, thing_id) -> Thing:  # type: ignore[no-untyped-def]
    return Thing(id="1")


async def unknown(service: Service) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
    return None


async def no_schema(service: Service) -> dict[str, str]:
    return {}


async def no_struct(service: Service, body: dict[str, str]) -> Thing:
    return Thing(id="1")


async def no_input(service: Service, query: Thing) -> Thing:
    return query


async def number(service: Service, thing_id: int) -> Thing:
    return Thing(id="1")


def blocks(service: Service) -> Thing:
    return Thing(id="1")


@pytest.mark.parametrize(
    ("handle", "path", "declared", "said"),
    [
        (remove, "/api/things", {}, "takes thing_id, which is not in the path"),
        (remove, "/api/things/{id}", {}, "does not take {id} of the path"),
        (number, "/api/things/{thing_id}", {}, "takes thing_id as int; a part of the path is a str"),
        (no_type, "/api/things/{thing_id}", {}, "says no type of thing_id"),
        (unknown, "/api/things", {}, "has an annotation that is no type: name 'Nowhere' is not defined"),
        (no_schema, "/api/things", {}, "returns dict[str, str], which has no schema"),
        (no_struct, "/api/things", {}, "takes a body of the type dict[str, str], which has no schema"),
        (no_input, "/api/things", {}, "takes a query of the type Thing, which is no Input"),
        (blocks, "/api/things", {}, "is no async function"),
        (watch, "/api/things", {}, "returns a stream; the endpoint has to say its media_type"),
        (remove, "/api/{thing_id}", {"who": USER, "idempotent": True}, "has to take `context: Idempotency"),
        (maybe, "/api/things", {"who": USER, "idempotent": True}, "has to take `context: Idempotency"),
        (maybe, "/api/things", {}, "takes an idempotency context, and the endpoint is not declared"),
        (maybe, "/api/things", {"repeatable": True}, "an Idempotency-Key belongs to a user"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_name_of_the_handler(
    handle: Callable[..., Any], path: str, declared: dict[str, Any], said: str
) -> None:
    with pytest.raises(EndpointError) as refused:
        row(handle, path, **declared)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"POST {path}: {__name__}.{handle.__name__} ")


def test_get_has_no_body() -> None:
    with pytest.raises(EndpointError, match="takes a body, and GET has none"):
        Endpoint("GET", "/api/things", raw)


def test_a_replay_gives_the_same_answer() -> None:
    async def again(service: Service, tx: Transaction, context: IdempotencyContext) -> Thing | None:
        return None

    async def other(service: Service, tx: Transaction, context: IdempotencyContext) -> Wish | None:
        return None

    path = "/api/shops/{shop_id}/things"
    assert row(make, path, who=USER, idempotent=True, replay=again).replay is again
    with pytest.raises(EndpointError, match=r"returns Thing, and .*other replays .*Wish \| None"):
        row(make, path, who=USER, idempotent=True, replay=other)
    with pytest.raises(EndpointError, match="has a replay, and the endpoint is not declared idempotent"):
        row(maybe, who=USER, repeatable=True, replay=again)
