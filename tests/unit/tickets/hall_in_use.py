"""A hall in use: random but lawful changes, and what is stored and shown of them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from houseful.kernel.errors import DomainError
from houseful.tickets.domain.availability import AVAILABLE, BLOCKED, HELD, SOLD
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.use_cases.availability import AvailabilityView
from houseful.webapi.audit import COMMAND_LINE
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.test_seatmap import decode_snapshot

CODES = {SeatState.HELD: HELD, SeatState.SOLD: SOLD, SeatState.BLOCKED: BLOCKED}
TOTAL = 50


async def view_of(harness: Harness) -> AvailabilityView:
    _, layout = await harness.tickets.inventory.hall("evt_1")
    return await harness.tickets.availability.view("evt_1", layout)


async def stored(harness: Harness) -> list[int]:
    """The truth: every seat's status as the documents and the clock say."""
    claimed = await harness.seats()
    return [CODES[claimed[n][0]] if n in claimed else AVAILABLE for n in range(TOTAL)]


async def shown(harness: Harness) -> list[int]:
    view = await view_of(harness)
    _, statuses = decode_snapshot(view.snapshot())
    assert statuses == list(view.statuses)
    assert view.free() == statuses.count(AVAILABLE)
    return statuses


@asynccontextmanager
async def running(*jobs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """These jobs run meanwhile."""
    tasks = [asyncio.ensure_future(job()) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Change:
    """A random but lawful life of a hall: holds, orders, payments, cancellations, blocked seats, time."""

    def __init__(self, harness: Harness, seed: int) -> None:
        self.harness = harness
        self.chance = random.Random(seed)
        self.holds: list[tuple[str, str]] = []
        self.orders: list[tuple[str, str]] = []

    async def step(self) -> None:
        steps = [self.hold, self.hold, self.best, self.release, self.order, self.pay, self.cancel, self.block]
        with contextlib.suppress(DomainError):
            await self.chance.choice([*steps, self.time])()

    def user(self) -> str:
        return f"usr_{self.chance.randrange(4)}"

    def ids(self, most: int = 3) -> list[str]:
        rows = [f"{row}-{n}" for row in "ABC" for n in range(1, 11)] + [f"floor-{n}" for n in range(1, 21)]
        return self.chance.sample(rows, self.chance.randint(1, most))

    async def hold(self) -> None:
        user = self.user()
        self.holds.append((user, (await self.harness.hold(*self.ids(), user=user)).hold_id))

    async def best(self) -> None:
        user = self.user()
        self.holds.append((user, (await self.harness.best(self.chance.randint(1, 4), user=user)).hold_id))

    async def release(self) -> None:
        if self.holds:
            user, hold_id = self.holds.pop(self.chance.randrange(len(self.holds)))
            await self.harness.tickets.holding.release(user, hold_id)

    async def order(self) -> None:
        if self.holds:
            user, hold_id = self.holds.pop(self.chance.randrange(len(self.holds)))
            self.orders.append((user, (await self.harness.order(hold_id, user)).id))

    async def pay(self) -> None:
        if self.orders:
            _, order_id = self.chance.choice(self.orders)
            self.harness.processor.pay(order_id)
            await self.harness.webhooks()

    async def cancel(self) -> None:
        if self.orders:
            user, order_id = self.orders.pop(self.chance.randrange(len(self.orders)))
            await self.harness.cancel(order_id, user)

    async def block(self) -> None:
        show = await self.harness.show_of()
        await self.harness.tickets.inventory.set_blocked(show, self.ids(), self.ids(), COMMAND_LINE)

    async def time(self) -> None:
        await self.harness.clock.advance(self.chance.choice([1, 59, 300, 599.9]))
        while await self.harness.tickets.reconciliation.reconcile_due():
            pass
