"""The single entry point, in one pass over each request.

    request id, trace → strip identity headers → find the route → shed load → verify the token
    → limit the account's rate → call the service → add response headers → metrics, access log

A service is an ASGI application with a name. It may run in this process or be a proxy to another: the gateway
does not know.
"""

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

from houseful.gateway.access_log import AccessLog
from houseful.gateway.event_streams import Streams
from houseful.gateway.headers import (
    CLOSE,
    KEY_HEADER,
    is_asked_directly,
    names_somebody,
    says_proxy,
    security_headers,
)
from houseful.gateway.load_shedding import Load
from houseful.gateway.management import ManagementEndpoints, PageRequest
from houseful.gateway.pacing import RequestPacer
from houseful.gateway.rate_limits import Limits
from houseful.gateway.response_middleware import ResponseMiddleware, abort
from houseful.gateway.routing import SERVICE_PREFIXES, Routing, Target
from houseful.gateway.web_app import WebApp
from houseful.kernel.errors import DomainError, Transient
from houseful.kernel.network_addresses import forwarded, is_this_machine, network
from houseful.kernel.ports import Clock, Coordination, Ids
from houseful.kernel.telemetry import REFUSALS, REQUEST_SECONDS, get_logger, request_id
from houseful.kernel.tracing import NO_SPAN, adopt, is_traceparent
from houseful.settings import Settings
from houseful.webapi import http_spans
from houseful.webapi.asgi import IDENTITY, Receive, Scope, Send, header
from houseful.webapi.auth import TokenVerifier, bearer
from houseful.webapi.cached_bodies import GZIP, takes
from houseful.webapi.delayed_responses import DelayedResponses
from houseful.webapi.line_passes import HEADER, LinePasses
from houseful.webapi.problems import ProblemError, problem, service_unavailable
from houseful.webapi.responses import AbortConnection, Response
from houseful.webapi.routes import Route

log = get_logger(__name__)

_FOR_OPERATORS = frozenset({"/healthz", "/readyz", "/metrics"})
_PAGES_PER_SECOND = 20
_MOST_WAITING = 50
"""Of one address."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


Page = Callable[[PageRequest], Awaitable[Response]]


class _Head(NamedTuple):
    """The request headers that the gateway itself reads."""

    authorization: str | None
    traceparent: str | None
    accept_encoding: str | None
    if_none_match: str | None
    forwarded_for: bytes | None
    proxied: bool
    key: bytes

    @property
    def gzip(self) -> bool:
        return self.accept_encoding is not None and takes(GZIP, self.accept_encoding)


class Gateway:
    """The ASGI application of a whole installation.

    A service in another process sends `key` with its calls, so that they are not limited as a client's.
    An operator's monitoring on another machine sends `metrics_token`. Without a key or a token nobody is
    recognized by it.
    """

    def __init__(
        self,
        routing: Routing,
        *,
        settings: Settings,
        key: str = "",
        metrics_token: str = "",
        verifier: TokenVerifier,
        passes: LinePasses,
        coordination: Coordination,
        clock: Clock,
        ids: Ids,
        management: ManagementEndpoints,
        web_app: WebApp,
        access_log: AccessLog | None,
    ) -> None:
        self._routing = routing
        self._verifier = verifier
        self._passes = passes
        self._ids = ids
        self._limits = Limits(coordination) if settings.rate_limits == "on" else None
        self._refusals = DelayedResponses(clock, burst=200, per_second=20, longest_seconds=2)
        self._reads = DelayedResponses(clock, burst=3000, per_second=300, longest_seconds=0.5)
        self._writes = 0
        self.load = Load()
        self._proxies = settings.proxies
        self._key = key.encode()
        self._metrics_token = metrics_token
        self._pacer = RequestPacer(per_second=_PAGES_PER_SECOND, most_waiting=_MOST_WAITING)
        self._management = management
        self._web_app = web_app
        self._access_log = access_log
        self._added = security_headers(https=settings.base_url.startswith("https:"))
        self._streams = Streams()
        self._seconds: dict[tuple[str, str, str, int], Callable[[float], None]] = {}

    def drain(self) -> None:
        """Report not ready, and close every connection after its response. Requests are still answered."""
        if not self._management.stopping:
            self._management.stopping = True
            self._added += CLOSE

    def stop(self) -> None:
        """End event streams; their clients reconnect to another process. Other requests run to their end."""
        self.drain()
        self._streams.stop()

    def refuse_unread(self, refusal: ProblemError) -> Response:
        """The response to input that is no valid HTTP request. It has a request id, headers and a log line
        as every response."""
        name = self._ids.new("req")
        token = request_id.set(name)
        answer = problem(refusal)
        request_id.reset(token)
        REFUSALS.labels("gateway", refusal.code).inc()
        if self._access_log is not None:
            self._access_log.add("-", "-", refusal.status, 0, name, None)
        added = [(header.decode(), value.decode()) for header, value in self._added]
        answer.headers = [*answer.headers, ("x-request-id", name), *added]
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the server offers HTTP only"
        started = time.perf_counter()
        response = ResponseMiddleware(send, self._ids.new("req"), self._added)
        head = _read_head(scope)
        recorded = NO_SPAN if scope["path"] in _FOR_OPERATORS else http_spans.gateway_span(scope)
        token = request_id.set(response.request_id)
        try:
            with adopt(head.traceparent), recorded as span:
                try:
                    await self._answer(scope, receive, response, head)
                finally:
                    if span is not None:
                        span.set_attribute("houseful.request_id", response.request_id)
                        http_spans.describe(span, scope, status=response.status, route=response.route)
        except AbortConnection:
            await abort(scope, receive)
        finally:
            request_id.reset(token)
            self._record(scope, response, time.perf_counter() - started)

    async def _answer(
        self, scope: Scope, receive: Receive, response: ResponseMiddleware, head: _Head
    ) -> None:
        try:
            await self._dispatch(scope, receive, response, head)
            return
        except AbortConnection:
            raise
        except DomainError as refused:
            refusal = refused
            REFUSALS.labels("gateway", refusal.code).inc()
        except Transient as error:
            log.warning("unavailable", extra={"path": scope["path"], "error": str(error)})
            refusal = service_unavailable()
        except Exception:
            log.exception("bug", extra={"path": scope["path"]})
            refusal = ProblemError(
                500, "internal_error", "This is a fault of ours; it has been recorded with the request id."
            )
        if response.status:
            raise AbortConnection  # half an answer is out: the client has to see that it is not whole
        await problem(refusal).send(scope, receive, response.send)

    async def _dispatch(
        self, scope: Scope, receive: Receive, response: ResponseMiddleware, head: _Head
    ) -> None:
        path: str = scope["path"]
        page = self._management.pages.get(path)
        if page is not None:
            await self._own_page(page, scope, receive, response, head)
        elif path.startswith(SERVICE_PREFIXES):
            await self._to_service(path, scope, receive, response, head)
        else:
            response.route = "web"
            _only_get(scope["method"])
            answer = await self._web_app.answer(
                path, if_none_match=head.if_none_match, accept_encoding=head.accept_encoding
            )
            await answer.send(scope, receive, response.send)

    async def _own_page(
        self, page: Page, scope: Scope, receive: Receive, response: ResponseMiddleware, head: _Head
    ) -> None:
        path = response.route = scope["path"]
        _only_get(scope["method"])
        insider = path in _FOR_OPERATORS and self._is_insider(scope, head)
        address = self._client_address(scope, head)
        if path in _FOR_OPERATORS and address is not None and not await self._pacer.turn(network(address)):
            raise ProblemError(
                429,
                "too_many_requests",
                "Once a second is enough to know.",
                headers={"retry-after": "1", "connection": "close"},
            )
        answer = await page(PageRequest(insider, head.accept_encoding, head.if_none_match))
        await answer.send(scope, receive, response.send)

    def _is_insider(self, scope: Scope, head: _Head) -> bool:
        """Whether the client belongs to the installation: a caller in this process, a client on this machine
        without a proxy in between, another process with the key, a client with the metrics token."""
        client = scope["client"]
        if client is None or (head.key and self._key and hmac.compare_digest(head.key, self._key)):
            return True
        token = bearer(head.authorization) if self._metrics_token else None
        if token is not None and hmac.compare_digest(token.encode(), self._metrics_token.encode()):
            return True
        return not head.proxied and is_this_machine(client[0]) and is_asked_directly(scope["headers"])

    async def _to_service(
        self, path: str, scope: Scope, receive: Receive, response: ResponseMiddleware, head: _Head
    ) -> None:
        method: str = scope["method"]
        address = self._client_address(scope, head)
        limits = self._limits if address is not None else None
        if limits is not None:
            response.before_refusal = partial(self._late, scope)
        methods = self._routing.find(path)
        if methods is None:
            raise ProblemError(404, "no_such_path", f"There is nothing at {path}.")
        target = methods.get("GET" if method == "HEAD" else method)
        if target is None or (method == "HEAD" and target.route.streams):
            await self._other_method(method, methods, scope, receive, response)
            return
        route = target.route
        response.belongs_to(target.service, route.path, compressible=head.gzip and method == "GET")
        if limits is not None:
            self.load.admit(route)
            await self._give_way(scope, route)
        if route.public and head.authorization is not None:
            token = bearer(head.authorization)
            who = await self._verifier.identity(token) if token is not None else None
            if who is not None:
                scope["houseful.user_id"] = who.user_id
                scope[IDENTITY] = who
                if limits is not None and target.limit is not None:
                    await limits.admit(who.user_id, target.limit)
                if route.line_pass and self._passes.events:
                    await self._check_pass(path, scope, who.user_id)
        if route.streams and address is not None:
            await self._streams.send(target.app, scope, receive, response)
        elif route.method == "GET":
            await target.app(scope, receive, response.send)
        else:
            self._writes += 1
            try:
                await target.app(scope, receive, response.send)
            finally:
                self._writes -= 1

    async def _check_pass(self, path: str, scope: Scope, user_id: str) -> None:
        """The ticket service checks it again: it knows of every event whether it has a line."""
        event_id = unquote(path.split("/")[3])
        if self._passes.wants_pass(event_id):
            await self._passes.check(header(scope, HEADER), event_id, user_id)

    async def _give_way(self, scope: Scope, route: Route) -> None:
        """While a write is in progress, delay public reads of a network that sends them without a pause."""
        if self._writes and route.method == "GET" and not route.needs_account:
            await self._reads.turn(network(scope["client"][0]))

    async def _late(self, scope: Scope) -> None:
        """Delay refusals of a client that causes many. Clients are counted by account, else by network."""
        await self._refusals.turn(scope.get("houseful.user_id") or network(scope["client"][0]))

    def _client_address(self, scope: Scope, head: _Head) -> str | None:
        """None for a call from a service, which is not limited. Behind proxies: the address that the
        outermost trusted proxy saw."""
        client = scope["client"]
        if client is None:
            return None
        if head.key and self._key and hmac.compare_digest(head.key, self._key):
            scope["client"] = None
            return None
        if self._proxies and head.forwarded_for is not None:
            scope["client"] = client = (forwarded(head.forwarded_for, self._proxies), 0)
        address: str = client[0]
        return address

    async def _other_method(
        self,
        method: str,
        methods: Mapping[str, Target],
        scope: Scope,
        receive: Receive,
        response: ResponseMiddleware,
    ) -> None:
        known = set(methods) | {"OPTIONS"}
        if "GET" in methods and not methods["GET"].route.streams:
            known.add("HEAD")
        allowed = ", ".join(sorted(known))
        if method != "OPTIONS":
            raise ProblemError(
                405, "method_not_allowed", f"Here one may {allowed}.", headers={"allow": allowed}
            )
        await response.send(
            {"type": "http.response.start", "status": 204, "headers": [(b"allow", allowed.encode())]}
        )
        await response.end()

    def _record(self, scope: Scope, response: ResponseMiddleware, seconds: float) -> None:
        path: str = scope["path"]
        method: str = scope["method"]
        if response.timed:
            self._observe(response, method, seconds)
        if self._access_log is not None and scope["client"] is not None and path not in _FOR_OPERATORS:
            self._access_log.add(
                method, path, response.status, seconds, response.request_id, scope.get("houseful.user_id")
            )

    def _observe(self, response: ResponseMiddleware, method: str, seconds: float) -> None:
        key = (response.service, method if method in _METHODS else "other", response.route, response.status)
        observe = self._seconds.get(key)
        if observe is None:
            service, method_label, route, status = key
            observe = REQUEST_SECONDS.labels(service, method_label, route, str(status)).observe
            self._seconds[key] = observe
        observe(seconds)


def _read_head(scope: Scope) -> _Head:
    """Read what the gateway needs and remove headers that clients may not set. Of several headers with one
    name the last counts."""
    kept: list[tuple[bytes, bytes]] = []
    authorization = if_none_match = forwarded_for = None
    key = other_hops = b""
    traceparent = None
    accept_encoding = None
    proxied = False
    for pair in scope["headers"]:
        name, value = pair
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"accept-encoding":
            accept_encoding = value.decode("latin-1")
        elif name == b"if-none-match":
            if_none_match = value.decode("latin-1")
        elif names_somebody(name):
            if name == b"x-forwarded-for":
                forwarded_for = value if forwarded_for is None else forwarded_for + b"," + value
            elif name == b"forwarded":
                other_hops = other_hops + b"," + value if other_hops else value
            elif name == KEY_HEADER:
                key = value
            proxied = proxied or says_proxy(name)
            continue
        kept.append(pair)
    scope["headers"] = kept
    return _Head(
        authorization,
        traceparent if is_traceparent(traceparent) else None,
        accept_encoding,
        if_none_match,
        forwarded_for if forwarded_for is not None else other_hops or None,
        proxied,
        key,
    )


def _only_get(method: str) -> None:
    if method not in ("GET", "HEAD"):
        raise ProblemError(
            405, "method_not_allowed", "Here one may GET, HEAD.", headers={"allow": "GET, HEAD"}
        )
