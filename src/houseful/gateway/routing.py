"""The gateway's routing table, and how it follows the services.

A gateway starts with the routes of its own version. A service in another process says what it offers;
its routes are replaced as a whole, so that an endpoint more needs no new gateway.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from houseful.gateway.rate_limits import Limit, limit_of
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, ServiceClient
from houseful.kernel.telemetry import get_logger
from houseful.webapi.asgi import App
from houseful.webapi.routes import FORMAT, ROUTES_PATH, Route, RouteOffer
from houseful.webapi.routing import RouteTable

log = get_logger(__name__)

SERVICE_PREFIXES = ("/api/", "/.well-known/")
RENEWAL_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_NOT_OFFERED = 404
"""The answer of a service of the version before, which offers no routes."""


class Target(NamedTuple):
    """Where a request goes."""

    service: str
    route: Route
    app: App
    limit: Limit | None


class Routing:
    """The routes of all services, compiled. A change compiles a new table and swaps it in."""

    def __init__(self, services: Mapping[str, tuple[App, Sequence[Route]]]) -> None:
        """Raises `ValueError` as `replace` does."""
        self._apps = {name: app for name, (app, _) in services.items()}
        self._routes = {name: tuple(routes) for name, (_, routes) in services.items()}
        self._table = self._compiled(self._routes)

    def find(self, path: str) -> Mapping[str, Target] | None:
        """The targets by method; None where no route has this path."""
        found = self._table.find(path)
        return None if found is None else found[0]

    def replace(self, service: str, routes: Sequence[Route]) -> bool:
        """Whether the table is another now. Raises `ValueError` for a route that is no service's or that
        another service has; the table is then as before."""
        if tuple(routes) == self._routes[service]:
            return False
        changed = self._routes | {service: tuple(routes)}
        self._table = self._compiled(changed)
        self._routes = changed
        return True

    def _compiled(self, routes: Mapping[str, Sequence[Route]]) -> RouteTable[Target]:
        table: RouteTable[Target] = RouteTable()
        for service, offered in routes.items():
            for route in offered:
                _check(route)
                table.add(
                    route.method, route.path, Target(service, route, self._apps[service], limit_of(route))
                )
        return table


class RouteRenewal:
    """Asks services in other processes for their routes. An answer that can't be used changes nothing and is
    logged once."""

    def __init__(self, routing: Routing, services: Mapping[str, ServiceClient], clock: Clock) -> None:
        self._routing = routing
        self._services = services
        self._clock = clock
        self._refused: dict[str, str] = {}

    async def run(self) -> None:
        """The job."""
        while True:
            await self.renew()
            await self._clock.sleep(RENEWAL_SECONDS)

    async def renew(self) -> None:
        await asyncio.gather(*(self._renew(name, service) for name, service in self._services.items()))

    async def _renew(self, name: str, service: ServiceClient) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await service.request("GET", ROUTES_PATH)
        except (Unavailable, TimeoutError):
            return  # the proxy logs it, and the next renewal asks again
        if answer.status == _NOT_OFFERED:
            return
        try:
            if answer.status != 200:
                raise ValueError(f"the answer is {answer.status}")
            changed = self._routing.replace(name, _offered(name, answer.body))
        except (ValueError, msgspec.MsgspecError) as error:
            if self._refused.get(name) != str(error):
                self._refused[name] = str(error)
                log.warning("routes refused", extra={"service": name, "error": str(error)})
            return
        self._refused.pop(name, None)
        if changed:
            log.info("routes renewed", extra={"service": name})


def _offered(service: str, body: bytes) -> tuple[Route, ...]:
    """Raises `ValueError` and `MsgspecError`."""
    offer = msgspec.json.decode(body, type=RouteOffer)
    if offer.format != FORMAT:
        raise ValueError(f"the routes' format is {offer.format}; this gateway reads {FORMAT}")
    if service not in offer.services:
        raise ValueError(f"there are routes of {', '.join(offer.services) or 'no service'} only")
    return offer.services[service]


def _check(route: Route) -> None:
    where = f"{route.method} {route.path}"
    if route.method not in _METHODS:
        raise ValueError(f"{where}: no method of a service")
    if not route.path.startswith(SERVICE_PREFIXES):
        raise ValueError(f"{where}: paths of services begin with {' or '.join(SERVICE_PREFIXES)}")
    if route.rate is not None and not (route.rate.per_second > 0 and route.rate.burst >= 1):
        raise ValueError(f"{where}: a rate has to let something through")
