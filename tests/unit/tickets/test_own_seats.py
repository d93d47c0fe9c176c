"""Who asks for seats that are one's own already is told so, and by which hold."""

import asyncio

import pytest

from houseful.kernel.errors import DomainError
from houseful.webapi.audit import COMMAND_LINE
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal

FASTER = "Somebody else was faster"


async def test_seats_that_one_holds_already_are_not_somebody_elses(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1", "A-2")
    told = await refusal(harness.hold("A-1", "A-2"))
    assert (status_of(told), told.code) == (409, "seats_taken")
    assert told.extra == {
        "taken": ["A-1", "A-2"],
        "yours": ["A-1", "A-2"],
        "hold_id": hold.hold_id,
        "holds": {hold.hold_id: ["A-1", "A-2"]},
    }
    assert "You hold these already: Stalls, row A, seat 1, Stalls, row A, seat 2." in told.detail
    assert FASTER not in told.detail


async def test_ones_own_others_and_closed_ones_are_told_apart(harness: Harness) -> None:
    await harness.show()
    mine, also_mine = await harness.hold("A-1"), await harness.hold("A-2")
    await harness.hold("B-1", user="usr_2")
    await harness.tickets.inventory.set_blocked(await harness.show_of(), ["C-1"], [], COMMAND_LINE)
    told = await refusal(harness.hold("C-2", "C-1", "B-1", "A-2", "A-1"))
    assert told.extra["taken"] == ["A-1", "A-2", "B-1", "C-1"]
    assert told.extra["yours"] == ["A-1", "A-2"]
    assert told.extra["holds"] == {mine.hold_id: ["A-1"], also_mine.hold_id: ["A-2"]}
    assert told.extra["hold_id"] == mine.hold_id
    assert f"{FASTER}: Stalls, row B, seat 1." in told.detail
    assert "Not for sale: Stalls, row C, seat 1." in told.detail
    assert "You hold these already: Stalls, row A, seat 1, Stalls, row A, seat 2." in told.detail
    theirs = await refusal(harness.hold("A-1", "B-2", user="usr_2"))
    assert theirs.extra == {"taken": ["A-1"]}
    assert theirs.detail == f"{FASTER}: Stalls, row A, seat 1."


async def test_seats_of_ones_own_order_name_it(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    order = await harness.order(hold.hold_id)
    told = await refusal(harness.hold("A-1"))
    assert (told.extra["hold_id"], told.extra["order_id"]) == (hold.hold_id, order.id)
    harness.processor.pay(order.id)
    await harness.webhooks()
    told = await refusal(harness.hold("A-1", "A-2"))
    assert told.extra == {"taken": ["A-1"], "yours": ["A-1"], "order_id": order.id}
    assert told.detail == "You have bought these already: Stalls, row A, seat 1."
    assert (await refusal(harness.hold("A-1", user="usr_2"))).extra == {"taken": ["A-1"]}


async def test_what_was_ones_own_and_is_no_longer_can_be_had_again(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    await harness.hold("A-1")
    await harness.clock.advance(60)
    again = await harness.hold("A-1")
    await harness.tickets.holding.release("usr_1", again.hold_id)
    await harness.hold("A-1", user="usr_2")
    assert (await refusal(harness.hold("A-1"))).extra == {"taken": ["A-1"]}


async def test_of_two_tabs_at_once_the_later_is_told_that_they_are_its_own(harness: Harness) -> None:
    await harness.show()
    answers = await asyncio.gather(*(harness.hold("A-1") for _ in range(4)), return_exceptions=True)
    [hold] = [one for one in answers if not isinstance(one, BaseException)]
    for one in answers:
        if one is not hold:
            assert isinstance(one, DomainError)
            assert (one.code, one.extra["hold_id"]) == ("seats_taken", hold.hold_id)


async def test_who_lost_every_retry_to_oneself_is_told_so_too(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    harness.store.clashes = 1000
    told = asyncio.ensure_future(harness.hold("A-1"))
    with pytest.raises(DomainError) as refused:
        await told
    harness.store.clashes = 0
    assert refused.value.extra["hold_id"] == hold.hold_id


async def test_the_best_seats_are_others_than_ones_own(harness: Harness) -> None:
    await harness.show()
    first = await harness.best(4)
    second = await harness.best(4)
    assert not {seat.id for seat in first.seats} & {seat.id for seat in second.seats}


async def test_an_organizer_is_not_told_of_somebody_faster(harness: Harness) -> None:
    await harness.show()
    await harness.hold("A-1")
    told = await refusal(
        harness.tickets.inventory.set_blocked(await harness.show_of(), ["A-1"], [], COMMAND_LINE)
    )
    assert (told.code, told.extra) == ("seats_taken", {"taken": ["A-1"]})
    assert told.detail == "Held or sold just now: Stalls, row A, seat 1. Nothing was changed."
