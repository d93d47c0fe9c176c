"""Best available: what is free is found though others take it in the same moment."""

import asyncio

import pytest

from houseful.common.errors import Refusal
from houseful.tickets.views import HoldView
from tests.tickets.world import World, refusal


def ids(hold: HoldView) -> list[str]:
    return [seat.id for seat in hold.seats]


async def test_the_best_are_neighbours_in_what_was_asked_for(world: World) -> None:
    await world.show(areas=True)
    hold = await world.best(4, category="Premium")
    numbers = [int(seat.number) for seat in hold.seats]
    assert {(seat.row, seat.category) for seat in hold.seats} == {("A", "Premium")}
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert ids(await world.best(2, section="floor")) == ["floor-1", "floor-2"]
    both = await world.best(1, category="Standard", section="floor")
    assert ids(both) == ["floor-3"]


async def test_what_does_not_exist_is_named(world: World) -> None:
    await world.show()
    told = await refusal(world.best(1, category="VIP", section="moon"))
    assert told.status == 422
    assert set(told.errors) == {"best_available.category", "best_available.section"}


async def test_too_few_free_seats_say_how_many_there_are(world: World) -> None:
    await world.show()
    await world.hold(*(f"A-{n}" for n in range(1, 9)))
    told = await refusal(world.best(3, category="Premium"))
    assert (told.status, told.code, told.extra) == (409, "not_enough_seats", {"available": 2})
    await world.hold("A-9", "A-10")
    told = await refusal(world.best(1, category="Premium"))
    assert told.extra == {"available": 0}
    assert (await world.best(1)).seats[0].category == "Standard"


async def test_a_stale_picture_falls_back_to_the_next_best(world: World) -> None:
    """The other process is not told what is taken: it learns by losing."""
    await world.show()
    other = world.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    first = await world.best(2)
    second = await other.best(2, user="usr_2")
    assert not set(ids(first)) & set(ids(second))


async def test_a_stale_picture_counts_what_it_has_lost(world: World) -> None:
    await world.show()
    other = world.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    await world.hold(*(f"A-{n}" for n in range(1, 10)))
    told = await refusal(other.best(2, category="Premium", user="usr_2"))
    assert (told.code, told.extra) == ("not_enough_seats", {"available": 1})


async def test_who_loses_learns_for_all(world: World) -> None:
    """Of many seats that the other process has sold without a word: nobody is sent away because of them, and
    who asks for them by name is refused once."""
    await world.show()
    other = world.beside()
    layout = await other.tickets.inventory.layout("evt_1")
    await other.tickets.availability.view("evt_1", layout)
    for n in range(1, 10):
        await world.hold(f"A-{n}", user=f"usr_{n}")
    assert ids(await other.best(1, category="Premium", user="usr_other")) == ["A-10"]
    await world.hold("B-1")
    assert (await refusal(other.hold("B-1", user="usr_other"))).code == "seats_taken"
    view = await other.tickets.availability.view("evt_1", layout)
    assert view.free() == 30 - 11


@pytest.mark.parametrize("quantity", [1, 2, 3])
async def test_a_crowd_in_two_processes_gets_every_seat_once(world: World, quantity: int) -> None:
    await world.show()
    other = world.beside()
    crowd = [(world if n % 2 else other).best(quantity, user=f"usr_{n}") for n in range(36 // quantity)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    holds = [one for one in results if isinstance(one, HoldView)]
    seats = [id for hold in holds for id in ids(hold)]
    assert len(set(seats)) == len(seats) == len(await world.seats())
    assert all(isinstance(one, HoldView | Refusal) for one in results)
    losers = [one for one in results if isinstance(one, Refusal)]
    assert {one.code for one in losers} <= {"not_enough_seats"}


async def test_a_crowd_in_one_process_empties_the_hall(world: World) -> None:
    await world.show()
    crowd = [world.best(2, user=f"usr_{n}") for n in range(20)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    holds = [one for one in results if isinstance(one, HoldView)]
    assert len(holds) == 15
    assert {one.extra["available"] for one in results if isinstance(one, Refusal)} == {0}
    assert len(await world.seats()) == 30
