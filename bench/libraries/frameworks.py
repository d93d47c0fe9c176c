"""A request through the endpoints of the tickets service: our endpoint layer, Starlette and Litestar.

Each application has the routes of the tickets service. Each does the same for a request: verify the access
token (known already), read a JSON body into the same msgspec Struct, and answer with the JSON of another. The
applications are called without a server, so CPU is that of the endpoint layer and of a driver that all share.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, cast

import litestar
import msgspec
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.params import Parameter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.libraries.pairs import Work, alternate, told
from bench.server import Done
from houseful import tickets
from houseful.kernel.clock import SystemClock
from houseful.kernel.roles import Identity, Role
from houseful.webapi.asgi import App
from houseful.webapi.auth import TokenVerifier, bearer
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input

ROUNDS = 30
PIECES = 2_000
TOKEN = "a" * 300
POST_PATH = "/api/events/{event_id}/holds"
GET_PATH = "/api/orders/{order_id}"
OTHERS = [
    (one.method, one.path)
    for one in tickets.MANIFEST.endpoints
    if (one.method, one.path) not in (("POST", POST_PATH), ("GET", GET_PATH))
]
"""They are there to be passed by."""


class Seats(Input, frozen=True, kw_only=True):
    seats: list[str]


class Page(Input, frozen=True, kw_only=True):
    limit: int = 20


async def hold(_service: Any, event_id: str, body: Seats) -> Done:
    """Hold seats."""
    return Done(done=bool(body.seats and event_id))


async def order(_service: Any, order_id: str, query: Page) -> Done:
    """Get an order."""
    return Done(done=bool(order_id and query.limit))


def main() -> None:
    asyncio.run(_measure())


async def _measure() -> None:
    verifier = TokenVerifier(cast(Any, None), SystemClock())
    verifier._verified[TOKEN] = Identity("usr_1", "ses_1", frozenset({Role.BUYER}), 2**53)
    apps = {
        "our endpoints": _ours(verifier),
        "Starlette": _starlette(verifier),
        "Litestar": _litestar(verifier),
        "no framework": _nothing,
    }
    requests = {
        "POST with a body": _scope(
            "POST", "/api/events/evt_01a22434949270/holds", b'{"seats":["A-1","A-2"]}'
        ),
        "GET with a query": _scope("GET", "/api/orders/ord_01a22434950b70?limit=50", b""),
    }
    for what, (scope, body) in requests.items():
        for name, app in apps.items():
            status, answer = await _call(app, scope, body)
            assert (status, answer) == (200, b'{"done":true}'), f"{name}: {status} {answer!r}"
        works: dict[str, Work] = {name: partial(_many, app, scope, body) for name, app in apps.items()}
        found = await alternate(works, rounds=ROUNDS, pieces=PIECES)
        print(told(what, found), flush=True)


def _scope(method: str, target: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    path, _, query = target.partition("?")
    headers = [
        (b"host", b"localhost"),
        (b"authorization", b"Bearer " + TOKEN.encode()),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", b"req_01a22434950b70"),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    return scope, body


async def _many(app: App, scope: dict[str, Any], body: bytes) -> None:
    for _ in range(PIECES):
        await _call(app, scope, body)


async def _call(app: App, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(dict(scope), receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


async def _nothing(
    _scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"done":true}'})


def _ours(verifier: TokenVerifier) -> App:
    measured = {
        ("POST", POST_PATH): Endpoint("POST", POST_PATH, hold, who=USER),
        ("GET", GET_PATH): Endpoint("GET", GET_PATH, order, who=USER),
    }
    endpoints = [measured.get((one.method, one.path), one) for one in tickets.MANIFEST.endpoints]
    assert all(one in endpoints for one in measured.values())
    nobody = cast(Any, None)
    return ServiceApp(
        "tickets", nobody, endpoints,
        store=nobody, coordination=nobody, clock=SystemClock(), verifier=verifier, workers=nobody,
    )  # fmt: skip


def _starlette(verifier: TokenVerifier) -> App:
    async def make_hold(request: Request) -> Response:
        await _verified(verifier, request.headers.get("authorization"))
        body = msgspec.json.decode(await request.body(), type=Seats)
        done = await hold(None, request.path_params["event_id"], body)
        return Response(msgspec.json.encode(done), media_type="application/json")

    async def show_order(request: Request) -> Response:
        await _verified(verifier, request.headers.get("authorization"))
        query = msgspec.convert(dict(request.query_params), Page, strict=False)
        done = await order(None, request.path_params["order_id"], query)
        return Response(msgspec.json.encode(done), media_type="application/json")

    async def other(_request: Request) -> Response:
        return Response(status_code=204)

    routes: Sequence[Route] = [Route(path, other, methods=[method]) for method, path in OTHERS]
    measured = [
        Route(POST_PATH, make_hold, methods=["POST"]), Route(GET_PATH, show_order, methods=["GET"]),
    ]  # fmt: skip
    return cast(App, Starlette(routes=[*measured, *routes]))


async def _verified(verifier: TokenVerifier, authorization: str | None) -> Identity:
    token = bearer(authorization)
    assert token is not None
    return await verifier.identity(token)


def _litestar(verifier: TokenVerifier) -> App:
    class Authentication(AbstractAuthenticationMiddleware):  # type: ignore[misc]
        async def authenticate_request(self, connection: "ASGIConnection[Any, Any, Any, Any]") -> Any:
            who = await _verified(verifier, connection.headers.get("authorization"))
            return AuthenticationResult(user=who, auth=None)

    @litestar.post("/api/events/{event_id:str}/holds", status_code=200)  # type: ignore[untyped-decorator]
    async def make_hold(event_id: str, data: Seats) -> Done:
        return await hold(None, event_id, data)

    @litestar.get("/api/orders/{order_id:str}")  # type: ignore[untyped-decorator]
    async def show_order(order_id: str, limit: int = Parameter(default=20)) -> Done:
        return await order(None, order_id, Page(limit=limit))

    async def other() -> None:
        return None

    made = [
        litestar.route(path.replace("}", ":str}"), http_method=[cast(Any, method)], status_code=204)(other)
        for method, path in OTHERS
    ]
    app = litestar.Litestar(
        [make_hold, show_order, *made],
        middleware=[Authentication],
        openapi_config=None,
        logging_config=None,
    )
    return cast(App, app)
