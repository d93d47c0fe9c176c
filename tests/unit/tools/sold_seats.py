"""Real sales, and documents that are changed behind the services' backs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from houseful.kernel.documents import Document
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.tickets.domain.blocks import Block, SeatState
from houseful.tickets.domain.orders import Order, PaymentState
from houseful.tools import invariants
from houseful.tools.invariants import Report, check_all
from tests.support.deployment import Deployment, started

D = TypeVar("D", bound=Document)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
async def sold(tmp_path: Path) -> AsyncIterator[Deployment]:
    """An event with one confirmed order of two seats and one cancelled one, all settled; nothing runs any
    more that could mend what a test breaks."""
    async with started(tmp_path / "data") as deployment:
        organizer, buyer = await deployment.user("organizer", Role.ORGANIZER), await deployment.user()
        event_id = await deployment.event(organizer)
        kept = await deployment.buy(buyer, event_id)
        cancelled = await deployment.buy(buyer, event_id, 1)
        (await deployment.call("POST", f"/api/orders/{cancelled['id']}/cancel", token=buyer)).ok(200)
        await deployment.order_that_is(buyer, cancelled["id"], "refunded")

        async def settled() -> bool:
            order = await deployment.app.stores["tickets"].get(Order, kept["id"])
            figures = [await store.outbox.stats() for store in deployment.app.stores.values()]
            return (
                order is not None and order.payment is PaymentState.CAPTURED
                and all(one.unpublished == 0 for one in figures)
            )  # fmt: skip

        await deployment.until(settled)
    async with started(tmp_path / "data", background=False) as deployment:
        yield deployment


async def report_of(deployment: Deployment) -> Report:
    return await check_all(deployment.app.settings)


async def found(deployment: Deployment) -> dict[str, list[str]]:
    """What is found, by check; those that hold are left out."""
    report = await report_of(deployment)
    assert report.ok == all(not result.violations for result in report.checks)
    return {
        one.code: [finding.detail for finding in one.violations] for one in report.checks if one.violations
    }


async def change(
    deployment: Deployment, kind: type[D], edit: Callable[[D], D | None], service: str = "tickets"
) -> None:
    """Edit the first document of the kind for which `edit` returns one; what no code of ours would do."""
    store = deployment.app.stores[service]

    async def work(tx: Transaction) -> None:
        for document in await tx.find(kind, {}, limit=1000):
            current = await tx.get(kind, document.id)
            assert current is not None
            edited = edit(current)
            if edited is not None:
                tx.put(edited)
                return
        raise AssertionError("nothing to edit")

    await store.transact(work)


async def do(
    deployment: Deployment, work: Callable[[Transaction], Awaitable[None]], service: str = "tickets"
) -> None:
    async with deployment.app.stores[service].begin() as tx:
        await work(tx)


def free_a_sold_seat(block: Block) -> Block | None:
    sold = [position for position, claim in block.claims.items() if claim.state is SeatState.SOLD]
    if not sold:
        return None
    kept = {position: claim for position, claim in block.claims.items() if position != sold[0]}
    return msgspec.structs.replace(block, claims=kept)
