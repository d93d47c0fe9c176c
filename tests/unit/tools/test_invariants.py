"""`houseful check`: green after real sales; red for messages, deadlines and inventories that do not fit."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.roles import Role
from houseful.settings import load_settings
from houseful.tickets.domain import orders
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.holds import HoldQuota
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.shows import Show
from houseful.tools import invariants
from houseful.tools.invariants import check_all
from tests.support.deployment import Deployment
from tests.unit.tools.sold_seats import change, found, free_a_sold_seat, impatient, report_of, sold

__all__ = ["impatient", "sold"]


async def test_after_real_sales_everything_holds(sold: Deployment) -> None:
    report = await report_of(sold)
    assert report.ok, report
    assert [result.code for result in report.checks] == [
        "C1",
        "C2",
        "C4",
        "C5",
        "C7",
        "C9",
        "C10",
        "C13",
        "C14",
        "C15",
        "C16",
        "C17",
        "C18",
        "C19",
        "C20",
        "L1",
        "L2",
    ]
    assert "2 sold seats, 3 tickets, 2 orders" in report.checks[0].scope


async def test_c4_a_message_that_is_not_on_the_bus(sold: Deployment) -> None:
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "events.sqlite3"))
    connection.execute("UPDATE outbox SET id = 'msg_lost' WHERE seq = 1")
    connection.close()
    assert "not on the bus" in (await found(sold))["C4"][0]


async def test_c4_a_gap_and_a_message_that_waits(sold: Deployment) -> None:
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "tickets.sqlite3"))
    connection.execute(
        "UPDATE outbox SET seq = seq + 5 WHERE seq = (SELECT max(seq) FROM outbox WHERE seq > 1)"
    )
    assert connection.changes() == 1
    connection.execute("UPDATE outbox SET published_at = NULL, created_at = 1000 WHERE rowid = 1")
    connection.close()
    details = " ".join((await found(sold))["C4"])
    assert "follows #" in details
    assert "is not published after" in details


async def test_c4_where_somebody_else_publishes(sold: Deployment) -> None:
    """Nobody marks rows then, and each has to be on the bus all the same."""
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "events.sqlite3"))
    connection.execute("UPDATE outbox SET published_at = NULL, created_at = created_at - 60000")
    assert "is not published after" in (await found(sold))["C4"][0]
    without_relay = msgspec.structs.replace(sold.app.settings, relay="off")
    assert (await check_all(without_relay)).ok
    connection.execute("UPDATE outbox SET id = 'msg_lost' WHERE seq = 1")
    connection.close()
    [lost] = [one for result in (await check_all(without_relay)).checks for one in result.violations]
    assert "is not on the bus" in lost.detail


async def test_c7_money_that_nobody_moves(sold: Deployment) -> None:
    late = sold.app.clock.now() - invariants.LATE_MILLIS - 1000

    def stuck(order: Order) -> Order | None:
        return msgspec.structs.replace(order, due=Due.REFUND, look_at=late)

    await change(sold, Order, stuck)
    assert "refund is due since 31 s" in (await found(sold))["C7"][0]


async def test_c7_what_ends_by_itself_is_not_late(sold: Deployment) -> None:
    late = sold.app.clock.now() - 10 * invariants.LATE_MILLIS

    def unpaid(order: Order) -> Order | None:
        if order.state is not OrderState.REFUNDED:
            return None
        return msgspec.structs.replace(
            order, state=OrderState.AWAITING_PAYMENT, payment=PaymentState.OPEN, due=None, look_at=late
        )

    await change(sold, Order, unpaid)
    assert "C7" not in await found(sold)


async def test_c1_bought_seats_that_are_not_counted(sold: Deployment) -> None:
    await change(sold, HoldQuota, lambda quota: msgspec.structs.replace(quota, bought=0))
    assert "counts 0 bought seats, and the buyer has 2" in (await found(sold))["C1"][0]


async def test_c9_a_block_that_is_missing(sold: Deployment) -> None:
    def vanish(block: Block) -> Block | None:
        return None if block.claims else msgspec.structs.replace(block, event_id="evt_other")

    await change(sold, Block, vanish)
    details = (await found(sold))["C9"]
    assert any("are missing" in detail or "has " in detail for detail in details)
    assert any("no such event" in detail for detail in details)


async def test_c9_figures_that_count_other_seats_as_blocked(sold: Deployment) -> None:
    def miscount(sales: Sales) -> Sales:
        assert sales.blocked == 0
        return msgspec.structs.replace(sales, blocked=1)

    await change(sold, Sales, miscount)
    [detail] = (await found(sold))["C9"]
    assert detail == "its figures say that 1 seats are blocked, and 0 are"


async def test_c9_a_plan_that_is_not_the_one(sold: Deployment) -> None:
    await change(sold, Show, lambda show: msgspec.structs.replace(show, seats_total=show.seats_total + 1))
    assert list(await found(sold)) == ["C9"]


async def test_what_is_mended_meanwhile_is_no_finding(
    sold: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside a server that sells: a seat that was being sold while one looked."""
    await change(sold, Block, free_a_sold_seat)
    looks: list[Any] = []

    async def mended(installation: Any) -> invariants.Snapshot:
        looks.append(installation)
        if len(looks) == 1:
            return await invariants.seats_tickets_orders(installation)
        return invariants.Snapshot([], "all")

    monkeypatch.setattr(invariants, "CHECKS", (invariants.Check("C1", "claim", mended),))
    assert (await report_of(sold)).ok
    assert len(looks) == 2


async def test_checks_beside_sales(deployment: Deployment) -> None:
    """Under fire: nothing lasting is found while seats are sold and cancelled all the time. Where the machine
    is slow, one report may have seen a seat in the middle of a purchase each time that it looked.
    """
    organizer = await deployment.user("organizer", Role.ORGANIZER)
    event_id = await deployment.event(organizer)
    buyers = [await deployment.user(f"buyer{number}") for number in range(4)]
    over = asyncio.Event()

    async def trade(token: str) -> None:
        while not over.is_set():
            order = await deployment.buy(token, event_id, 2)
            (await deployment.call("POST", f"/api/orders/{order['id']}/cancel", token=token)).ok(200)

    trading = [asyncio.create_task(trade(token)) for token in buyers]
    reports = [await report_of(deployment) for _ in range(3)]
    found = [
        {(one.code, one.subject) for check in report.checks for one in check.violations} for report in reports
    ]
    assert set.intersection(*found) == set()
    over.set()
    await asyncio.gather(*trading)


async def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no installation"):
        await check_all(load_settings({}, data=str(tmp_path)))


def test_orders_are_what_these_tests_think() -> None:
    assert orders.TRANSITIONS[OrderState.REFUNDED] == frozenset()
