"""A gateway in front of services made up for the test."""

import asyncio
import base64
import inspect
import json
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.gateway import AccessLog, Gateway, ManagementEndpoints, Routing, WebApp
from houseful.kernel.clock import ManualClock
from houseful.kernel.ids import SeededIds
from houseful.settings import Settings
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.auth import AUDIENCE, ISSUER, TOKEN_TYPE, TokenVerifier
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.line_passes import LinePasses
from houseful.webapi.responses import EVENT_STREAM, Response, Stream
from houseful.webapi.routes import Rate, Route
from houseful.webapi.signatures import path_parameters
from tests.support.deployment import Reply

HERE: dict[str, Any] = {"client": ("127.0.0.1", 50_000), "headers": {"host": "127.0.0.1:8000"}}
"""Who calls from the gateway's own machine."""

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def endpoint(method: str, path: str, **declared: Any) -> Endpoint:
    """Only what the manifest says counts here; `Recorder` answers."""

    async def handle(service: Any, **parts: str) -> None:
        """Never called."""

    names = ["service", *path_parameters(path)]
    kinds = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    handle.__signature__ = inspect.Signature(kinds)  # type: ignore[attr-defined]
    streams = declared.get("media_type") == EVENT_STREAM
    handle.__annotations__ = dict.fromkeys(names, str) | {"return": Stream if streams else type(None)}
    return Endpoint(method, path, handle, **declared)


def routes(endpoints: Sequence[Endpoint]) -> tuple[Route, ...]:
    return tuple(one.route for one in endpoints)


class Recorder:
    """A service that answers what it is told to, and keeps what it got."""

    def __init__(self, answer: Response | None = None) -> None:
        self.answer = answer or Response(b'{"from": "service"}')
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await self.answer.send(scope, receive, send)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.scopes[-1]["headers"]}


class Harness:
    """`clock` moves by hand; `token(…)` signs what `verifier` believes."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ids = SeededIds(1, self.clock)
        self.coordination = LocalCoordination(self.clock)
        self.recorder = Recorder()
        self.keys_asked = 0

    def token(self, user_id: str = "usr_1", *, lifetime_seconds: int = 600, **changes: Any) -> str:
        now = self.clock.now() // 1000
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "sid": "ses_1", "iat": now,
            "exp": now + lifetime_seconds, "roles": ["buyer"],
        }  # fmt: skip
        return jwt.encode(claims | changes, KEY, algorithm="EdDSA", headers={"kid": "k1", "typ": TOKEN_TYPE})

    def gateway(
        self,
        *endpoints: Endpoint,
        app: App | None = None,
        web_app: WebApp | None = None,
        access_log: AccessLog | None = None,
        checks: dict[str, Any] | None = None,
        watched: dict[str, Any] | None = None,
        metrics_token: str = "",
        key: str = "",
        passes: LinePasses | None = None,
        **settings: Any,
    ) -> "Front":
        offered: Sequence[Endpoint] = endpoints or (
            endpoint("GET", "/api/things/{thing_id}"),
            endpoint("POST", "/api/things"),
            endpoint("GET", "/api/things/{thing_id}/stream", media_type="text/event-stream"),
            endpoint("POST", "/api/internal", public=False),
            endpoint("POST", "/api/events/{event_id}/holds", rate=Rate(5, 20)),
        )
        self.routing = Routing(
            {"things": (app or self.recorder, routes(offered)), "keys": (self._keys, routes(_KEYS))}
        )
        gateway = Gateway(
            self.routing,
            settings=Settings(**({"rate_limits": "off"} | settings)),
            key=key,
            metrics_token=metrics_token,
            verifier=TokenVerifier(AsgiClient(self._keys), self.clock),
            passes=passes or LinePasses(AsgiClient(self._keys), self.clock),
            coordination=self.coordination,
            clock=self.clock,
            ids=self.ids,
            management=ManagementEndpoints([("things", offered)], checks or {}, watched),
            web_app=web_app or WebApp(None, InlineWorkers()),
            access_log=access_log,
        )
        return Front(gateway)

    async def _keys(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.keys_asked += 1
        x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
        keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]}
        await Response(json.dumps(keys).encode()).send(scope, receive, send)


_KEYS = (endpoint("GET", "/.well-known/jwks.json"),)


class Front:
    """Calls a gateway as a client at some address would."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        client: tuple[str, int] | None = ("192.0.2.1", 50_000),
        extensions: dict[str, Any] | None = None,
        body: bytes = b"",
    ) -> Reply:
        sent: list[dict[str, Any]] = []
        scope = scope_of(method, path, headers, client, extensions)
        parts: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await self.gateway(scope, receive, send)
        if not sent:
            return Reply(0, {}, b"")
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]))


def scope_of(
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    client: tuple[str, int] | None = ("192.0.2.1", 50_000),
    extensions: dict[str, Any] | None = None,
) -> dict[str, Any]:
    target, _, query = path.partition("?")
    pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return {
        "type": "http", "method": method, "path": target, "query_string": query.encode(), "headers": pairs,
        "client": client, "extensions": extensions or {},
    }  # fmt: skip


class StreamingService:
    """Sends one message, then keeps the stream open; `cancelled` when it was told to end."""

    def __init__(self, *, ends_itself: bool = False) -> None:
        self.open = asyncio.Event()
        self.cancelled = False
        self.ends_itself = ends_itself

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        self.open.set()
        if self.ends_itself:
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
