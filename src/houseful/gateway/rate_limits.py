"""Rate limits by account, never by address. They protect other users' response times; correctness does not
depend on them. docs/operations.md has the rules."""

from typing import NamedTuple

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Coordination
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import later
from houseful.webapi.problems import ProblemError
from houseful.webapi.routes import Rate, Route

log = get_logger(__name__)


PER_ACCOUNT = Rate(25, 100)
"""Of all routes that need an account and have no rate of their own, together."""


class Limit(NamedTuple):
    """A bucket's name, without the account's id, and its rate."""

    bucket: str
    rate: Rate


def limit_of(route: Route) -> Limit | None:
    """None for a route that needs no account."""
    if route.rate is not None:
        return Limit(route.path, route.rate)
    return Limit("any", PER_ACCOUNT) if route.needs_account else None


class Limits:
    """Token buckets in Coordination. While it is unavailable nothing is limited: a sale goes on without
    limits."""

    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination

    async def admit(self, user_id: str, limit: Limit) -> None:
        """Raises `ProblemError` (429)."""
        rate = limit.rate
        try:
            wait_seconds = await self._coordination.take(
                f"user:{user_id}:{limit.bucket}", per_second=rate.per_second, burst=rate.burst
            )
        except Unavailable as error:
            log.warning("rates are not limited just now", extra={"error": str(error)})
            return
        if wait_seconds > 0:
            raise ProblemError(
                429,
                "too_many_requests",
                "This account sent too many requests in a short time. Try again in a moment.",
                headers=later(wait_seconds),
            )
