"""Routes as data: what a gateway has to know of a service's endpoints. A service offers them as JSON at
`ROUTES_PATH` of its internal ingress; fields that a reader does not know are ignored."""

from collections.abc import Mapping

import msgspec

ROUTES_PATH = "/routes"
FORMAT = 1
"""Raised where a reader of the version before would route wrongly; a further field does not raise it."""


class Rate(msgspec.Struct, frozen=True):
    """A token bucket of one account."""

    per_second: float
    burst: float


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """`path` is a template such as `/api/events/{event_id}/holds`. Without a `rate` of its own a route that
    needs an account is limited together with the account's other routes. With `line_pass` the route wants a
    pass of an event's line, where the event of its path has one."""

    method: str
    path: str
    needs_account: bool = False
    public: bool = True
    streams: bool = False
    rate: Rate | None = None
    line_pass: bool = False


class RouteOffer(msgspec.Struct, frozen=True):
    """The routes of the services of one process, by service."""

    format: int
    services: Mapping[str, tuple[Route, ...]]
