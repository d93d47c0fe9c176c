"""A hall of twelve seats, on sale, in which things go wrong while time moves by hand."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.deployment import Reply
from tests.system.deployments import SystemDeployment
from tests.system.support import token_of

HOLD_SECONDS = 120
AFTER_THE_DEADLINE = HOLD_SECONDS + 1


class Sale:
    """A hall of twelve seats, on sale, whose services call the gateway through a fault proxy."""

    def __init__(self, deployment: SystemDeployment, event_id: str) -> None:
        self.deployment = deployment
        self.clock = deployment.clock
        self.fault_proxy = deployment.fault_proxy
        self.event_id = event_id
        self.bea = token_of(deployment, "bea")
        self.cem = token_of(deployment, "cem")

    async def hold(self, token: str, seats: list[str]) -> Reply:
        path = f"/api/events/{self.event_id}/holds"
        return await self.deployment.call("POST", path, {"seats": seats}, token=token)

    async def placed(self, token: str | None = None, seats: int = 2) -> dict[str, Any]:
        """An order that waits for its payment."""
        token = token or self.bea
        return await self.deployment.order(
            token, (await self.deployment.hold(token, self.event_id, seats))["hold_id"]
        )

    async def status(self, order: dict[str, Any], token: str | None = None) -> str:
        reply = await self.deployment.call("GET", f"/api/orders/{order['id']}", token=token or self.bea)
        return str(reply.ok()["status"])

    async def becomes(
        self, order: dict[str, Any], *statuses: str, token: str | None = None, step_seconds: float = 0.5
    ) -> None:
        async def look() -> bool:
            return await self.status(order, token) in statuses

        await self.deployment.until(look, advance_seconds=step_seconds)

    async def tickets(self, order: dict[str, Any], token: str | None = None) -> list[dict[str, Any]]:
        path = f"/api/orders/{order['id']}/tickets"
        reply = await self.deployment.call("GET", path, token=token or self.bea)
        return list(reply.ok()["items"])

    async def seats_are(self, order: dict[str, Any], *expected: str) -> None:
        """When one browses."""
        mine = {seat["id"] for seat in order["seats"]}

        async def look() -> set[str]:
            return {
                seat["status"] for seat in await self.deployment.seats(self.event_id) if seat["id"] in mine
            }

        await self.deployment.shows(look, set(expected))

    async def caught(self, count: int) -> None:
        async def look() -> bool:
            return len(self.fault_proxy.caught) >= count

        await self.deployment.until(look, advance_seconds=0.1)

    async def fails(self, times: int) -> None:
        """Until so many requests did not get through the fault proxy."""

        async def look() -> bool:
            return self.fault_proxy.cut >= times

        await self.deployment.until(look, advance_seconds=10)

    async def letter(self, kind: str, order: dict[str, Any]) -> str:
        file = self.deployment.mail / f"{kind}-{order['id']}.eml"

        async def look() -> bool:
            return file.exists()

        await self.deployment.until(look, advance_seconds=0.5)
        return file.read_text()


StartSale = Callable[..., AbstractAsyncContextManager[Sale]]
