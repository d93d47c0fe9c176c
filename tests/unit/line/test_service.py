"""A line from the lobby to the end."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Invalid, NotFound, StateConflict
from houseful.kernel.roles import Identity
from houseful.line.domain import audit, draw
from houseful.line.domain.lines import Entry, Phase, Visit
from houseful.messages import EventCancelled, EventChanged, EventRescheduled, Reschedule
from tests.unit.line.harness import EVENT, ON_SALE, ORGANIZER, START, Departure, Harness, who

SEALED = ON_SALE - 60_000


async def opened(harness: Harness, people: int = 20) -> None:
    await harness.opened_lobby()
    await harness.join(*range(people))
    await harness.until(SEALED)
    await harness.until(ON_SALE)


async def test_an_account_has_one_place_from_every_device(harness: Harness) -> None:
    await harness.opened_lobby()
    places = await asyncio.gather(*(harness.line.join(who("usr_1"), EVENT) for _ in range(10)))
    assert "new" in {joined for _, joined in places}
    assert {(place.entry.id, place.receipt) for place, _ in places} == {
        (places[0][0].entry.id, places[0][0].receipt)
    }
    assert (await harness.line.join(who("usr_1"), EVENT))[1] == "again"
    assert await harness.store.count(Entry, {"event_id": EVENT}) == 1


async def test_one_joins_when_the_lobby_is_open(harness: Harness) -> None:
    with pytest.raises(NotFound):
        await harness.join(1)
    await harness.publish()
    with pytest.raises(StateConflict, match="not opened"):
        await harness.join(1)
    await harness.until(START + 60_000)
    await harness.join(1)
    assert await harness.number(1) is None
    with pytest.raises(NotFound, match="not joined"):
        await harness.number(2)


async def test_the_line_is_drawn_as_it_was_promised(harness: Harness) -> None:
    await harness.opened_lobby()
    commitment = draw.commitment((await harness.stored()).server_seed).hex()
    await harness.join(*range(50))
    await harness.until(SEALED)
    line = await harness.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 50)
    assert await harness.number(1) is None
    with pytest.raises(StateConflict, match="not drawn"):
        await harness.line.audit(EVENT)
    await harness.until(ON_SALE)
    numbers = [await harness.number(user) for user in range(50)]
    assert sorted(filter(None, numbers)) == list(range(1, 51))
    told = await harness.line.audit(EVENT)
    assert audit.contradictions(told) == []
    assert (told.commitment, told.root) == (commitment, (line.root or b"").hex())


async def test_numbers_stay_through_deaths(harness: Harness) -> None:
    """L1, L6."""
    await opened(harness)
    numbers = [await harness.number(user) for user in range(20)]
    await harness.join("late")
    await harness.line.progress.number(EVENT)
    for _ in range(3):
        harness = await harness.again()
        assert [await harness.number(user) for user in range(20)] == numbers
        assert await harness.number("late") == 21
        await harness.join(*range(20), "late")
        await harness.line.progress.take_due()
        await harness.line.progress.number(EVENT)
    await harness.store.close()


async def test_a_death_between_the_steps_of_the_seal_changes_nothing(harness: Harness) -> None:
    """The lobby has closed and the process dies: who joins then comes after the draw, who was in it is in."""
    await harness.opened_lobby()
    await harness.join(*range(9))
    await harness.clock.advance((SEALED - harness.clock.now()) / 1000)
    assert await harness.line.progress._closing(await harness.stored()) is not None
    harness = await harness.again()
    await harness.join("between")
    await harness.line.progress.take_due()
    line = await harness.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 9)
    await harness.line.progress.number(EVENT)
    assert await harness.number("between") == 10
    await harness.store.close()


async def test_two_that_seal_at_once_make_one_list(harness: Harness) -> None:
    other = harness.beside()
    await harness.opened_lobby()
    await harness.join(*range(9))
    await harness.clock.advance((SEALED - harness.clock.now()) / 1000)
    await asyncio.gather(harness.line.progress.take_due(), other.line.progress.take_due())
    line = await harness.stored()
    assert (line.phase, line.drawn) == (Phase.SEALED, 9)
    await harness.until(ON_SALE)
    assert [await harness.number(user) for user in range(9)] == [
        await other.number(user) for user in range(9)
    ]
    await other.store.close()


async def test_an_entry_that_missed_the_list_comes_after_the_draw(harness: Harness) -> None:
    await opened(harness, 5)
    id = harness.line.entry_id(EVENT, "usr_slow")
    async with harness.store.begin() as tx:
        tx.insert(Entry(id=id, event_id=EVENT, joined_at=SEALED - 1, queue="lobby"))
    assert await harness.number("slow") is None
    await harness.line.progress.number(EVENT)
    assert await harness.number("slow") == 6


async def test_two_sequencers_give_each_number_once(harness: Harness) -> None:
    """L3."""
    other = harness.beside()
    await opened(harness, 10)
    for start in range(0, 120, 40):
        await harness.join(*range(100 + start, 140 + start))
        await asyncio.gather(
            *(one.line.progress.number(EVENT) for one in (harness, other, harness, other)),
            return_exceptions=False,
        )
    numbers = [await harness.number(user) for user in (*range(10), *range(100, 220))]
    assert sorted(filter(None, numbers)) == list(range(1, 131))
    await other.store.close()


async def test_newcomers_are_numbered_in_order_of_arrival(harness: Harness) -> None:
    await opened(harness, 3)
    for user in ("a", "b", "c"):
        await harness.join(user)
        await harness.clock.advance(0.01)
    await harness.line.progress.number(EVENT)
    assert [await harness.number(user) for user in ("a", "b", "c")] == [4, 5, 6]


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_clock_that_is_wrong_takes_no_chance_from_anybody(harness: Harness, minutes: int) -> None:
    """L8: a process with another time takes entries too; those of the lobby are in the draw."""
    wrong = harness.beside(ManualClock(START + 60_000 + minutes * 60_000))
    await harness.opened_lobby()
    await harness.join("right")
    await wrong.join("wrong")
    await harness.until(SEALED)
    await harness.until(ON_SALE)
    assert sorted([await harness.number("right") or 0, await wrong.number("wrong") or 0]) == [1, 2]
    assert (await harness.stored()).drawn == 2
    await wrong.store.close()


async def test_a_pass_is_for_who_was_called(harness: Harness) -> None:
    """L2."""
    await opened(harness, 40)
    front = await harness.admit()
    assert 0 < front < 40
    for user in range(40):
        number = await harness.number(user)
        assert number is not None
        if number <= front:
            signed, expires_at = await harness.line.line_pass(f"usr_{user}", EVENT)
            assert expires_at - harness.clock.now() == pytest.approx(600_000, abs=1000)
            assert signed.count(".") == 2
        else:
            with pytest.raises(StateConflict) as raised:
                await harness.line.line_pass(f"usr_{user}", EVENT)
            assert raised.value.extra == {"number": number, "admitted_up_to": front}
    assert await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == front


async def test_admission_goes_on_after_a_death_where_it_was(harness: Harness) -> None:
    await opened(harness, 100)
    front = await harness.admit(2)
    harness = await harness.again()
    assert (await harness.line.control.figures(ORGANIZER, EVENT)).admitted_up_to == front
    assert front < await harness.admit(2) <= 100
    await harness.store.close()


async def test_who_buys_leaves_or_lets_the_pass_expire_makes_room(harness: Harness) -> None:
    await opened(harness, 3)
    await harness.admit(3)
    for user in range(3):
        await harness.line.line_pass(f"usr_{user}", EVENT)
    await harness.admit(departures=(Departure("usr_0", 2),))
    await harness.line.leave("usr_1", EVENT)
    await harness.line.leave("usr_1", EVENT)
    await harness.admit()
    assert await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 1
    await harness.clock.advance(601)
    await harness.admit()
    assert await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 0
    await harness.line.line_pass("usr_1", EVENT)
    assert await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 1


async def test_sold_out_stops_and_goes_on_by_itself(harness: Harness) -> None:
    await opened(harness)
    await harness.admit(seats_left={"Standard": 0})
    assert (await harness.stored()).phase is Phase.SOLD_OUT
    front = await harness.admit(seats_left={"Standard": 0})
    await harness.admit(seats_left={"Standard": 4})
    assert (await harness.stored()).phase is Phase.OPEN
    assert front < await harness.admit(seats_left={"Standard": 4})


async def test_the_organizer_controls_the_line_and_it_is_recorded(harness: Harness) -> None:
    await opened(harness)
    await harness.line.control.act(ORGANIZER, EVENT, "rate_cap", rate_cap=0.0)
    front = await harness.admit(3)
    await harness.line.control.act(ORGANIZER, EVENT, "rate_cap")
    await harness.line.control.act(ORGANIZER, EVENT, "pause")
    assert await harness.admit(3) == front
    with pytest.raises(StateConflict, match="is paused"):
        await harness.line.control.act(ORGANIZER, EVENT, "pause")
    await harness.line.control.act(ORGANIZER, EVENT, "resume")
    assert await harness.admit(3) > front
    await harness.line.control.act(ORGANIZER, EVENT, "message", message="In ten minutes")
    assert (await harness.stored()).message == "In ten minutes"
    with pytest.raises(Invalid):
        await harness.line.control.act(ORGANIZER, EVENT, "message")
    await harness.line.control.act(ORGANIZER, EVENT, "close")
    assert (await harness.stored()).phase is Phase.ENDED
    acts = (await harness.line.control.figures(ORGANIZER, EVENT)).acts
    assert {act.action for act in acts} == {"rate_cap", "pause", "resume", "message", "close"}
    assert {act.user_id for act in acts} == {ORGANIZER.user_id}
    stranger = Identity("usr_9", "ses_9", frozenset({"organizer"}), 2**62, 0)
    with pytest.raises(NotFound):
        await harness.line.control.act(stranger, EVENT, "pause")
    with pytest.raises(NotFound):
        await harness.line.control.figures(stranger, EVENT)


async def test_a_pair_opens_late_and_says_why(harness: Harness) -> None:
    secret = b"organizer's secret"
    await harness.opened_lobby(beacon="pair", commitment=draw.commitment(secret).hex())
    await harness.join(*range(9))
    with pytest.raises(StateConflict, match="between the seal and the draw"):
        await harness.line.control.act(ORGANIZER, EVENT, "reveal", secret=secret.hex())
    await harness.until(SEALED)
    await harness.until(ON_SALE)
    line = await harness.stored()
    assert (line.phase, line.late) == (Phase.SEALED, "The draw waits for the organizer's secret.")
    with pytest.raises(Invalid):
        await harness.line.control.act(ORGANIZER, EVENT, "reveal", secret=b"another".hex())
    with pytest.raises(Invalid):
        await harness.line.control.act(ORGANIZER, EVENT, "reveal", secret="no hex")
    await harness.line.control.act(ORGANIZER, EVENT, "reveal", secret=secret.hex())
    await harness.line.progress.take_due()
    line = await harness.stored()
    assert (line.phase, line.late) == (Phase.OPEN, "")
    told = await harness.line.audit(EVENT)
    assert audit.contradictions(told) == []
    assert told.beacon is not None
    assert told.beacon.value == secret.hex()


async def test_a_proof_leads_to_the_root(harness: Harness) -> None:
    await opened(harness, 11)
    await harness.join("late")
    root = (await harness.stored()).root or b""
    for user in range(11):
        place, index, size, path = await harness.line.proof(f"usr_{user}", EVENT)
        assert draw.is_included(place.entry.entrant, index, size, path, root)
    with pytest.raises(StateConflict, match="after the lobby"):
        await harness.line.proof("usr_late", EVENT)


async def test_a_line_knows_what_seats_cost_and_how_many_there_are_now(harness: Harness) -> None:
    await harness.opened_lobby()
    before = await harness.stored()
    changed = EventChanged(
        event_id=EVENT, title="A show", on_sale_at=None, max_seats_per_order=8, refundable_until=None
    )
    await harness.receive(changed)
    assert (await harness.stored()).prices == before.prices
    await harness.receive(msgspec.structs.replace(changed, prices={"Stalls": 1}, seats_total=7))
    line = await harness.stored()
    assert (line.prices, line.seats_total) == ({"Stalls": 1}, 7)


async def test_what_becomes_of_the_event_becomes_of_the_line(harness: Harness) -> None:
    await harness.opened_lobby()
    changed = EventChanged(
        event_id=EVENT,
        title="A show",
        on_sale_at=ON_SALE + 60_000,
        max_seats_per_order=8,
        refundable_until=None,
    )
    await harness.receive(changed)
    await harness.until(SEALED)
    assert (await harness.stored()).phase is Phase.LOBBY
    await harness.until(SEALED + 60_000)
    assert (await harness.stored()).phase is Phase.SEALED
    await harness.receive(EventCancelled(event_id=EVENT))
    await harness.receive(EventCancelled(event_id=EVENT))
    assert (await harness.stored()).phase is Phase.ENDED
    with pytest.raises(StateConflict, match="has ended"):
        await harness.join(1)
    await harness.receive(EventCancelled(event_id="evt_without"))


async def test_a_line_moves_with_its_event(harness: Harness) -> None:
    await opened(harness)
    line = await harness.stored()

    def moved(number: int, by: int) -> EventRescheduled:
        reschedule = Reschedule(
            number=number,
            at=ON_SALE,
            from_starts_at=line.starts_at,
            from_ends_at=line.ends_at,
            from_venue="The Hall",
            starts_at=line.starts_at + by,
            ends_at=None,
            venue="The Hall",
            message="The singer is ill.",
            return_until=line.starts_at,
        )
        return EventRescheduled(event_id=EVENT, reschedule=reschedule)

    for message in (moved(1, 1000), moved(2, 86_400_000), moved(2, 86_400_000), moved(1, 1000)):
        await harness.receive(message)
    await harness.receive(replace(moved(1, 1000), event_id="evt_without"))
    await harness.until(line.is_over_at)
    assert (await harness.stored()).phase is Phase.OPEN
    assert (await harness.stored()).is_over_at == line.starts_at + 86_400_000 + 3 * 3_600_000
    await harness.until((await harness.stored()).is_over_at)
    assert (await harness.stored()).phase is Phase.ENDED


async def test_a_line_ends_with_its_event(harness: Harness) -> None:
    await opened(harness)
    line = await harness.stored()
    await harness.until(line.is_over_at)
    assert (await harness.stored()).phase is Phase.ENDED
    assert replace(line, phase=Phase.ENDED, due_at=None) == await harness.stored()
