"""Calls between services of one process, without the way through the gateway."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from houseful.adapters.http.gateway_client import scope_of
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceClient, ServiceResponse
from houseful.kernel.tracing import continued
from houseful.webapi.asgi import Receive, Scope
from houseful.webapi.responses import AbortConnection, Response, Stream
from houseful.webapi.routes import Route
from houseful.webapi.routing import RouteTable


class LocalService(Protocol):
    async def respond(self, scope: Scope, receive: Receive) -> Response | Stream: ...


class LocalClient:
    """A `ServiceClient` that calls the services of this process themselves, and others through the gateway.

    The gateway's work is for clients: it limits, names, counts and logs their requests. A call from a service
    to its neighbour belongs to the request that the caller is in.
    """

    def __init__(self, gateway: ServiceClient) -> None:
        self._gateway = gateway
        self._services: RouteTable[LocalService] = RouteTable()

    def bind(self, services: Iterable[tuple[LocalService, Sequence[Route]]]) -> None:
        """The services of this process, which need the client themselves."""
        self._services = RouteTable()
        for service, routes in services:
            for route in routes:
                self._services.add(route.method, route.path, service)

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        found = self._services.find(path.partition("?")[0])
        service = None if found is None else found[0].get(method)
        if service is None:
            return await self._gateway.request(method, path, body=body, headers=headers)
        try:
            with continued():
                response = await service.respond(
                    scope_of(method, path, len(body), headers or {}), _Body(body).receive
                )
        except AbortConnection as error:
            raise Unavailable(f"{method} {path}: the connection was cut") from error
        return await _received(response)


class _Body:
    __slots__ = ("_message",)

    def __init__(self, body: bytes) -> None:
        self._message = {"type": "http.request", "body": body, "more_body": False}

    async def receive(self) -> MutableMapping[str, Any]:
        return self._message


async def _received(response: Response | Stream) -> ServiceResponse:
    if isinstance(response, Stream):
        body = b"".join([chunk async for chunk in response.chunks])
    else:
        body = response.body
    headers = {"content-type": response.media_type}
    for name, value in response.headers:
        headers[name.lower()] = value
    return ServiceResponse(response.status, headers, body)
