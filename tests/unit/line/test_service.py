"""A line from the lobby to the end."""

import asyncio

import pytest
from msgspec.structs import replace

from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Invalid, NotFound, StateConflict
from houseful.kernel.roles import Identity
from houseful.line.domain import audit, draw
from houseful.line.domain.lines import Entry, Phase, Visit
from houseful.messages import EventCancelled, EventChanged
from tests.unit.line.world import EVENT, ON_SALE, ORGANIZER, START, Departure, World, who

SEALED = ON_SALE - 60_000


async def opened(world: World, people: int = 20) -> None:
    await world.opened_lobby()
    await world.join(*range(people))
    await world.until(SEALED)
    await world.until(ON_SALE)


async def test_an_account_has_one_place_from_every_device(world: World) -> None:
    await world.opened_lobby()
    places = await asyncio.gather(*(world.line.join(who("usr_1"), EVENT) for _ in range(10)))
    assert "new" in {joined for _, joined in places}
    assert {(place.entry.id, place.receipt) for place, _ in places} == {
        (places[0][0].entry.id, places[0][0].receipt)
    }
    assert (await world.line.join(who("usr_1"), EVENT))[1] == "again"
    assert await world.store.count(Entry, {"event_id": EVENT}) == 1


async def test_one_joins_when_the_lobby_is_open(world: World) -> None:
    with pytest.raises(NotFound):
        await world.join(1)
    await world.publish()
    with pytest.raises(StateConflict, match="not opened"):
        await world.join(1)
    await world.until(START + 60_000)
    await world.join(1)
    assert await world.number(1) is None
    with pytest.raises(NotFound, match="not joined"):
        await world.number(2)


async def test_the_line_is_drawn_as_it_was_promised(world: World) -> None:
    await world.opened_lobby()
    commitment = draw.commitment((await world.stored()).server_seed).hex()
    await world.join(*range(50))
    await world.until(SEALED)
    line = await world.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 50)
    assert await world.number(1) is None
    with pytest.raises(StateConflict, match="not drawn"):
        await world.line.audit(EVENT)
    await world.until(ON_SALE)
    numbers = [await world.number(user) for user in range(50)]
    assert sorted(filter(None, numbers)) == list(range(1, 51))
    told = await world.line.audit(EVENT)
    assert audit.contradictions(told) == []
    assert (told.commitment, told.root) == (commitment, (line.root or b"").hex())


async def test_numbers_stay_through_deaths(world: World) -> None:
    """L1, L6."""
    await opened(world)
    numbers = [await world.number(user) for user in range(20)]
    await world.join("late")
    await world.line.progress.number(EVENT)
    for _ in range(3):
        world = await world.again()
        assert [await world.number(user) for user in range(20)] == numbers
        assert await world.number("late") == 21
        await world.join(*range(20), "late")
        await world.line.progress.take_due()
        await world.line.progress.number(EVENT)
    await world.store.close()


async def test_a_death_between_the_steps_of_the_seal_changes_nothing(world: World) -> None:
    """The lobby has closed and the process dies: who joins then comes after the draw, who was in it is in."""
    await world.opened_lobby()
    await world.join(*range(9))
    await world.clock.advance((SEALED - world.clock.now()) / 1000)
    assert await world.line.progress._closing(await world.stored()) is not None
    world = await world.again()
    await world.join("between")
    await world.line.progress.take_due()
    line = await world.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 9)
    await world.line.progress.number(EVENT)
    assert await world.number("between") == 10
    await world.store.close()


async def test_two_that_seal_at_once_make_one_list(world: World) -> None:
    other = world.beside()
    await world.opened_lobby()
    await world.join(*range(9))
    await world.clock.advance((SEALED - world.clock.now()) / 1000)
    await asyncio.gather(world.line.progress.take_due(), other.line.progress.take_due())
    line = await world.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 9)
    await world.until(ON_SALE)
    assert [await world.number(user) for user in range(9)] == [await other.number(user) for user in range(9)]
    await other.store.close()


async def test_an_entry_that_missed_the_list_comes_after_the_draw(world: World) -> None:
    await opened(world, 5)
    id = world.line.entry_id(EVENT, "usr_slow")
    async with world.store.begin() as tx:
        tx.insert(Entry(id=id, event_id=EVENT, joined_at=SEALED - 1, queue="lobby"))
    assert await world.number("slow") is None
    await world.line.progress.number(EVENT)
    assert await world.number("slow") == 6


async def test_two_sequencers_give_each_number_once(world: World) -> None:
    """L3."""
    other = world.beside()
    await opened(world, 10)
    for start in range(0, 120, 40):
        await world.join(*range(100 + start, 140 + start))
        await asyncio.gather(
            *(one.line.progress.number(EVENT) for one in (world, other, world, other)),
            return_exceptions=False,
        )
    numbers = [await world.number(user) for user in (*range(10), *range(100, 220))]
    assert sorted(filter(None, numbers)) == list(range(1, 131))
    await other.store.close()


async def test_newcomers_are_numbered_in_order_of_arrival(world: World) -> None:
    await opened(world, 3)
    for user in ("a", "b", "c"):
        await world.join(user)
        await world.clock.advance(0.01)
    await world.line.progress.number(EVENT)
    assert [await world.number(user) for user in ("a", "b", "c")] == [4, 5, 6]


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_clock_that_is_wrong_takes_no_chance_from_anybody(world: World, minutes: int) -> None:
    """L8: a process with another time takes entries too; those of the lobby are in the draw."""
    wrong = world.beside(ManualClock(START + 60_000 + minutes * 60_000))
    await world.opened_lobby()
    await world.join("right")
    await wrong.join("wrong")
    await world.until(SEALED)
    await world.until(ON_SALE)
    assert sorted([await world.number("right") or 0, await wrong.number("wrong") or 0]) == [1, 2]
    assert (await world.stored()).drawn == 2
    await wrong.store.close()


async def test_a_pass_is_for_who_was_called(world: World) -> None:
    """L2."""
    await opened(world, 40)
    front = await world.admit()
    assert 0 < front < 40
    for user in range(40):
        number = await world.number(user)
        assert number is not None
        if number <= front:
            signed, expires_at = await world.line.line_pass(f"usr_{user}", EVENT)
            assert expires_at - world.clock.now() == pytest.approx(600_000, abs=1000)
            assert signed.count(".") == 2
        else:
            with pytest.raises(StateConflict) as raised:
                await world.line.line_pass(f"usr_{user}", EVENT)
            assert raised.value.extra == {"number": number, "admitted_up_to": front}
    assert await world.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == front


async def test_admission_goes_on_after_a_death_where_it_was(world: World) -> None:
    await opened(world, 100)
    front = await world.admit(2)
    world = await world.again()
    assert (await world.line.control.figures(ORGANIZER, EVENT)).admitted_up_to == front
    assert front < await world.admit(2) <= 100
    await world.store.close()


async def test_who_buys_leaves_or_lets_the_pass_expire_makes_room(world: World) -> None:
    await opened(world, 3)
    await world.admit(3)
    for user in range(3):
        await world.line.line_pass(f"usr_{user}", EVENT)
    await world.admit(departures=(Departure("usr_0", 2),))
    await world.line.leave("usr_1", EVENT)
    await world.line.leave("usr_1", EVENT)
    await world.admit()
    assert await world.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 1
    await world.clock.advance(601)
    await world.admit()
    assert await world.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 0
    await world.line.line_pass("usr_1", EVENT)
    assert await world.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 1


async def test_sold_out_stops_and_goes_on_by_itself(world: World) -> None:
    await opened(world)
    await world.admit(seats_left={"Standard": 0})
    assert (await world.stored()).phase is Phase.SOLD_OUT
    front = await world.admit(seats_left={"Standard": 0})
    await world.admit(seats_left={"Standard": 4})
    assert (await world.stored()).phase is Phase.OPEN
    assert front < await world.admit(seats_left={"Standard": 4})


async def test_the_organizer_controls_the_line_and_it_is_recorded(world: World) -> None:
    await opened(world)
    await world.line.control.act(ORGANIZER, EVENT, "rate_cap", rate_cap=0.0)
    front = await world.admit(3)
    await world.line.control.act(ORGANIZER, EVENT, "rate_cap")
    await world.line.control.act(ORGANIZER, EVENT, "pause")
    assert await world.admit(3) == front
    with pytest.raises(StateConflict, match="is paused"):
        await world.line.control.act(ORGANIZER, EVENT, "pause")
    await world.line.control.act(ORGANIZER, EVENT, "resume")
    assert await world.admit(3) > front
    await world.line.control.act(ORGANIZER, EVENT, "message", message="In ten minutes")
    assert (await world.stored()).message == "In ten minutes"
    with pytest.raises(Invalid):
        await world.line.control.act(ORGANIZER, EVENT, "message")
    await world.line.control.act(ORGANIZER, EVENT, "close")
    assert (await world.stored()).phase is Phase.ENDED
    acts = (await world.line.control.figures(ORGANIZER, EVENT)).acts
    assert {act.action for act in acts} == {"rate_cap", "pause", "resume", "message", "close"}
    assert {act.user_id for act in acts} == {ORGANIZER.user_id}
    stranger = Identity("usr_9", "ses_9", frozenset({"organizer"}), 2**62, 0)
    with pytest.raises(NotFound):
        await world.line.control.act(stranger, EVENT, "pause")
    with pytest.raises(NotFound):
        await world.line.control.figures(stranger, EVENT)


async def test_a_pair_opens_late_and_says_why(world: World) -> None:
    secret = b"organizer's secret"
    await world.opened_lobby(beacon="pair", commitment=draw.commitment(secret).hex())
    await world.join(*range(9))
    with pytest.raises(StateConflict, match="between the seal and the draw"):
        await world.line.control.act(ORGANIZER, EVENT, "reveal", secret=secret.hex())
    await world.until(SEALED)
    await world.until(ON_SALE)
    line = await world.stored()
    assert (line.phase, line.late) == (Phase.SEALED, "The draw waits for the organizer's secret.")
    with pytest.raises(Invalid):
        await world.line.control.act(ORGANIZER, EVENT, "reveal", secret=b"another".hex())
    with pytest.raises(Invalid):
        await world.line.control.act(ORGANIZER, EVENT, "reveal", secret="no hex")
    await world.line.control.act(ORGANIZER, EVENT, "reveal", secret=secret.hex())
    await world.line.progress.take_due()
    line = await world.stored()
    assert (line.phase, line.late) == (Phase.OPEN, "")
    told = await world.line.audit(EVENT)
    assert audit.contradictions(told) == []
    assert told.beacon is not None
    assert told.beacon.value == secret.hex()


async def test_a_proof_leads_to_the_root(world: World) -> None:
    await opened(world, 11)
    await world.join("late")
    root = (await world.stored()).root or b""
    for user in range(11):
        place, index, size, path = await world.line.proof(f"usr_{user}", EVENT)
        assert draw.is_included(place.entry.entrant, index, size, path, root)
    with pytest.raises(StateConflict, match="after the lobby"):
        await world.line.proof("usr_late", EVENT)


async def test_what_becomes_of_the_event_becomes_of_the_line(world: World) -> None:
    await world.opened_lobby()
    changed = EventChanged(
        event_id=EVENT,
        title="A show",
        on_sale_at=ON_SALE + 60_000,
        max_seats_per_order=8,
        refundable_until=None,
    )
    await world.receive(changed)
    await world.until(SEALED)
    assert (await world.stored()).phase is Phase.LOBBY
    await world.until(SEALED + 60_000)
    assert (await world.stored()).phase is Phase.SEALED
    await world.receive(EventCancelled(event_id=EVENT))
    await world.receive(EventCancelled(event_id=EVENT))
    assert (await world.stored()).phase is Phase.ENDED
    with pytest.raises(StateConflict, match="has ended"):
        await world.join(1)
    await world.receive(EventCancelled(event_id="evt_without"))


async def test_a_line_ends_with_its_event(world: World) -> None:
    await opened(world)
    line = await world.stored()
    await world.until(line.is_over_at)
    assert (await world.stored()).phase is Phase.ENDED
    assert replace(line, phase=Phase.ENDED, due_at=None) == await world.stored()
