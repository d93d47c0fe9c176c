"""Seats that the organizer takes off sale, all or none."""

import pytest

from houseful.messages import EventCancelled
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.use_cases import inventory
from houseful.webapi.audit import COMMAND_LINE
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal
from tests.unit.tickets.stand_ins import Crash


async def set_blocked(harness: Harness, block: list[str], unblock: list[str] | None = None) -> None:
    await harness.tickets.inventory.set_blocked(await harness.show_of(), block, unblock or [], COMMAND_LINE)


async def blocked(harness: Harness) -> set[int]:
    return {n for n, (state, _) in (await harness.seats()).items() if state is SeatState.BLOCKED}


async def test_what_is_blocked_is_not_sold_until_it_is_opened(harness: Harness) -> None:
    await harness.show()
    await set_blocked(harness, ["A-1", "B-1"])
    assert await blocked(harness) == {0, 10}
    assert (await refusal(harness.hold("A-1"))).extra == {"taken": ["A-1"]}
    chosen = [seat.id for n in range(14) for seat in (await harness.best(2, user=f"usr_{n}")).seats]
    assert not {"A-1", "B-1"} & set(chosen)
    await set_blocked(harness, [], ["A-1"])
    assert [seat.id for seat in (await harness.hold("A-1")).seats] == ["A-1"]


async def test_closing_and_opening_go_together_or_not_at_all(harness: Harness) -> None:
    await harness.show()
    await set_blocked(harness, ["A-1"])
    await harness.hold("B-1")
    order_id = await harness.bought("C-1")
    told = await refusal(set_blocked(harness, ["A-2", "B-1", "C-1"], ["A-1"]))
    assert (status_of(told), told.code, told.extra) == (409, "seats_taken", {"taken": ["B-1", "C-1"]})
    assert await blocked(harness) == {0}
    await set_blocked(harness, ["A-2"], ["A-1"])
    assert await blocked(harness) == {1}
    assert (await harness.seats())[20] == (SeatState.SOLD, order_id)
    await harness.verify()


async def test_twice_is_once_and_opening_touches_nothing_else(harness: Harness) -> None:
    await harness.show()
    for _ in range(2):
        await set_blocked(harness, ["A-1"])
    await harness.hold("A-2")
    await set_blocked(harness, [], ["A-2", "A-3"])
    assert await blocked(harness) == {0}
    assert set(await harness.seats()) == {0, 1}


async def test_a_seat_that_is_closed_and_opened_at_once_is_open(harness: Harness) -> None:
    await harness.show()
    await set_blocked(harness, ["A-1"], ["A-1"])
    assert await blocked(harness) == set()


async def test_an_expired_hold_is_not_in_the_way(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    hold = await harness.hold("A-1")
    await harness.clock.advance(60)
    await set_blocked(harness, ["A-1"])
    harness.clock.jump(-60)
    assert (await refusal(harness.order(hold.hold_id))).code == "hold_expired"
    assert await blocked(harness) == {0}


async def test_unknown_seats_are_named_by_field(harness: Harness) -> None:
    await harness.show()
    assert set((await refusal(set_blocked(harness, ["A-1", "Z-1"]))).errors) == {"block[1]"}
    assert set((await refusal(set_blocked(harness, [], ["Z-1"]))).errors) == {"unblock[0]"}
    assert await blocked(harness) == set()


async def test_nothing_to_do_is_no_error(harness: Harness) -> None:
    await harness.show()
    await set_blocked(harness, [])


async def test_seats_that_are_still_being_made_can_not_be_blocked(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "CHUNK_BLOCKS", 1)
    await harness.receive(harness.published())
    assert (await refusal(set_blocked(harness, ["A-1"]))).code == "inventory_not_ready"
    harness.store.commits, harness.store.dies_at = 0, (2, "after")
    with pytest.raises(Crash):
        await harness.tickets.inventory.generate_due()
    harness.store.dies_at = None
    assert (await refusal(set_blocked(harness, ["A-1", "C-1"]))).code == "inventory_not_ready"
    await harness.receive(EventCancelled(event_id="evt_1"))
    assert (await refusal(set_blocked(harness, ["C-1"]))).code == "inventory_not_ready"
    assert await blocked(harness) == set()


async def test_seats_that_keep_changing_hands_are_left_alone(harness: Harness) -> None:
    await harness.show()
    harness.store.clashes = 1000
    assert (await refusal(set_blocked(harness, ["A-1"]))).code == "busy"
    harness.store.clashes = 0
    await set_blocked(harness, ["A-1"])
    assert await blocked(harness) == {0}
