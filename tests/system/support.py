"""What the system tests share: buyers by the hundred, faults between the services, and the checks."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from houseful.adapters.local_bus import LocalBus
from houseful.checks import CHECKS, Installation, every
from houseful.common.auth import Role
from houseful.common.http import Answer, Cut, Receive, Scope, Send, respond
from houseful.payments.domain import DeliveryStatus, Intent, State, WebhookDelivery
from houseful.tickets.domain.orders import Order, OrderState
from houseful.users.domain import Session, User
from houseful.users.tokens import AccessTokens
from tests.support import House, Reply

YEAR_SECONDS = 365 * 24 * 3600
WEBHOOKS = "/api/tickets/webhooks/payments"


def token_of(house: House, name: str, *roles: Role) -> str:
    """An access token that holds for a year, signed without the costly way over a password."""
    signer = AccessTokens(house.app.secrets.raw("token_key"), seconds=YEAR_SECONDS)
    user = User(
        id=f"usr_{name}",
        email=f"{name}@example.org",
        address=f"{name}@example.org",
        name=name,
        password_hash="",
        roles=(Role.BUYER, *roles),
        created_at=0,
    )
    now = house.app.clock.now()
    session = Session(
        id=f"ses_{name}",
        user_id=user.id,
        password_version=1,
        created_at=now,
        last_used_at=now,
        expires_at=now + YEAR_SECONDS * 1000,
    )
    return signer.sign(user, session, id=f"tok_{name}", now=now)


def organizer_of(house: House, name: str = "olga") -> str:
    return token_of(house, name, Role.ORGANIZER, Role.GATE)


async def on_sale(house: House, organizer: str, **changes: Any) -> str:
    """A published event whose seats can be bought; a manual clock moves on meanwhile."""
    event_id = str((await house.draft(organizer, **changes))["id"])
    (await house.call("POST", f"/api/events/{event_id}/publish", token=organizer)).ok(202)

    async def look() -> bool:
        return bool((await house.call("GET", f"/api/events/{event_id}")).ok()["state"] == "on_sale")

    await house.until(look, advance_seconds=0.1)
    return event_id


class Line:
    """Stands between everybody in this process and the gateway, and does to requests what a network may.

    `down` says of a path whether nothing gets through to it, `lost` whether the work is done and the answer
    lost. While `catches` is set, webhooks end here: acknowledged, and kept in `caught`.
    """

    def __init__(self, house: House) -> None:
        self._gateway = house.app.entry
        self.down: Callable[[str], bool] = lambda path: False
        self.lost: Callable[[str], bool] = lambda path: False
        self.catches = False
        self.caught: list[tuple[bytes, dict[str, str]]] = []
        self.cut = 0
        house.app.client.bind(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self.down(path):
            self.cut += 1
            raise Cut
        if self.lost(path):
            self.cut += 1
            await self._gateway(scope, receive, _nowhere)
            raise Cut
        if self.catches and path == WEBHOOKS:
            body = (await receive())["body"]
            self.caught.append((body, {name.decode(): value.decode() for name, value in scope["headers"]}))
            await respond(Answer(b"", 204), scope, receive, send)
            return
        await self._gateway(scope, receive, send)

    async def deliver(self, house: House, index: int = 0) -> Reply:
        """A webhook that was caught, just as it came."""
        body, headers = self.caught[index]
        return await house.call("POST", WEBHOOKS, body, headers=headers)


async def _nowhere(message: Mapping[str, Any]) -> None:
    pass


def is_the_gateways(path: str) -> bool:
    """What the ticket service asks of the payment gateway (and no buyer does)."""
    if not path.startswith("/api/payments/intents"):
        return False
    return path.rpartition("/")[2] in ("intents", "details", "capture", "cancel", "refunds")


async def is_quiet(house: House) -> bool:
    """Nothing is on its way: no money, no webhook, no message."""
    stores = house.app.stores
    async for order in every(stores["tickets"], Order):
        if order.due is not None or order.state in (OrderState.PROCESSING, OrderState.REFUNDING):
            return False
    async for webhook in every(stores["payments"], WebhookDelivery):
        if webhook.status is DeliveryStatus.PENDING:
            return False
    return not any([(await store.outbox.figures()).unpublished for store in stores.values()])


async def must_be_sound(house: House) -> None:
    """Waits until all is quiet, with a manual clock letting time pass; then nothing may be amiss."""

    async def look() -> bool:
        return await is_quiet(house)

    await house.until(look, advance_seconds=1)
    found = await findings(house)
    assert not found, "\n".join(found)


async def findings(house: House) -> list[str]:
    assert isinstance(house.app.bus, LocalBus)
    installation = Installation(house.app.stores, house.app.bus, house.app.clock)
    return [
        f"{found.code} {found.subject}: {found.detail}"
        for check in CHECKS
        for found in (await check.look(installation)).findings
    ]


async def reserved_minor(house: House) -> int:
    """Money that is reserved on cards, neither taken nor given back."""
    return sum([intent.open_minor async for intent in every(house.app.stores["payments"], Intent)])


async def kept_minor(house: House) -> int:
    """Money that was taken and not given back."""
    return sum(
        [
            intent.captured_minor - intent.refunded_minor
            async for intent in every(house.app.stores["payments"], Intent)
        ]
    )


async def payment_states(house: House) -> list[State]:
    return [intent.state async for intent in every(house.app.stores["payments"], Intent)]


def houseful(data: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command line, as an operator uses it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
    return subprocess.run(
        [sys.executable, "-m", "houseful", *arguments, "--data", str(data)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def must_pass_the_check(data: Path) -> dict[str, Any]:
    """`houseful check`: its report."""
    done = houseful(data, "check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] is True
    assert all(not check["findings"] for check in report["checks"])
    return report


def make_account(data: Path, email: str, password: str, role: str) -> None:
    done = houseful(data, "create-admin", "--email", email, "--role", role, HOUSEFUL_PASSWORD=password)
    assert done.returncode == 0, done.stdout + done.stderr


async def a_few_turns(turns: int) -> None:
    """Let others go on for a little, in turns of the event loop and not in time."""
    for _ in range(turns):
        await asyncio.sleep(0)
