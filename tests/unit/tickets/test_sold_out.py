"""Sold out is an event of which no seat can be bought: each is sold, or blocked by the organizer."""

import asyncio

import msgspec
import pytest

from houseful.messages import AvailabilityChanged
from houseful.tickets.domain.sales import Sales
from houseful.webapi.audit import COMMAND_LINE
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.stand_ins import Crash


async def set_blocked(harness: Harness, block: list[str], unblock: list[str] | None = None) -> None:
    await harness.tickets.inventory.set_blocked(await harness.show_of(), block, unblock or [], COMMAND_LINE)


async def told(harness: Harness) -> list[bool]:
    await harness.deliver()
    return [message.sold_out for message in await harness.sent(AvailabilityChanged)]


async def test_blocked_seats_are_none_that_can_be_bought(harness: Harness) -> None:
    await harness.show(rows=1, seats=4)
    await set_blocked(harness, ["A-4"])
    await harness.bought("A-1", "A-2")
    assert await told(harness) == []
    last = await harness.bought("A-3")
    assert await told(harness) == [True]
    await set_blocked(harness, [], ["A-4"])
    assert await told(harness) == [True, False]
    await set_blocked(harness, ["A-4"])
    assert await told(harness) == [True, False, True]
    await harness.cancel(last)
    assert await told(harness) == [True, False, True, False]
    await set_blocked(harness, ["A-3"])
    assert await told(harness) == [True, False, True, False, True]


async def test_blocking_twice_and_opening_what_is_open_counts_once(harness: Harness) -> None:
    await harness.show(rows=1, seats=4)
    for _ in range(2):
        await set_blocked(harness, ["A-3", "A-4"])
    await set_blocked(harness, [], ["A-1"])
    await set_blocked(harness, ["A-2"], ["A-2"])
    await harness.bought("A-1")
    assert await told(harness) == []
    await harness.bought("A-2")
    assert await told(harness) == [True]
    for _ in range(2):
        await set_blocked(harness, [], ["A-3"])
    assert await told(harness) == [True, False]
    await harness.bought("A-3")
    assert await told(harness) == [True, False, True]


async def test_an_event_of_which_everything_is_blocked_is_sold_out(harness: Harness) -> None:
    await harness.show(rows=1, seats=2)
    await set_blocked(harness, ["A-1", "A-2"])
    assert await told(harness) == [True]


async def test_places_of_a_standing_area_count_as_seats_do(harness: Harness) -> None:
    await harness.show(rows=1, seats=1, areas=True)
    await harness.bought("A-1")
    section = next(
        one for one in (await harness.tickets.inventory.layout("evt_1")).sections if one.count == 20
    )
    layout = await harness.tickets.inventory.layout("evt_1")
    places = [layout.seat_id(ordinal) for ordinal in range(section.first, section.first + 20)]
    await set_blocked(harness, places[:15])
    order_id = await harness.bought(*places[15:])
    assert await told(harness) == [True]
    await harness.cancel(order_id)
    assert await told(harness) == [True, False]


async def test_held_seats_may_come_back_and_so_are_for_sale(harness: Harness) -> None:
    await harness.show(rows=1, seats=3, hold_seconds=60)
    await set_blocked(harness, ["A-3"])
    await harness.bought("A-1")
    hold = await harness.hold("A-2", user="usr_2")
    assert await told(harness) == []
    await harness.tickets.holding.release("usr_2", hold.hold_id)
    order_id = await harness.placed("A-2", user="usr_2")
    assert await told(harness) == []
    await harness.cancel(order_id, user="usr_2")
    await harness.bought("A-2", user="usr_2")
    assert await told(harness) == [True]


async def test_sold_out_follows_a_late_payment(harness: Harness) -> None:
    await harness.show(rows=1, seats=2, hold_seconds=60)
    order_id = await harness.placed("A-1")
    await harness.clock.advance(60)
    await set_blocked(harness, ["A-2"])
    assert await told(harness) == []
    harness.processor.pay(order_id)
    await harness.webhooks()
    assert await told(harness) == [True]


@pytest.mark.parametrize("first", ["block", "sell"])
async def test_blocking_beside_sales_loses_no_count(harness: Harness, first: str) -> None:
    await harness.show(rows=1, seats=10)
    orders = [await harness.placed(f"A-{n}", user=f"usr_{n}") for n in range(1, 6)]
    for order_id in orders:
        harness.processor.pay(order_id)
    await harness.webhooks()
    work = [harness.deliver(), *(set_blocked(harness, [f"A-{n}"]) for n in range(6, 11))]
    await asyncio.gather(*(work if first == "sell" else reversed(work)))
    assert (await told(harness))[-1:] == [True]
    sales = await harness.get(Sales, "evt_1")
    assert (sales.sold, sales.blocked) == (5, 5)


async def test_a_crash_while_blocking_counts_all_or_nothing(harness: Harness) -> None:
    await harness.show(rows=1, seats=2)
    harness.store.commits, harness.store.dies_at = 0, (1, "before")
    with pytest.raises(Crash):
        await set_blocked(harness, ["A-1", "A-2"])
    harness.store.dies_at = None
    assert await told(harness) == []
    await set_blocked(harness, ["A-1", "A-2"])
    assert await told(harness) == [True]


@pytest.mark.parametrize("then", ["a sale", "a start", "blocking"])
async def test_figures_of_the_version_before_are_counted_once(harness: Harness, then: str) -> None:
    """It knew what was sold, and not what was blocked."""
    await harness.show(rows=1, seats=4)
    await set_blocked(harness, ["A-4"])
    await harness.bought("A-1", "A-2")
    await harness.deliver()
    if then == "a start":
        await harness.bought("A-3")
        await harness.deliver()

    async with harness.store.begin() as tx:
        sales = await tx.get(Sales, "evt_1")
        assert sales is not None
        tx.put(msgspec.structs.replace(sales, blocked=None, sold_out=False))
    already = len(await told(harness))
    if then == "a sale":
        await harness.bought("A-3")
    elif then == "a start":
        await harness.tickets.sales_report.count_blocked()
    else:
        await set_blocked(harness, ["A-3"])
    assert (await told(harness))[already:] == [True]
    assert (await harness.get(Sales, "evt_1")).blocked == (2 if then == "blocking" else 1)
