"""The picture of a hall: the same as what is stored, whatever was lost on the way."""

import pytest

from houseful.kernel.errors import Unavailable
from houseful.tickets.domain.availability import AVAILABLE, HELD
from houseful.tickets.use_cases import availability
from tests.unit.tickets.hall_in_use import Change, running, shown, stored, view_of
from tests.unit.tickets.harness import Harness


@pytest.mark.parametrize("seed", range(10))
async def test_what_is_shown_is_what_is_stored(harness: Harness, seed: int) -> None:
    await harness.show(areas=True)
    change = Change(harness, seed)
    for _ in range(60):
        await change.step()
        assert await shown(harness) == await stored(harness)


async def test_an_expired_hold_is_free_at_the_very_moment(harness: Harness) -> None:
    await harness.show(areas=True)
    await harness.hold("A-1", "A-2")
    await harness.clock.advance(599.999)
    assert (await shown(harness))[:3] == [HELD, HELD, AVAILABLE]
    await harness.clock.advance(0.001)
    assert (await shown(harness))[:3] == [AVAILABLE, AVAILABLE, AVAILABLE]


async def test_an_extended_hold_stays(harness: Harness) -> None:
    await harness.show(areas=True)
    hold = await harness.hold("A-1")
    await harness.clock.advance(500)
    await harness.order(hold.hold_id)
    await harness.clock.advance(200)
    assert (await shown(harness))[0] == HELD


async def test_other_processes_are_told_with_the_next_tick(harness: Harness) -> None:
    await harness.show(areas=True)
    other = harness.beside()
    await shown(other)
    async with running(other.tickets.availability.listen, harness.tickets.availability.run):
        await harness.clock.advance(0)
        await harness.hold("A-1", "floor-3")
        await harness.clock.advance(1)
        assert await shown(other) == await stored(harness)


async def test_a_lost_signal_is_made_up_for_within_half_a_minute(harness: Harness) -> None:
    await harness.show(areas=True)
    other = harness.beside()
    await shown(other)
    await harness.hold("A-1", "floor-3")
    assert (await shown(other))[0] == AVAILABLE  # nobody told it
    async with running(other.tickets.availability.run):
        await harness.clock.advance(31)
    assert await shown(other) == await stored(harness)


async def test_also_where_the_clock_was_set_back(harness: Harness) -> None:
    await harness.show(areas=True)
    other = harness.beside()
    await shown(other)
    async with running(other.tickets.availability.run):
        await harness.clock.advance(31)
        harness.clock.jump(-600)
        await harness.hold("A-1")
        await harness.clock.advance(31)
        assert await shown(other) == await stored(harness)


async def test_seats_that_a_set_back_clock_gives_back_to_their_hold_are_held_again(harness: Harness) -> None:
    await harness.show(areas=True)
    await harness.hold("A-1")
    harness.clock.jump(700)
    assert (await shown(harness))[0] == AVAILABLE
    harness.clock.jump(-700)
    async with running(harness.tickets.availability.run):
        await harness.clock.advance(31)
    assert (await shown(harness))[0] == HELD == (await stored(harness))[0]


async def test_without_coordination_a_change_is_still_shown_where_it_was_made(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show(areas=True)
    await shown(harness)

    async def down(*_: object) -> None:
        raise Unavailable("no signals today")

    monkeypatch.setattr(harness.coordination, "publish", down)
    await harness.hold("A-1")
    assert (await shown(harness))[0] == HELD


async def test_a_read_that_fails_is_made_up_for(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.show(areas=True)
    await harness.hold("A-1")
    get_many = harness.store.get_many

    async def down(*_: object) -> None:
        raise Unavailable("the engine is down")

    monkeypatch.setattr(harness.store, "get_many", down)
    with pytest.raises(Unavailable):
        await shown(harness)
    async with running(harness.tickets.availability.run):
        await harness.clock.advance(1)  # the job survives it
        monkeypatch.setattr(harness.store, "get_many", get_many)
        assert (await shown(harness))[0] == HELD


async def test_others_are_told_once_a_tick_and_not_of_nothing(harness: Harness) -> None:
    await harness.show(areas=True)
    got = []
    async with harness.coordination.subscribe(availability.CHANNEL) as signals:
        harness.tickets.availability.touch("evt_1", [])
        async with running(harness.tickets.availability.run):
            await harness.clock.advance(1)
            harness.tickets.availability.touch("evt_1", [2])
            harness.tickets.availability.touch("evt_1", [2, 1])
            await harness.clock.advance(1)
        async for signal in signals:
            got.append(signal.decode().split(" ")[1:])
            break
    assert got == [["evt_1", "1,2"]]


async def test_a_version_never_means_two_pictures(harness: Harness) -> None:
    """Also where the picture was put away because nobody looked, and made again."""
    await harness.show(areas=True)
    first = await harness.hold("A-1")
    before = (await view_of(harness)).version, (await view_of(harness)).snapshot()
    async with running(harness.tickets.availability.run):
        await harness.clock.advance(601)
    await harness.tickets.holding.release("usr_1", first.hold_id)
    await harness.hold("C-1")
    after = (await view_of(harness)).version, (await view_of(harness)).snapshot()
    assert before[1] != after[1]
    assert before[0] != after[0]
    assert after[0] < 2**53  # a browser keeps it in a double


async def test_only_what_nobody_looks_at_is_put_away(harness: Harness) -> None:
    await harness.show(areas=True)
    view = await view_of(harness)
    async with running(harness.tickets.availability.run):
        await harness.clock.advance(599)
        assert await view_of(harness) is view
        await harness.clock.advance(599)
        assert await view_of(harness) is view
        watching = harness.tickets.availability.watch("evt_1", view.layout, None)
        await anext(watching)
        await harness.clock.advance(3600)
        assert await view_of(harness) is view
        await watching.aclose()
        await harness.clock.advance(602)
        assert await view_of(harness) is not view
