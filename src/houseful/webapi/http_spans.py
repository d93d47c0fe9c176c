"""HTTP requests as spans, in the words of OpenTelemetry's semantic conventions.

The conventions' `url.path`, `url.query`, `url.full`, `client.address` and `user_agent.original` are left out:
they name people, and the links in e-mails open something by themselves. `http.route` says which endpoint
it is.
"""

from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from houseful.kernel.tracing import (
    CLIENT,
    INTERNAL,
    NO_SPAN,
    SERVER,
    Span,
    comes_from_elsewhere,
    fail,
    inner_span,
    records,
    span,
)
from houseful.webapi.asgi import Scope

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def gateway_span(scope: Scope) -> AbstractContextManager[Span | None]:
    """A request from outside, or from a service through the gateway."""
    if not records():
        return NO_SPAN
    method = _method(scope)
    attributes = {
        "http.request.method": method,
        "url.scheme": str(scope.get("scheme", "http")),
        "network.protocol.version": str(scope.get("http_version", "1.1")),
        "houseful.part": "gateway",
    }
    return span(method, SERVER, attributes)


def service_span(scope: Scope, service: str) -> AbstractContextManager[Span | None]:
    """A request within a service: a server's span where another process sent it."""
    if not records():
        return NO_SPAN
    method = _method(scope)
    attributes = {"http.request.method": method, "houseful.part": service}
    if comes_from_elsewhere():
        return span(method, SERVER, attributes)
    return inner_span(method, INTERNAL, attributes)


def client_span(scope: Scope, service: str, url: str, repetition: int) -> AbstractContextManager[Span | None]:
    """An attempt at a request to another process."""
    if not records():
        return NO_SPAN
    method, address = _method(scope), urlsplit(url)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "server.address": address.hostname or "",
        "server.port": address.port or (443 if address.scheme == "https" else 80),
        "service.peer.name": service,
    }
    if repetition:
        attributes["http.request.resend_count"] = repetition
    return inner_span(method, CLIENT, attributes)


def describe(span: Span, scope: Scope, *, status: int, route: str | None) -> None:
    """What is known at the end: `status` 0 is an answer that never began. A route is a path with its
    parameters' names; what has none keeps its method as its name."""
    if route is not None and route.startswith("/"):
        method = _method(scope)
        span.update_name(f"{'HTTP' if method == '_OTHER' else method} {route}")
        span.set_attribute("http.route", route)
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= 500:
        fail(span, str(status))


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"
