"""Best available: what is free is found though others take it in the same moment."""

import asyncio
from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.holds import MOST_HOLDS
from houseful.tickets.schemas import HoldView
from houseful.tickets.use_cases.availability import AvailabilityView
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal, until


def ids(hold: HoldView) -> list[str]:
    return [seat.id for seat in hold.seats]


async def test_the_best_are_neighbours_in_what_was_asked_for(harness: Harness) -> None:
    await harness.show(areas=True)
    hold = await harness.best(4, category="Premium")
    numbers = [int(seat.number) for seat in hold.seats]
    assert {(seat.row, seat.category) for seat in hold.seats} == {("A", "Premium")}
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert ids(await harness.best(2, section="floor")) == ["floor-1", "floor-2"]
    both = await harness.best(1, category="Standard", section="floor")
    assert ids(both) == ["floor-3"]


async def test_what_does_not_exist_is_named(harness: Harness) -> None:
    await harness.show()
    told = await refusal(harness.best(1, category="VIP", section="moon"))
    assert status_of(told) == 422
    assert set(told.errors) == {"best_available.category", "best_available.section"}


async def test_too_few_free_seats_say_how_many_there_are(harness: Harness) -> None:
    await harness.show()
    await harness.hold(*(f"A-{n}" for n in range(1, 9)))
    told = await refusal(harness.best(3, category="Premium"))
    assert (status_of(told), told.code, told.extra) == (409, "not_enough_seats", {"available": 2})
    await harness.hold("A-9", "A-10")
    told = await refusal(harness.best(1, category="Premium"))
    assert told.extra == {"available": 0}
    assert (await harness.best(1, user="usr_2")).seats[0].category == "Standard"


async def test_a_stale_picture_falls_back_to_the_next_best(harness: Harness) -> None:
    """The other process is not told what is taken: it learns by losing."""
    await harness.show()
    other = harness.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    first = await harness.best(2)
    second = await other.best(2, user="usr_2")
    assert not set(ids(first)) & set(ids(second))


async def test_a_stale_picture_counts_what_it_has_lost(harness: Harness) -> None:
    await harness.show()
    other = harness.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    await harness.hold(*(f"A-{n}" for n in range(1, 10)))
    told = await refusal(other.best(2, category="Premium", user="usr_2"))
    assert (told.code, told.extra) == ("not_enough_seats", {"available": 1})


async def test_who_loses_learns_for_all(harness: Harness) -> None:
    """Of many seats that the other process has sold without a word: nobody is sent away because of them, and
    who asks for them by name is refused once."""
    await harness.show()
    other = harness.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    for n in range(1, 10):
        await harness.hold(f"A-{n}", user=f"usr_{n}")
    assert ids(await other.best(1, category="Premium", user="usr_other")) == ["A-10"]
    await harness.hold("B-1")
    assert (await refusal(other.hold("B-1", user="usr_other"))).code == "seats_taken"
    view = await other.tickets.availability.view("evt_1", layout)
    assert view.free() == 30 - 11


@pytest.mark.parametrize("quantity", [1, 2, 3])
async def test_a_crowd_in_two_processes_gets_every_seat_once(harness: Harness, quantity: int) -> None:
    await harness.show()
    other = harness.beside()
    crowd = [(harness if n % 2 else other).best(quantity, user=f"usr_{n}") for n in range(36 // quantity)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    holds = [one for one in results if isinstance(one, HoldView)]
    seats = [id for hold in holds for id in ids(hold)]
    assert len(set(seats)) == len(seats) == len(await harness.seats())
    assert all(isinstance(one, HoldView | DomainError) for one in results)
    losers = [one for one in results if isinstance(one, DomainError)]
    assert {one.code for one in losers} <= {"not_enough_seats"}


async def test_a_crowd_in_one_process_empties_the_hall(harness: Harness) -> None:
    await harness.show()
    crowd = [harness.best(2, user=f"usr_{n}") for n in range(20)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    holds = [one for one in results if isinstance(one, HoldView)]
    assert len(holds) == 15
    assert {one.extra["available"] for one in results if isinstance(one, DomainError)} == {0}
    assert len(await harness.seats()) == 30


async def test_a_crowd_in_one_process_is_offered_different_seats(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody loses anything and has to ask again."""
    await harness.show()
    offer, offered = AvailabilityView.offer, 0

    def counted(*arguments: Any, **named: Any) -> list[int] | None:
        nonlocal offered
        offered += 1
        return offer(*arguments, **named)

    monkeypatch.setattr(AvailabilityView, "offer", counted)
    holds = await asyncio.gather(*(harness.best(2, user=f"usr_{n}") for n in range(15)))
    assert len({id for hold in holds for id in ids(hold)}) == 30
    assert offered == 15


async def test_what_was_offered_in_vain_is_offered_to_who_waits(harness: Harness) -> None:
    await harness.show()
    await harness.hold(*(f"A-{n}" for n in range(1, 10)), user="usr_2")
    for n in range(1, MOST_HOLDS + 1):
        await harness.hold(f"B-{n}")
    refused, granted, gone = await asyncio.gather(
        *(harness.best(1, category="Premium", user=f"usr_{n}") for n in (1, 3, 4)), return_exceptions=True
    )
    assert isinstance(refused, DomainError)
    assert refused.code == "hold_limit"
    assert isinstance(granted, HoldView)
    assert ids(granted) == ["A-10"]
    assert isinstance(gone, DomainError)
    assert (gone.code, gone.extra) == ("not_enough_seats", {"available": 0})


async def test_where_another_process_is_selling_nothing_is_offered_for_a_moment(harness: Harness) -> None:
    await harness.show()
    assert await harness.coordination.acquire(["evt_1:00000"], "another process", ttl_seconds=60)
    elsewhere = await harness.best(2)
    assert {seat.row for seat in elsewhere.seats} == {"B"}
    harness.coordination.release(["evt_1:00000"], "another process")
    layout = await harness.tickets.inventory.layout("evt_1")
    view = await harness.tickets.availability.view("evt_1", layout)
    assert await view.another_closes()
    assert {seat.row for seat in (await harness.best(2)).seats} == {"A"}
    assert not await view.another_closes(), "nothing is offered any more"


async def test_where_another_process_sells_all_that_is_left_one_waits(harness: Harness) -> None:
    await harness.show()
    assert await harness.coordination.acquire(["evt_1:00000"], "another process", ttl_seconds=60)
    waiting = asyncio.create_task(harness.best(2, category="Premium"))
    layout = await harness.tickets.inventory.layout("evt_1")
    view = await harness.tickets.availability.view("evt_1", layout)
    for _ in range(2):  # it asks again whenever the moment is over
        await until(lambda: view._offers is not None and len(view._offers.open) == 10)
        assert await view.another_closes()
    harness.coordination.release(["evt_1:00000"], "another process")
    assert {seat.row for seat in (await waiting).seats} == {"A"}


async def test_what_another_process_has_taken_is_not_offered_once_it_is_known(harness: Harness) -> None:
    await harness.show()
    await harness.best(1)
    availability, layout = harness.tickets.availability, await harness.tickets.inventory.layout("evt_1")
    view = await availability.view("evt_1", layout)
    offered = view.offer(1, category=None, section=None)
    assert offered is not None
    view.close(offered)
    await harness.beside().hold(layout.seat_id(offered[0]), user="usr_2")
    availability.mark_dirty("evt_1", [layout.block_of(offered[0])])
    assert (await availability.view("evt_1", layout)).offer(1, category=None, section=None) != offered


async def test_a_lock_that_somebody_forgot_only_takes_time(harness: Harness) -> None:
    await harness.show()
    every_block = [block.id for block in await harness.every(Block)]
    assert await harness.coordination.acquire(every_block, "a dead process", ttl_seconds=3600)
    holding = asyncio.create_task(harness.best(2))
    while not holding.done():
        await asyncio.sleep(0.01)
        if harness.clock.sleepers:
            await harness.clock.advance(1)
    assert (await holding).status == "active"
