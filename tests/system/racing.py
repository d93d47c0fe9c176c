"""What tests of races ask and count."""

from collections import Counter

from tests.support.deployment import Reply
from tests.system.deployments import SystemDeployment

ROUNDS = 48


async def hold(
    deployment: SystemDeployment, token: str, event_id: str, seats: list[str], key: str | None = None
) -> Reply:
    path = f"/api/events/{event_id}/holds"
    return await deployment.call("POST", path, {"seats": seats}, token=token, key=key)


async def seat_ids(deployment: SystemDeployment, event_id: str) -> list[str]:
    return [seat["id"] for seat in await deployment.seats(event_id)]


async def statuses(deployment: SystemDeployment, event_id: str) -> Counter[str]:
    return Counter(seat["status"] for seat in await deployment.seats(event_id))


async def held(deployment: SystemDeployment, event_id: str) -> set[str]:
    return {seat["id"] for seat in await deployment.seats(event_id) if seat["status"] == "held"}
