"""The types of ASGI, and what is read off a scope."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def headers_of(scope: Scope) -> dict[str, str]:
    """Lower-case names, as ASGI has them; of several with one name the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def header(scope: Scope, name: str) -> str | None:
    """One header, by its lower-case name; of several the last counts."""
    wanted = name.encode()
    found = [value for given, value in scope["headers"] if given == wanted]
    return found[-1].decode("latin-1") if found else None


IDENTITY = "houseful.identity"
"""The key in a scope of whose token the gateway of this process has verified."""

WITHIN = "local"
"""The peer of a call from a service of this installation."""


def peer(scope: Scope) -> str:
    """The caller's network address."""
    client = scope.get("client")
    return client[0] if client else WITHIN
