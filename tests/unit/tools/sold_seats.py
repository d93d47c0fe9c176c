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
from tests.support.deployment import House, started

D = TypeVar("D", bound=Document)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
async def sold(tmp_path: Path) -> AsyncIterator[House]:
    """An event with one confirmed order of two seats and one cancelled one, all settled; nothing runs any
    more that could mend what a test breaks."""
    async with started(tmp_path / "data") as house:
        organizer, buyer = await house.user("organizer", Role.ORGANIZER), await house.user()
        event_id = await house.event(organizer)
        kept = await house.buy(buyer, event_id)
        cancelled = await house.buy(buyer, event_id, 1)
        (await house.call("POST", f"/api/orders/{cancelled['id']}/cancel", token=buyer)).ok(200)
        await house.order_that_is(buyer, cancelled["id"], "refunded")

        async def settled() -> bool:
            order = await house.app.stores["tickets"].get(Order, kept["id"])
            figures = [await store.outbox.stats() for store in house.app.stores.values()]
            return (
                order is not None and order.payment is PaymentState.CAPTURED
                and all(one.unpublished == 0 for one in figures)
            )  # fmt: skip

        await house.until(settled)
    async with started(tmp_path / "data", background=False) as house:
        yield house


async def report_of(house: House) -> Report:
    return await check_all(house.app.settings)


async def found(house: House) -> dict[str, list[str]]:
    """What is found, by check; those that hold are left out."""
    report = await report_of(house)
    assert report.ok == all(not result.violations for result in report.checks)
    return {
        one.code: [finding.detail for finding in one.violations] for one in report.checks if one.violations
    }


async def change(
    house: House, kind: type[D], edit: Callable[[D], D | None], service: str = "tickets"
) -> None:
    """Edit the first document of the kind for which `edit` returns one; what no code of ours would do."""
    store = house.app.stores[service]

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


async def do(house: House, work: Callable[[Transaction], Awaitable[None]], service: str = "tickets") -> None:
    async with house.app.stores[service].begin() as tx:
        await work(tx)


def free_a_sold_seat(block: Block) -> Block | None:
    sold = [position for position, claim in block.claims.items() if claim.state is SeatState.SOLD]
    if not sold:
        return None
    kept = {position: claim for position, claim in block.claims.items() if position != sold[0]}
    return msgspec.structs.replace(block, claims=kept)
