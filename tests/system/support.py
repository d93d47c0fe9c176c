"""What the system tests share: buyers by the hundred, and the checks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import BusInspection
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.payments.domain import Intent, State
from houseful.payments.webhook_deliveries import DeliveryStatus, WebhookDelivery
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tools.invariants import CHECKS, Installation, all_documents
from houseful.users.domain import Session, User
from houseful.users.tokens import AccessTokens
from tests.support.deployment import Deployment
from tests.system.deployments import SystemDeployment

_ACCOUNTS = "C15"
"""Whoever acts in these deployments has a token, and no account."""
YEAR_SECONDS = 365 * 24 * 3600
PAUSE_SECONDS = 0.3


def token_of(deployment: SystemDeployment, name: str, *roles: Role) -> str:
    """An access token that holds for a year, signed without the costly way over a password."""
    signer = AccessTokens(deployment.app.secrets.raw("token_key"), seconds=YEAR_SECONDS)
    user = User(
        id=f"usr_{deployment.tag}_{name}",
        email=f"{name}@example.org",
        address=f"{name}@example.org",
        name=name,
        password_hash="",
        roles=(Role.BUYER, *roles),
        created_at=0,
    )
    now = deployment.app.clock.now()
    session = Session(
        id=f"ses_{deployment.tag}_{name}",
        user_id=user.id,
        password_version=1,
        created_at=now,
        last_used_at=now,
        expires_at=now + YEAR_SECONDS * 1000,
    )
    return signer.sign(user, session, id=f"tok_{deployment.tag}_{name}", now=now)


def organizer_of(deployment: SystemDeployment, name: str = "olga") -> str:
    return token_of(deployment, name, Role.ORGANIZER, Role.GATE)


async def on_sale(deployment: SystemDeployment, organizer: str, **changes: Any) -> str:
    """A published event whose seats can be bought; a manual clock moves on meanwhile."""
    event_id = str((await deployment.draft(organizer, **changes))["id"])
    (await deployment.call("POST", f"/api/events/{event_id}/publish", token=organizer)).ok(202)

    async def look() -> bool:
        return bool((await deployment.call("GET", f"/api/events/{event_id}")).ok()["state"] == "on_sale")

    await deployment.until(look, advance_seconds=0.1)
    return event_id


async def is_quiet(deployment: SystemDeployment) -> bool:
    """Nothing is on its way: no money, no webhook, no message."""
    orders = {order.id: order async for order in orders_of(deployment)}
    for order in orders.values():
        if order.due is not None or order.state in (OrderState.PROCESSING, OrderState.REFUNDING):
            return False
    stores = deployment.app.stores
    async for webhook in all_documents(stores["payments"], WebhookDelivery):
        if webhook.status is DeliveryStatus.PENDING and _reference_of(webhook) in orders:
            return False
    return not any([(await store.outbox.stats()).unpublished for store in stores.values()])


def _reference_of(webhook: WebhookDelivery) -> str:
    return str(json.loads(bytes(webhook.body))["data"]["intent"]["reference"])


async def must_be_sound(deployment: SystemDeployment) -> None:
    """Waits until all is quiet, with a clock that stands still letting time pass; then nothing may be
    amiss."""

    async def look() -> bool:
        return await is_quiet(deployment)

    await deployment.until(look, advance_seconds=1)
    found = await findings(deployment)
    assert not found, "\n".join(found)


async def findings(deployment: SystemDeployment) -> list[str]:
    """What is amiss each time that one looks again: where others have used the installation before, what they
    left behind may be on its way."""
    bus = cast(BusInspection | None, deployment.app.bus)  # both adapters can be looked at
    installation = Installation(deployment.app.stores, bus, deployment.app.clock)
    found = await _look(installation)
    deadline = time.monotonic() + deployment.amiss_seconds
    while found and time.monotonic() < deadline:
        await asyncio.sleep(PAUSE_SECONDS)
        again = await _look(installation)
        found = {subject: again[subject] for subject in found if subject in again}
    return [f"{code} {subject}: {detail}" for (code, subject), detail in found.items()]


async def _look(installation: Installation) -> dict[tuple[str, str], str]:
    """Again where an engine puts it off: a broker that was kept waiting is sometimes its own leader anew."""
    while True:
        try:
            return {
                (found.code, found.subject): found.detail
                for check in CHECKS
                if check.code != _ACCOUNTS
                for found in (await check.take_snapshot(installation)).violations
            }
        except Unavailable:
            await asyncio.sleep(PAUSE_SECONDS)


async def orders_of(deployment: SystemDeployment) -> AsyncIterator[Order]:
    async for order in all_documents(deployment.app.stores["tickets"], Order):
        if order.event_id in deployment.events:
            yield order


async def intents_of(deployment: SystemDeployment) -> list[Intent]:
    orders = {order.id async for order in orders_of(deployment)}
    return [
        intent
        async for intent in all_documents(deployment.app.stores["payments"], Intent)
        if intent.reference in orders
    ]


async def reserved_minor(deployment: SystemDeployment) -> int:
    """Money that is reserved on cards, neither taken nor given back."""
    return sum(intent.open_minor for intent in await intents_of(deployment))


async def kept_minor(deployment: SystemDeployment) -> int:
    """Money that was taken and not given back."""
    return sum(intent.captured_minor - intent.refunded_minor for intent in await intents_of(deployment))


async def payment_states(deployment: SystemDeployment) -> list[State]:
    return [intent.state for intent in await intents_of(deployment)]


async def a_few_turns(turns: int) -> None:
    """Let others go on for a little, in turns of the event loop and not in time."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def join_a_line(deployment: Deployment, organizer: str, buyer: str) -> None:
    """Its lobby is open. Each attempt is a transaction, with its answer."""
    on_sale_at = rfc3339(deployment.app.clock.now() + 40 * 60_000)
    event = await deployment.draft(organizer, on_sale_at=on_sale_at, line={"mode": "on"})
    path = f"/api/events/{event['id']}"
    (await deployment.call("POST", f"{path}/publish", token=organizer)).ok(202)

    async def joined() -> bool:
        return (await deployment.call("POST", f"{path}/line", token=buyer)).status in (200, 201)

    await deployment.until(joined)
    for _ in range(10):
        (await deployment.call("POST", f"{path}/line", token=buyer)).ok(200)
