"""The control room of a sale: what happens in the shop is counted once, in each topology."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from houseful.kernel.roles import Role
from tests.system import outside_client as cards
from tests.system.deployments import OpenDeployment, SystemDeployment
from tests.system.line_sale import Sale


class Room(Sale):
    """A sale, and its organizer in the control room."""

    deployment: SystemDeployment

    async def figures(self) -> dict[str, Any]:
        token = await self.token("organizer", Role.ORGANIZER)
        path = f"/api/events/{self.event_id}/control"
        async with self.deployment.messages(path, token) as messages:
            return dict(msgspec.json.decode(await anext(messages)))

    async def shop_with(self, look: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async def seen() -> dict[str, Any] | None:
            shop: dict[str, Any] = (await self.figures())["shop"]
            return shop if look(shop) else None

        return await self.deployment.until(seen, advance_seconds=1)

    async def history(self) -> dict[str, Any]:
        token = await self.token("organizer", Role.ORGANIZER)
        path = f"/api/events/{self.event_id}/control/history"
        return dict((await self.deployment.call("GET", path, token=token)).ok())

    async def hold_seats(self, name: str, seats: list[str]) -> Any:
        token = await self.token(name)
        headers = {"x-line-pass": await self.line_pass(token)}
        path = f"/api/events/{self.event_id}/holds"
        return await self.deployment.call("POST", path, {"seats": seats}, token=token, headers=headers)


@pytest.fixture
async def room(open_deployment: OpenDeployment) -> AsyncIterator[Room]:
    async with open_deployment(manual=True) as deployment:
        yield Room(deployment)


def totals(reasons: list[dict[str, Any]] | None) -> dict[str, int]:
    return {one["reason"]: one["total"] for one in reasons or []}


async def test_refusals_failed_payments_and_sales_are_seen(room: Room) -> None:
    await room.announce()
    await room.phase("lobby", advance_seconds=1)
    assert (await room.figures())["shop"]["refusals"] is None, "nobody has told yet"
    for name in ("anna", "berta"):
        await room.join(name)
    await room.phase("open", advance_seconds=1)
    await room.shop_with(lambda shop: shop["refusals"] == [] and shop["holds"] == 0)
    wanted = [seat["id"] for seat in (await room.deployment.seats(room.event_id))[:2]]
    held = (await room.hold_seats("anna", wanted)).ok(201)
    for _ in range(2):
        (await room.hold_seats("berta", wanted)).refused(409, "seats_taken")
    anna = await room.token("anna")
    order = await room.deployment.order(anna, held["hold_id"])
    order = await room.deployment.order_that_is(anna, order["id"], "awaiting_payment")
    (await room.deployment.pay(order, cards.card(cards.DECLINED))).refused(402, "card_declined")
    shop = await room.shop_with(lambda shop: totals(shop["payment_failures"]) == {"card_declined": 1})
    assert totals(shop["refusals"]) == {"seats_taken": 2}
    assert shop["seats_sold"] == 0
    (await room.deployment.pay(order)).ok()
    shop = await room.shop_with(lambda shop: shop["seats_sold"] == 2 and shop["arrival_seconds"] is not None)
    assert shop["outbox_seconds"] is not None

    async def over() -> dict[str, Any] | None:
        history = await room.history()
        return history if history["seats_sold"] and history["seats_sold"][-1] == 2 else None

    history = await room.deployment.until(over, advance_seconds=1)
    for column, most in (("holds", 3), ("refusals", 2), ("payment_failures", 1)):
        assert sum(count or 0 for count in history[column]) == most, column
    assert any(history["hold_p95_seconds"])
    assert all(other - one >= 10 for one, other in zip(history["at"], history["at"][1:], strict=False))
    shop = (await room.figures())["shop"]
    assert totals(shop["payment_failures"]) == {"card_declined": 1}
    berta = await room.token("berta", Role.ORGANIZER)
    path = f"/api/events/{room.event_id}/control/history"
    (await room.deployment.call("GET", path, token=berta)).refused(404, "line_not_found")
