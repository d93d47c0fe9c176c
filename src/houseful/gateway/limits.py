"""Rate limits: one address or one user can't take the whole server. Comfort for the others, never
correctness."""

import math
from typing import NamedTuple

from houseful.common.addresses import network
from houseful.common.errors import Refusal, Unavailable
from houseful.common.ports import Coordination
from houseful.common.telemetry import get_logger

log = get_logger(__name__)


class Rate(NamedTuple):
    per_second: float
    burst: float


PER_ADDRESS = Rate(50, 200)
"""A family or an office behind one address, each with a seat map open."""

# What takes a write transaction on contended seats, by method and path with the names of parameters left out.
PER_USER = {
    ("POST", "/api/events/{}/holds"): Rate(5, 20),
    ("POST", "/api/orders"): Rate(5, 20),
    ("POST", "/api/events"): Rate(2, 20),
}


def per_user(method: str, path: str) -> Rate | None:
    """The limit of a route such as `/api/events/{event_id}/holds`."""
    nameless = "/".join("{}" if segment.startswith("{") else segment for segment in path.split("/"))
    return PER_USER.get((method, nameless))


class Limits:
    """Token buckets in Coordination. While that is unavailable nothing is limited: a sale does not stop for a
    throttle."""

    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination

    async def admit_address(self, address: str) -> None:
        """Raises `Refusal` (429)."""
        await self._take(f"address:{network(address)}", PER_ADDRESS)

    async def admit_user(self, user_id: str, route: str, rate: Rate) -> None:
        """Raises `Refusal` (429)."""
        await self._take(f"user:{user_id}:{route}", rate)

    async def _take(self, bucket: str, rate: Rate) -> None:
        try:
            wait_seconds = await self._coordination.take(bucket, per_second=rate.per_second, burst=rate.burst)
        except Unavailable as error:
            log.warning("rates are not limited just now", extra={"error": str(error)})
            return
        if wait_seconds > 0:
            seconds = max(1, math.ceil(wait_seconds))
            raise Refusal(
                429,
                "too_many_requests",
                f"Too many requests in a short time. Try again in {seconds} s.",
                headers={"retry-after": str(seconds)},
            )
