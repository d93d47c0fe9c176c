"""The picture of a hall: the same as what is stored, whatever was lost on the way."""

import pytest

from houseful.kernel.errors import Unavailable
from houseful.tickets.domain.availability import AVAILABLE, HELD
from houseful.tickets.use_cases import availability
from tests.unit.tickets.hall_in_use import Change, running, shown, stored, view_of
from tests.unit.tickets.world import World


@pytest.mark.parametrize("seed", range(10))
async def test_what_is_shown_is_what_is_stored(world: World, seed: int) -> None:
    await world.show(areas=True)
    change = Change(world, seed)
    for _ in range(60):
        await change.step()
        assert await shown(world) == await stored(world)


async def test_an_expired_hold_is_free_at_the_very_moment(world: World) -> None:
    await world.show(areas=True)
    await world.hold("A-1", "A-2")
    await world.clock.advance(599.999)
    assert (await shown(world))[:3] == [HELD, HELD, AVAILABLE]
    await world.clock.advance(0.001)
    assert (await shown(world))[:3] == [AVAILABLE, AVAILABLE, AVAILABLE]


async def test_an_extended_hold_stays(world: World) -> None:
    await world.show(areas=True)
    hold = await world.hold("A-1")
    await world.clock.advance(500)
    await world.order(hold.hold_id)
    await world.clock.advance(200)
    assert (await shown(world))[0] == HELD


async def test_other_processes_are_told_with_the_next_tick(world: World) -> None:
    await world.show(areas=True)
    other = world.beside()
    await shown(other)
    async with running(other.tickets.availability.listen, world.tickets.availability.run):
        await world.clock.advance(0)
        await world.hold("A-1", "floor-3")
        await world.clock.advance(1)
        assert await shown(other) == await stored(world)


async def test_a_lost_signal_is_made_up_for_within_half_a_minute(world: World) -> None:
    await world.show(areas=True)
    other = world.beside()
    await shown(other)
    await world.hold("A-1", "floor-3")
    assert (await shown(other))[0] == AVAILABLE  # nobody told it
    async with running(other.tickets.availability.run):
        await world.clock.advance(31)
    assert await shown(other) == await stored(world)


async def test_also_where_the_clock_was_set_back(world: World) -> None:
    await world.show(areas=True)
    other = world.beside()
    await shown(other)
    async with running(other.tickets.availability.run):
        await world.clock.advance(31)
        world.clock.jump(-600)
        await world.hold("A-1")
        await world.clock.advance(31)
        assert await shown(other) == await stored(world)


async def test_seats_that_a_set_back_clock_gives_back_to_their_hold_are_held_again(world: World) -> None:
    await world.show(areas=True)
    await world.hold("A-1")
    world.clock.jump(700)
    assert (await shown(world))[0] == AVAILABLE
    world.clock.jump(-700)
    async with running(world.tickets.availability.run):
        await world.clock.advance(31)
    assert (await shown(world))[0] == HELD == (await stored(world))[0]


async def test_without_coordination_a_change_is_still_shown_where_it_was_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.show(areas=True)
    await shown(world)

    async def down(*_: object) -> None:
        raise Unavailable("no signals today")

    monkeypatch.setattr(world.coordination, "publish", down)
    await world.hold("A-1")
    assert (await shown(world))[0] == HELD


async def test_a_read_that_fails_is_made_up_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.show(areas=True)
    await world.hold("A-1")
    get_many = world.store.get_many

    async def down(*_: object) -> None:
        raise Unavailable("the engine is down")

    monkeypatch.setattr(world.store, "get_many", down)
    with pytest.raises(Unavailable):
        await shown(world)
    async with running(world.tickets.availability.run):
        await world.clock.advance(1)  # the job survives it
        monkeypatch.setattr(world.store, "get_many", get_many)
        assert (await shown(world))[0] == HELD


async def test_others_are_told_once_a_tick_and_not_of_nothing(world: World) -> None:
    await world.show(areas=True)
    got = []
    async with world.coordination.subscribe(availability.CHANNEL) as signals:
        world.tickets.availability.touch("evt_1", [])
        async with running(world.tickets.availability.run):
            await world.clock.advance(1)
            world.tickets.availability.touch("evt_1", [2])
            world.tickets.availability.touch("evt_1", [2, 1])
            await world.clock.advance(1)
        async for signal in signals:
            got.append(signal.decode().split(" ")[1:])
            break
    assert got == [["evt_1", "1,2"]]


async def test_a_version_never_means_two_pictures(world: World) -> None:
    """Also where the picture was put away because nobody looked, and made again."""
    await world.show(areas=True)
    first = await world.hold("A-1")
    before = (await view_of(world)).version, (await view_of(world)).snapshot()
    async with running(world.tickets.availability.run):
        await world.clock.advance(601)
    await world.tickets.holding.release("usr_1", first.hold_id)
    await world.hold("C-1")
    after = (await view_of(world)).version, (await view_of(world)).snapshot()
    assert before[1] != after[1]
    assert before[0] != after[0]
    assert after[0] < 2**53  # a browser keeps it in a double


async def test_only_what_nobody_looks_at_is_put_away(world: World) -> None:
    await world.show(areas=True)
    view = await view_of(world)
    async with running(world.tickets.availability.run):
        await world.clock.advance(599)
        assert await view_of(world) is view
        await world.clock.advance(599)
        assert await view_of(world) is view
        watching = world.tickets.availability.watch("evt_1", view.layout, None)
        await anext(watching)
        await world.clock.advance(3600)
        assert await view_of(world) is view
        await watching.aclose()
        await world.clock.advance(602)
        assert await view_of(world) is not view
