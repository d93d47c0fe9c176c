"""Seats that the organizer takes off sale, all or none."""

import pytest

from houseful.messages import EventCancelled
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.use_cases import inventory
from houseful.webapi.problems import status_of
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.world import World, refusal


async def set_blocked(world: World, block: list[str], unblock: list[str] | None = None) -> None:
    await world.tickets.inventory.set_blocked(await world.show_of(), block, unblock or [])


async def blocked(world: World) -> set[int]:
    return {n for n, (state, _) in (await world.seats()).items() if state is SeatState.BLOCKED}


async def test_what_is_blocked_is_not_sold_until_it_is_opened(world: World) -> None:
    await world.show()
    await set_blocked(world, ["A-1", "B-1"])
    assert await blocked(world) == {0, 10}
    assert (await refusal(world.hold("A-1"))).extra == {"taken": ["A-1"]}
    chosen = [seat.id for n in range(14) for seat in (await world.best(2, user=f"usr_{n}")).seats]
    assert not {"A-1", "B-1"} & set(chosen)
    await set_blocked(world, [], ["A-1"])
    assert [seat.id for seat in (await world.hold("A-1")).seats] == ["A-1"]


async def test_closing_and_opening_go_together_or_not_at_all(world: World) -> None:
    await world.show()
    await set_blocked(world, ["A-1"])
    await world.hold("B-1")
    order_id = await world.bought("C-1")
    told = await refusal(set_blocked(world, ["A-2", "B-1", "C-1"], ["A-1"]))
    assert (status_of(told), told.code, told.extra) == (409, "seats_taken", {"taken": ["B-1", "C-1"]})
    assert await blocked(world) == {0}
    await set_blocked(world, ["A-2"], ["A-1"])
    assert await blocked(world) == {1}
    assert (await world.seats())[20] == (SeatState.SOLD, order_id)
    await world.verify()


async def test_twice_is_once_and_opening_touches_nothing_else(world: World) -> None:
    await world.show()
    for _ in range(2):
        await set_blocked(world, ["A-1"])
    await world.hold("A-2")
    await set_blocked(world, [], ["A-2", "A-3"])
    assert await blocked(world) == {0}
    assert set(await world.seats()) == {0, 1}


async def test_a_seat_that_is_closed_and_opened_at_once_is_open(world: World) -> None:
    await world.show()
    await set_blocked(world, ["A-1"], ["A-1"])
    assert await blocked(world) == set()


async def test_an_expired_hold_is_not_in_the_way(world: World) -> None:
    await world.show(hold_seconds=60)
    hold = await world.hold("A-1")
    await world.clock.advance(60)
    await set_blocked(world, ["A-1"])
    world.clock.jump(-60)
    assert (await refusal(world.order(hold.hold_id))).code == "hold_expired"
    assert await blocked(world) == {0}


async def test_unknown_seats_are_named_by_field(world: World) -> None:
    await world.show()
    assert set((await refusal(set_blocked(world, ["A-1", "Z-1"]))).errors) == {"block[1]"}
    assert set((await refusal(set_blocked(world, [], ["Z-1"]))).errors) == {"unblock[0]"}
    assert await blocked(world) == set()


async def test_nothing_to_do_is_no_error(world: World) -> None:
    await world.show()
    await set_blocked(world, [])


async def test_seats_that_are_still_being_made_can_not_be_blocked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "CHUNK_BLOCKS", 1)
    await world.receive(world.published())
    assert (await refusal(set_blocked(world, ["A-1"]))).code == "inventory_not_ready"
    world.store.commits, world.store.dies_at = 0, (2, "after")
    with pytest.raises(Crash):
        await world.tickets.inventory.generate_due()
    world.store.dies_at = None
    assert (await refusal(set_blocked(world, ["A-1", "C-1"]))).code == "inventory_not_ready"
    await world.receive(EventCancelled(event_id="evt_1"))
    assert (await refusal(set_blocked(world, ["C-1"]))).code == "inventory_not_ready"
    assert await blocked(world) == set()


async def test_seats_that_keep_changing_hands_are_left_alone(world: World) -> None:
    await world.show()
    world.store.clashes = 1000
    assert (await refusal(set_blocked(world, ["A-1"]))).code == "busy"
    world.store.clashes = 0
    await set_blocked(world, ["A-1"])
    assert await blocked(world) == {0}
