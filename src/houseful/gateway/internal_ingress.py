"""The entry of a process that runs services and no gateway.

The ingress trusts the gateway's headers: request id, trace, the client's address (none for a call from a
service). Only gateways may reach this port, and whoever collects metrics.
"""

from collections.abc import Mapping, Sequence

import msgspec

from houseful.gateway.event_streams import Streams
from houseful.gateway.headers import CLOSE
from houseful.gateway.load_shedding import Load
from houseful.gateway.management import ManagementEndpoints, PageRequest
from houseful.gateway.response_middleware import ResponseMiddleware, abort
from houseful.kernel.errors import DomainError
from houseful.kernel.telemetry import request_id
from houseful.kernel.tracing import trace
from houseful.settings import Settings
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.problems import ProblemError, problem
from houseful.webapi.responses import AbortConnection, Response
from houseful.webapi.routes import FORMAT, ROUTES_PATH, Route, RouteOffer
from houseful.webapi.routing import RouteTable


class InternalIngress:
    """The ASGI application in front of some services. `drain` and `stop` are as the gateway's."""

    def __init__(
        self,
        services: Mapping[str, tuple[App, Sequence[Route]]],
        *,
        settings: Settings,
        management: ManagementEndpoints,
    ) -> None:
        self._routes: RouteTable[tuple[App, Route]] = RouteTable()
        for app, routes in services.values():
            for route in routes:
                self._routes.add(route.method, route.path, (app, route))
        offer = RouteOffer(FORMAT, {name: tuple(routes) for name, (_, routes) in services.items()})
        self._offer = Response(msgspec.json.encode(offer), headers=[("cache-control", "no-store")])
        self._management = management
        self._limited = settings.rate_limits == "on"
        self.load = Load()
        self._streams = Streams()
        self._added: tuple[tuple[bytes, bytes], ...] = ()

    def drain(self) -> None:
        self._management.stopping = True
        self._added = CLOSE

    def stop(self) -> None:
        self.drain()
        self._streams.stop()

    def refuse_unread(self, refusal: ProblemError) -> Response:
        """The response to input that is no valid HTTP request."""
        return problem(refusal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the server offers HTTP only"
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        address = headers.get(b"x-forwarded-for")
        scope["client"] = None if address is None else (address, 0)
        response = ResponseMiddleware(send, headers.get(b"x-request-id", "-"), self._added)
        token = request_id.set(response.request_id)
        try:
            with trace(headers.get(b"traceparent")):
                await self._dispatch(scope, receive, response)
        except DomainError as refusal:
            await problem(refusal).send(scope, receive, response.send)
        except AbortConnection:
            await abort(scope, receive)
        finally:
            request_id.reset(token)

    async def _dispatch(self, scope: Scope, receive: Receive, response: ResponseMiddleware) -> None:
        path: str = scope["path"]
        page = self._management.pages.get(path)
        if page is not None:
            await (await page(PageRequest())).send(scope, receive, response.send)
            return
        if path == ROUTES_PATH:
            await self._offer.send(scope, receive, response.send)
            return
        found = self._routes.find(path)
        if found is None:
            raise ProblemError(404, "no_such_path", f"There is nothing at {path}.")
        targets = found[0]
        target = targets.get("GET" if scope["method"] == "HEAD" else scope["method"])
        app, route = target or next(iter(targets.values()))  # the service itself refuses other methods
        if self._limited and scope["client"] is not None:
            self.load.admit(route)
        if route.streams:
            await self._streams.send(app, scope, receive, response)
        else:
            await app(scope, receive, response.send)
