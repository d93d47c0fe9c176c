"""Who is inside: who leaves, pays, gives back, lets lapse or does nothing makes room for the next."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from houseful.line.domain import admission, lines, visits
from houseful.line.domain.lines import Visit
from houseful.webapi.shop_signals import Departure, ShopFigures, Stay
from tests.unit.line.harness import EVENT, ON_SALE, ORGANIZER, START, Harness

LAST: dict[str, Any] = {"seats_left": {"Standard": 4}}
"""The end of a sale: with two seats each, two can be inside."""


PEOPLE = 12


@pytest.fixture
async def sale(harness: Harness) -> Harness:
    """Twelve wait for four seats; the first two are called and come in."""
    await open_sale(harness)
    return harness


async def open_sale(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join(*range(PEOPLE))
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    assert await harness.admit(**LAST) == 2
    await come(harness, 2)


async def come(harness: Harness, front: int) -> None:
    """Who was called and has not come yet does."""
    for user in range(PEOPLE):
        number = await harness.number(user)
        if number is not None and number <= front and await visit_of(harness, f"usr_{user}") is None:
            await harness.line.line_pass(f"usr_{user}", EVENT)


async def most_inside(harness: Harness, seconds: int) -> tuple[int, int]:
    """In a sale in which all come who are called and nobody holds: by how many more than the bound were
    inside at most, and how far the line was called."""
    front, over = 2, 0
    for _ in range(seconds):
        now = await harness.admit(**LAST)
        if now > front:
            await come(harness, now)
        front = now
        shown = await harness.line.control.figures(ORGANIZER, EVENT)
        over = max(over, await inside(harness) - shown.bound)
    return over, front


async def visit_of(harness: Harness, user_id: str) -> Visit | None:
    return await harness.store.get(Visit, harness.line.entry_id(EVENT, user_id))


async def inside(harness: Harness) -> int:
    return await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True})


async def users_inside(harness: Harness) -> list[str]:
    found = []
    for user in range(PEOPLE):
        visit = await visit_of(harness, f"usr_{user}")
        if visit is not None and visit.is_inside:
            found.append(f"usr_{user}")
    return found


def stay(user_id: str, seconds: float, at: int) -> Stay:
    return Stay(user_id, round(seconds * 1000), at)


async def test_who_has_a_pass_and_does_nothing_makes_room_after_two_minutes(sale: Harness) -> None:
    assert await sale.admit(115, **LAST) == 2, "nobody is called beyond the bound"
    front = await sale.admit(10, **LAST)
    assert front > 2
    assert await inside(sale) == 0


async def test_the_end_of_a_sale_goes_on_and_inside_stays_within_its_bound(sale: Harness) -> None:
    """L5."""
    over, front = await most_inside(sale, 500)
    assert over <= 0
    assert front == PEOPLE


async def test_l5_control_without_the_two_minutes_the_end_of_a_sale_stalls(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "IDLE_MILLIS", 600_000)
    await open_sale(harness)
    assert await most_inside(harness, 500) == (0, 2)


async def test_l5_control_without_the_bound_more_are_inside(
    sale: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "room_inside", lambda by_pace, by_seats, expected: 1_000_000)
    over, _ = await most_inside(sale, 3)
    assert over > 0


async def test_a_pass_stays_good_for_who_is_not_counted_any_more(sale: Harness) -> None:
    [first, _] = await users_inside(sale)
    await sale.admit(125, **LAST)
    assert await inside(sale) == 0
    await sale.line.line_pass(first, EVENT)
    assert await inside(sale) == 0, "a page that is left open and renews its pass takes no room"
    await sale.admit(stays=(stay(first, 600, sale.clock.now()),), **LAST)
    assert await users_inside(sale) == [first], "who holds is inside again"


async def test_who_comes_again_after_the_pass_has_ended_is_inside_again(sale: Harness) -> None:
    [first, _] = await users_inside(sale)
    await sale.clock.advance(601)
    await sale.admit(**LAST)
    assert await inside(sale) == 0
    await sale.line.line_pass(first, EVENT)
    assert await users_inside(sale) == [first]


async def test_a_hold_or_an_order_counts_until_it_lapses(sale: Harness) -> None:
    holder, orderer = await users_inside(sale)
    at = sale.clock.now()
    await sale.admit(stays=(stay(holder, 300, at), stay(orderer, 300, at)), **LAST)
    await sale.admit(200, **LAST)
    await sale.admit(stays=(stay(orderer, 600, sale.clock.now()),), **LAST)
    assert await users_inside(sale) == [holder, orderer]
    before = await sale.admit(90, **LAST)
    assert before == 2
    assert await sale.admit(15, **LAST) > before, "a hold that has lapsed makes room at once"
    assert await users_inside(sale) == [orderer]


async def test_a_hold_that_lapses_early_ends_the_visit_early(sale: Harness) -> None:
    holder, idle = await users_inside(sale)
    await sale.admit(stays=(stay(holder, 30, sale.clock.now()),), **LAST)
    await sale.admit(32, **LAST)
    assert await users_inside(sale) == [idle]


@pytest.mark.parametrize("notes", [("hold", "leave"), ("leave", "hold")])
@pytest.mark.parametrize("steps", [1, 2])
async def test_what_was_before_somebody_left_keeps_nobody_in(
    sale: Harness, notes: Sequence[str], steps: int
) -> None:
    """Two processes of the shop may tell in either order, in one step or in two."""
    buyer, _ = await users_inside(sale)
    at = sale.clock.now()
    told = {
        "hold": ShopFigures(event_id=EVENT, process="shop_1", stays=(stay(buyer, 600, at),)),
        "leave": ShopFigures(event_id=EVENT, process="shop_2", departures=(Departure(buyer, 2, at + 1),)),
    }
    for note in notes:
        sale.line.admitting.hear(told[note])
        if steps == 2:
            await sale.line.admitting.step(EVENT)
    await sale.line.admitting.step(EVENT)
    assert buyer not in await users_inside(sale)
    visit = await visit_of(sale, buyer)
    assert visit is not None
    assert visit.seats == 2


async def test_who_buys_and_holds_again_is_inside_again(sale: Harness) -> None:
    buyer, _ = await users_inside(sale)
    at = sale.clock.now()
    await sale.admit(departures=(Departure(buyer, 2, at),), stays=(stay(buyer, 600, at),), **LAST)
    assert buyer in await users_inside(sale)


async def test_of_those_who_are_in_no_line_nothing_is_kept(sale: Harness) -> None:
    await sale.admit(departures=(Departure("usr_x", 1, 1),), stays=(stay("usr_y", 600, 1),), **LAST)
    assert await sale.store.count(Visit, {"event_id": EVENT}) == 2


async def test_visits_of_an_earlier_version_are_read(harness: Harness) -> None:
    """They end when their pass does, as they began."""
    fields = {
        "id": "evt_1:e1",
        "event_id": EVENT,
        "is_inside": True,
        "since": START,
        "until": START + 600_000,
    }
    old = msgspec.convert(fields, Visit)
    renewed = visits.claimed(old, old.id, EVENT, START + 900_000, START + 300_000)
    assert (renewed.until, renewed.is_inside) == (old.until, True)
    gone = visits.ended(old, 0, old.until)
    again = visits.claimed(gone, old.id, EVENT, old.until + 600_000, old.until)
    assert (again.is_inside, again.until) == (True, old.until + lines.IDLE_MILLIS)
