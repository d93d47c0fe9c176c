"""Sold out is an event of which no seat can be bought: each is sold, or blocked by the organizer."""

import asyncio

import msgspec
import pytest

from houseful.messages import AvailabilityChanged
from houseful.tickets.domain.sales import Sales
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.world import World


async def set_blocked(world: World, block: list[str], unblock: list[str] | None = None) -> None:
    await world.tickets.inventory.set_blocked(await world.show_of(), block, unblock or [])


async def told(world: World) -> list[bool]:
    await world.deliver()
    return [message.sold_out for message in await world.sent(AvailabilityChanged)]


async def test_blocked_seats_are_none_that_can_be_bought(world: World) -> None:
    await world.show(rows=1, seats=4)
    await set_blocked(world, ["A-4"])
    await world.bought("A-1", "A-2")
    assert await told(world) == []
    last = await world.bought("A-3")
    assert await told(world) == [True]
    await set_blocked(world, [], ["A-4"])
    assert await told(world) == [True, False]
    await set_blocked(world, ["A-4"])
    assert await told(world) == [True, False, True]
    await world.cancel(last)
    assert await told(world) == [True, False, True, False]
    await set_blocked(world, ["A-3"])
    assert await told(world) == [True, False, True, False, True]


async def test_blocking_twice_and_opening_what_is_open_counts_once(world: World) -> None:
    await world.show(rows=1, seats=4)
    for _ in range(2):
        await set_blocked(world, ["A-3", "A-4"])
    await set_blocked(world, [], ["A-1"])
    await set_blocked(world, ["A-2"], ["A-2"])
    await world.bought("A-1")
    assert await told(world) == []
    await world.bought("A-2")
    assert await told(world) == [True]
    for _ in range(2):
        await set_blocked(world, [], ["A-3"])
    assert await told(world) == [True, False]
    await world.bought("A-3")
    assert await told(world) == [True, False, True]


async def test_an_event_of_which_everything_is_blocked_is_sold_out(world: World) -> None:
    await world.show(rows=1, seats=2)
    await set_blocked(world, ["A-1", "A-2"])
    assert await told(world) == [True]


async def test_places_of_a_standing_area_count_as_seats_do(world: World) -> None:
    await world.show(rows=1, seats=1, areas=True)
    await world.bought("A-1")
    section = next(one for one in (await world.tickets.inventory.layout("evt_1")).sections if one.count == 20)
    layout = await world.tickets.inventory.layout("evt_1")
    places = [layout.seat_id(ordinal) for ordinal in range(section.first, section.first + 20)]
    await set_blocked(world, places[:15])
    order_id = await world.bought(*places[15:])
    assert await told(world) == [True]
    await world.cancel(order_id)
    assert await told(world) == [True, False]


async def test_held_seats_may_come_back_and_so_are_for_sale(world: World) -> None:
    await world.show(rows=1, seats=3, hold_seconds=60)
    await set_blocked(world, ["A-3"])
    await world.bought("A-1")
    hold = await world.hold("A-2", user="usr_2")
    assert await told(world) == []
    await world.tickets.holding.release("usr_2", hold.hold_id)
    order_id = await world.placed("A-2", user="usr_2")
    assert await told(world) == []
    await world.cancel(order_id, user="usr_2")
    await world.bought("A-2", user="usr_2")
    assert await told(world) == [True]


async def test_sold_out_follows_a_late_payment(world: World) -> None:
    await world.show(rows=1, seats=2, hold_seconds=60)
    order_id = await world.placed("A-1")
    await world.clock.advance(60)
    await set_blocked(world, ["A-2"])
    assert await told(world) == []
    world.processor.pay(order_id)
    await world.webhooks()
    assert await told(world) == [True]


@pytest.mark.parametrize("first", ["block", "sell"])
async def test_blocking_beside_sales_loses_no_count(world: World, first: str) -> None:
    await world.show(rows=1, seats=10)
    orders = [await world.placed(f"A-{n}", user=f"usr_{n}") for n in range(1, 6)]
    for order_id in orders:
        world.processor.pay(order_id)
    await world.webhooks()
    work = [world.deliver(), *(set_blocked(world, [f"A-{n}"]) for n in range(6, 11))]
    await asyncio.gather(*(work if first == "sell" else reversed(work)))
    assert (await told(world))[-1:] == [True]
    sales = await world.get(Sales, "evt_1")
    assert (sales.sold, sales.blocked) == (5, 5)


async def test_a_crash_while_blocking_counts_all_or_nothing(world: World) -> None:
    await world.show(rows=1, seats=2)
    world.store.commits, world.store.dies_at = 0, (1, "before")
    with pytest.raises(Crash):
        await set_blocked(world, ["A-1", "A-2"])
    world.store.dies_at = None
    assert await told(world) == []
    await set_blocked(world, ["A-1", "A-2"])
    assert await told(world) == [True]


@pytest.mark.parametrize("then", ["a sale", "a start", "blocking"])
async def test_figures_of_the_version_before_are_counted_once(world: World, then: str) -> None:
    """It knew what was sold, and not what was blocked."""
    await world.show(rows=1, seats=4)
    await set_blocked(world, ["A-4"])
    await world.bought("A-1", "A-2")
    await world.deliver()
    if then == "a start":
        await world.bought("A-3")
        await world.deliver()

    async with world.store.begin() as tx:
        sales = await tx.get(Sales, "evt_1")
        assert sales is not None
        tx.put(msgspec.structs.replace(sales, blocked=None, sold_out=False))
    already = len(await told(world))
    if then == "a sale":
        await world.bought("A-3")
    elif then == "a start":
        await world.tickets.sales_report.count_blocked()
    else:
        await set_blocked(world, ["A-3"])
    assert (await told(world))[already:] == [True]
    assert (await world.get(Sales, "evt_1")).blocked == (2 if then == "blocking" else 1)
