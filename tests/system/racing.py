"""What tests of races ask and count."""

from collections import Counter

from tests.support.deployment import Reply
from tests.system.houses import SystemHouse

ROUNDS = 48


async def hold(
    house: SystemHouse, token: str, event_id: str, seats: list[str], key: str | None = None
) -> Reply:
    path = f"/api/events/{event_id}/holds"
    return await house.call("POST", path, {"seats": seats}, token=token, key=key)


async def seat_ids(house: SystemHouse, event_id: str) -> list[str]:
    return [seat["id"] for seat in await house.seats(event_id)]


async def statuses(house: SystemHouse, event_id: str) -> Counter[str]:
    return Counter(seat["status"] for seat in await house.seats(event_id))


async def held(house: SystemHouse, event_id: str) -> set[str]:
    return {seat["id"] for seat in await house.seats(event_id) if seat["status"] == "held"}
