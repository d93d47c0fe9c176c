"""Disks that are full: what nobody asks for goes on trying, seldom and quietly, and ends well afterwards."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from houseful.adapters.sqlite.writer import SqliteWrites, Writer
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.roles import Role
from houseful.tickets.domain.orders import Order, OrderState
from tests.support.deployment import Deployment, started

MINUTES = 10


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> "Disks":
    return Disks(monkeypatch)


class Disks:
    """All stores' disks. While they are full no write set is taken; `tries` counts them by store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.tries: Counter[str] = Counter()
        put: Callable[[Writer, SqliteWrites], None] = Writer.put

        def refuse(writer: Writer, writes: SqliteWrites) -> None:
            self.tries[writer._thread.name] += 1
            if self.full:
                raise Unavailable("the store could not write: FullError: database or disk is full")
            put(writer, writes)

        monkeypatch.setattr(Writer, "put", refuse)


async def let_pass(deployment: Deployment, seconds: int) -> None:
    assert isinstance(deployment.app.clock, ManualClock)
    for _ in range(seconds * 2):
        await deployment.app.clock.advance(0.5)


async def test_unpaid_orders_expire_while_the_disk_is_full(
    tmp_path: Path, writes: Disks, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(tmp_path / "data", clock=ManualClock()) as deployment:
        organizer = await deployment.user("organizer", Role.ORGANIZER)
        event_id = await published(deployment, organizer, hold_seconds=60)
        orders = []
        for number in range(5):
            buyer = await deployment.user(f"buyer{number}")
            hold = await deployment.hold(buyer, event_id)
            orders.append((await deployment.order(buyer, hold["hold_id"]))["id"])
        await let_pass(deployment, 5)
        caplog.clear()
        caplog.set_level(logging.INFO, "houseful")
        writes.full = True
        writes.tries.clear()
        await let_pass(deployment, MINUTES * 60)
        # The longest pause is ten seconds; each of tickets' jobs tries a handful of orders at most.
        assert writes.tries["write tickets.sqlite3"] < MINUTES * 60 / 5 * 12
        assert sum(writes.tries.values()) > 10, "nobody gives up either"
        said = Counter(record.getMessage() for record in caplog.records)
        assert len(caplog.records) < 60, said.most_common(10)
        assert max(said.values()) <= 8, said.most_common(10)
        assert not [record for record in caplog.records if record.exc_info and record.levelname == "ERROR"]
        writes.full = False
        for order_id in orders:
            await deployment.until(partial(is_expired, deployment, order_id), advance_seconds=1)
        await let_pass(deployment, 30)
        assert "goes on" in caplog.text


async def is_expired(deployment: Deployment, order_id: str) -> bool:
    order = await deployment.app.stores["tickets"].get(Order, order_id)
    return order is not None and order.state is OrderState.EXPIRED


async def published(deployment: Deployment, organizer: str, **changes: Any) -> str:
    event_id = str((await deployment.draft(organizer, **changes))["id"])
    (await deployment.call("POST", f"/api/events/{event_id}/publish", token=organizer)).ok(202)
    await deployment.until(lambda: deployment._is_on_sale(event_id), advance_seconds=0.3)
    return event_id
