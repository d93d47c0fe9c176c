"""What the shop tells the lines that ask."""

import asyncio

import msgspec
import pytest

from houseful.kernel.errors import StateConflict, Unavailable
from houseful.tickets.domain.holds import HOLD_LIMIT
from houseful.tickets.schemas import HoldView
from houseful.tickets.use_cases import shop_figures
from houseful.tickets.use_cases.open_payments import PaymentsOpen
from houseful.webapi import shop_signals
from houseful.webapi.shop_signals import Departure, ShopFigures
from tests.unit.tickets.harness import Harness


async def test_each_line_is_told_the_same_trouble(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_figures, "_LATELY_SECONDS", 3600.0)
    await harness.show("evt_1")
    await harness.show("evt_2")
    teller = harness.tickets.shop_figures

    async def fails() -> HoldView:
        raise Unavailable("these seats are too busy")

    with pytest.raises(Unavailable):
        await harness.tickets.hold("usr_1", "evt_1", fails)
    with pytest.raises(StateConflict):
        await harness.tickets.hold("usr_1", "evt_1", _refused)
    told = [await teller._figures(event_id) for event_id in ("evt_1", "evt_2")]
    assert [(one.holds, one.unavailable) for one in told] == [(2, 1), (2, 1)]
    assert [one.event_holds for one in told] == [2, 0]


async def test_what_was_long_ago_is_no_trouble_now(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_figures, "_LATELY_SECONDS", -1.0)
    await harness.show("evt_1")

    with pytest.raises(StateConflict):
        await harness.tickets.hold("usr_1", "evt_1", _refused)
    assert (await harness.tickets.shop_figures._figures("evt_1")).holds == 0


async def _refused() -> HoldView:
    raise StateConflict("seats_taken", "These seats are taken.")


async def asked(harness: Harness) -> ShopFigures:
    """What the line is told when it asks."""
    [told, *_] = await asyncio.gather(_heard(harness), harness.tickets.shop_figures._tell("evt_1"))
    return told


async def _heard(harness: Harness) -> ShopFigures:
    async with harness.coordination.subscribe(shop_signals.TOLD) as signals:
        return msgspec.json.decode(await anext(aiter(signals)), type=ShopFigures)


@pytest.fixture
async def shop(harness: Harness) -> Harness:
    """A show whose line asks for its figures."""
    await harness.show()
    assert await asked(harness)
    return harness


def left(figures: ShopFigures) -> list[tuple[str, int]]:
    return [(one.user_id, one.seats) for one in figures.departures]


def staying(figures: ShopFigures) -> list[tuple[str, int]]:
    return [(one.user_id, one.runs_millis // 1000) for one in figures.stays]


async def test_who_holds_stays_until_the_hold_lapses_and_is_told_of_once(shop: Harness) -> None:
    await shop.hold("A-1", "A-2")
    told = await asked(shop)
    assert (left(told), staying(told)) == ([], [("usr_1", 600)])
    told = await asked(shop)
    assert (left(told), staying(told)) == ([], [])


async def test_who_orders_stays_until_the_order_lapses(shop: Harness) -> None:
    held = await shop.hold("A-1")
    await shop.clock.advance(400)
    await asked(shop)
    await shop.order(held.hold_id)
    assert staying(await asked(shop)) == [("usr_1", 600)]


async def test_who_gives_back_the_last_hold_has_left(shop: Harness) -> None:
    first, second = await shop.hold("A-1"), await shop.hold("A-2")
    await shop.tickets.release("usr_1", first.hold_id)
    told = await asked(shop)
    assert (left(told), staying(told)) == ([("usr_1", 0)], [("usr_1", 600)])
    await shop.tickets.release("usr_1", second.hold_id)
    told = await asked(shop)
    assert (left(told), staying(told)) == ([("usr_1", 0)], [])


async def test_who_buys_or_cancels_has_left(shop: Harness) -> None:
    bought, cancelled = await shop.bought("A-1", "A-2"), await shop.placed("B-1", user="usr_2")
    await shop.deliver()
    await shop.cancel(cancelled, user="usr_2")
    told = await asked(shop)
    assert (left(told), staying(told)) == ([("usr_1", 2), ("usr_2", 0)], [])
    assert bought


async def test_what_could_not_be_told_is_told_later(shop: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.hold("A-1")
    await shop.hold("A-2", user="usr_2")

    async def away(channel: str, signal: bytes) -> None:
        raise Unavailable("the coordination is away")

    monkeypatch.setattr(shop.coordination, "publish", away)
    await shop.tickets.shop_figures._tell("evt_1")
    monkeypatch.undo()
    assert staying(await asked(shop)) == [("usr_1", 600), ("usr_2", 600)]


async def test_while_no_line_asks_nothing_is_noted(harness: Harness) -> None:
    await harness.show()
    held = await harness.hold("A-1")
    await harness.tickets.release("usr_1", held.hold_id)
    assert left(await asked(harness)) == []


def test_figures_of_an_earlier_version_are_read() -> None:
    told = b'{"event_id":"evt_1","process":"shop_1","departures":[["usr_1",2]]}'
    assert msgspec.json.decode(told, type=ShopFigures).departures == (Departure("usr_1", 2),)


async def test_holds_refusals_and_failed_payments_are_counted_while_a_line_asks(shop: Harness) -> None:
    first = (await asked(shop)).count
    assert first is not None
    await shop.hold("A-1")

    async def fails() -> HoldView:
        raise Unavailable("these seats are too busy")

    with pytest.raises(StateConflict):
        await shop.tickets.hold("usr_1", "evt_1", _refused)
    with pytest.raises(Unavailable):
        await shop.tickets.hold("usr_1", "evt_1", fails)
    with pytest.raises(StateConflict):
        await shop.tickets.hold("usr_1", "evt_other", _refused)
    shop.tickets.shop_figures.declined("evt_1", "card_declined")
    for _ in range(2):  # they only grow
        told = (await asked(shop)).count
        assert told is not None
        assert told.of == first.of
        assert sum(told.tally.holds) == 3
        assert told.tally.refused == {"seats_taken": 1, "unavailable": 1}
        assert told.tally.declined == {"card_declined": 1}


@pytest.mark.parametrize(
    "obstacles",
    [("limit",), ("payment", "payment"), ("payment", "limit"), ("limit", "payment")],
)
async def test_a_hold_that_is_granted_in_the_end_was_not_refused(
    shop: Harness, monkeypatch: pytest.MonkeyPatch, obstacles: tuple[str, ...]
) -> None:
    view = await shop.hold("A-1")
    left = list(obstacles)

    async def hold() -> HoldView:
        if not left:
            return view
        if left.pop(0) == "limit":
            raise StateConflict(HOLD_LIMIT, "Too many seats are held.")
        raise PaymentsOpen([])

    async def paid(user_id: str) -> bool:
        return True

    monkeypatch.setattr(shop.tickets.reconciliation, "ask_for_payments", paid)
    assert await shop.tickets.hold("usr_1", "evt_1", hold) == view
    told = (await asked(shop)).count
    assert told is not None
    assert told.tally.refused == {}


async def test_a_counting_that_nobody_asked_for_begins_anew(shop: Harness) -> None:
    before = (await asked(shop)).count
    await _pauses(shop)
    after = (await asked(shop)).count
    assert before is not None
    assert after is not None
    assert after.of != before.of


async def _pauses(shop: Harness) -> None:
    """The line of this event asks no more, that of another does."""
    await shop.show("evt_2")
    await shop.clock.advance(11)
    await shop.tickets.shop_figures._tell("evt_2")


async def test_reasons_are_bounded(shop: Harness) -> None:
    for number in range(1000):
        shop.tickets.shop_figures.declined("evt_1", f"code_{number}")
    told = (await asked(shop)).count
    assert told is not None
    assert (len(told.tally.declined), told.tally.declined["other"]) == (31, 970)


async def test_a_sale_is_seen_with_the_age_of_its_message(shop: Harness) -> None:
    assert (await asked(shop)).arrival_seconds is None
    await shop.bought("A-1", "A-2")
    await shop.clock.advance(3)
    await shop.deliver()
    told = await asked(shop)
    assert (told.seats_sold, told.arrival_seconds) == (2, 3.0)
