"""Amending: the inventory follows another plan, nobody loses a seat, and no death on the way does harm."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import (
    AmendmentApplied,
    AmendmentRefused,
    AmendmentRequested,
    AvailabilityChanged,
    EventCancelled,
)
from houseful.tickets.domain.amendments import TRANSITIONS, Amendment, Stage, transition
from houseful.tickets.domain.blocks import FROZEN, FROZEN_BLOCKED, REMOVED, Block, SeatState
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.sales import Sales
from houseful.webapi.audit import Actor
from tests.support.deployment import PRICES, plan
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.tickets.harness import Harness, refusal
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.test_amended_layouts import changed, with_seat, without

Json = dict[str, Any]

BOX = {**PRICES, "Box": 9000}


def with_box(obj: Json) -> Json:
    return {**obj, "categories": [*obj["categories"], {"name": "Box"}]}


def another() -> Json:
    """A-10 goes, B-10 is in a new category, C-10 has another number, and C-99 is new."""
    new = without(with_box(plan()), "A-10")
    new = changed(changed(new, "B-10", category="Box"), "C-10", seat_number="11")
    return with_seat(new, 2, "C-99", 400)


async def asked(
    harness: Harness, new: Json, number: int = 1, prices: dict[str, int] | None = None
) -> AmendmentRequested:
    hash_, seats = harness.events.amend("evt_1", new)
    message = AmendmentRequested(
        event_id="evt_1",
        number=number,
        plan_hash=hash_,
        layout_version=f"version-{number}",
        seats_total=seats,
        prices=prices or BOX,
    )
    await harness.receive(message)
    return message


async def amend(harness: Harness, new: Json, number: int = 1) -> Amendment:
    await asked(harness, new, number)
    await harness.tickets.amending.amend_due()
    return await harness.get(Amendment, "evt_1")


async def layout_of(harness: Harness) -> Layout:
    return await harness.tickets.inventory.layout_of(await harness.show_of())


async def claims(harness: Harness) -> list[Any]:
    return [claim for block in await harness.every(Block) for claim in block.claims.values()]


async def must_be_whole(harness: Harness) -> None:
    """The hall is that of `another`, and nothing is left of the work."""
    show, layout = await harness.show_of(), await layout_of(harness)
    assert (show.seats_total, show.generated, show.removed_total, show.prices) == (30, 30, 1, BOX)
    assert show.plan_hash == layout.version == "version-1"
    blocks = sorted((block.first, block.count) for block in await harness.every(Block))
    assert blocks == [(0, 10), (10, 10), (20, 10), (30, 1)]
    assert [claim for claim in await claims(harness) if claim in (FROZEN, FROZEN_BLOCKED)] == []
    assert (await claims(harness)).count(REMOVED) == 1
    amendment = await harness.get(Amendment, "evt_1")
    assert (amendment.stage, amendment.look_at) == (Stage.APPLIED, None)
    assert [one.number for one in await harness.sent(AmendmentApplied)] == [1]
    assert await harness.sent(AmendmentRefused) == []
    await harness.verify()


async def test_unsold_seats_change_and_sold_ones_stay(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "B-1")
    await amend(harness, another())
    await must_be_whole(harness)
    assert {seat.seat_id for seat in (await harness.order_of(order_id)).seats} == {"A-1", "B-1"}
    held = await harness.hold("B-10", "C-10", "C-99")
    assert [(seat.id, seat.price_minor, seat.label) for seat in held.seats] == [
        ("B-10", 9000, "Stalls, row B, seat 10"),
        ("C-10", 3000, "Stalls, row C, seat 11"),
        ("C-99", 3000, "Stalls, row C, seat 99"),
    ]
    bought = await harness.bought("B-9", user="usr_2")
    assert (await harness.tickets.ordering.order_view("usr_2", bought)).seats[0].id == "B-9"
    assert (await refusal(harness.hold("A-10"))).code == "seat_not_found"
    await harness.tickets.holding.release("usr_1", held.hold_id)
    await harness.verify()


async def test_an_order_of_an_added_seat_goes_all_its_way(harness: Harness) -> None:
    await harness.show()
    await amend(harness, another())
    order_id = await harness.bought("C-99", "B-10")
    await harness.verify()
    _, order, tickets = await harness.tickets.ordering.tickets_of("usr_1", order_id)
    assert [ticket.seat.label for ticket in tickets] == ["Stalls, row C, seat 99", "Stalls, row B, seat 10"]
    assert order.total_minor == 12_000
    await harness.cancel(order_id)
    await harness.quiet()
    await harness.hold("C-99", user="usr_2")


@pytest.mark.parametrize("how", ["sold", "held", "ordered"])
async def test_a_seat_that_somebody_has_is_in_the_way_and_named(harness: Harness, how: str) -> None:
    await harness.show()
    wanted = ("A-10", "C-10")
    if how == "held":
        await harness.hold(*wanted)
    elif how == "ordered":
        await harness.placed(*wanted)
    else:
        await harness.bought(*wanted)
    before = await harness.seats()
    amendment = await amend(harness, another())
    assert (amendment.stage, amendment.look_at) == (Stage.REFUSED, None)
    [refused] = await harness.sent(AmendmentRefused)
    assert f"2 {'sold' if how == 'sold' else 'held'}" in refused.detail
    assert [text.split(" is ")[0] for text in refused.seats] == [
        "Stalls, row A, seat 10",
        "Stalls, row C, seat 10",
    ]
    assert await harness.seats() == before
    assert (await harness.show_of()).seats_total == 30
    assert await harness.sent(AmendmentApplied) == []
    assert (await layout_of(harness)).ordinal_of("C-99") is None


async def test_a_lapsed_hold_is_in_nobodys_way_and_an_open_payment_is_ended_first(harness: Harness) -> None:
    await harness.show()
    await harness.hold("A-10", user="usr_2")
    order_id = await harness.placed("C-10")
    await harness.clock.advance(3000)
    await amend(harness, another())
    await must_be_whole(harness)
    with pytest.raises(DomainError, match="no longer be paid"):
        harness.processor.pay(order_id)
    await harness.quiet()
    await harness.verify()


async def test_blocked_seats_stay_blocked_and_removed_ones_are_counted_no_more(harness: Harness) -> None:
    await harness.show()
    await harness.tickets.set_blocked(
        await harness.show_of(), ["A-10", "C-10"], [], Actor("usr_o", "organizer")
    )
    assert (await harness.get(Sales, "evt_1")).blocked == 2
    await amend(harness, another())
    await must_be_whole(harness)
    assert (await harness.get(Sales, "evt_1")).blocked == 1
    assert (await refusal(harness.hold("C-10"))).code == "seats_taken"
    await harness.tickets.set_blocked(await harness.show_of(), [], ["C-10"], Actor("usr_o", "organizer"))
    await harness.hold("C-10")
    assert (await harness.get(Sales, "evt_1")).blocked == 0


async def test_an_event_is_sold_out_where_the_unsold_seats_go_and_not_where_some_come(
    harness: Harness,
) -> None:
    await harness.show(rows=1, seats=2)
    await harness.bought("A-1")
    await harness.deliver()
    await amend(harness, without(plan(1, 2), "A-2"))
    assert [one.sold_out for one in await harness.sent(AvailabilityChanged)] == [True]
    await amend(harness, plan(1, 2), number=2)
    assert [one.sold_out for one in await harness.sent(AvailabilityChanged)] == [True, False]
    await harness.hold("A-2", user="usr_2")


async def test_a_message_that_comes_again_changes_nothing(harness: Harness) -> None:
    await harness.show()
    await amend(harness, another())
    await amend(harness, another())
    await must_be_whole(harness)


async def test_a_cancelled_event_gets_its_plan_all_the_same(harness: Harness) -> None:
    await harness.show()
    await asked(harness, another())
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.tickets.amending.amend_due()
    await must_be_whole(harness)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 6))
async def test_it_goes_on_after_a_death_at_every_commit(harness: Harness, commit: int, when: str) -> None:
    await harness.show()
    await harness.bought("A-1")
    await harness.deliver()
    await asked(harness, another())
    harness.store.dies_at, harness.store.commits = (commit, when), 0
    died = False
    try:
        await harness.tickets.amending.amend_due()
    except Crash:
        died = True
    assert died == (commit <= 4)  # keep the plan, freeze, add and switch, thaw
    alive = await harness.again()
    await alive.tickets.amending.amend_due()
    await must_be_whole(alive)
    await alive.bought("C-99", user="usr_9")


async def test_frozen_seats_are_nobodys_and_their_neighbours_are_sold(harness: Harness) -> None:
    await harness.show()
    await asked(harness, another())
    harness.store.dies_at, harness.store.commits = (2, "after"), 0
    with suppress(Crash):
        await harness.tickets.amending.amend_due()
    alive = await harness.again()
    assert (await alive.get(Amendment, "evt_1")).stage is Stage.ADDING
    assert (await refusal(alive.hold("C-10"))).code == "seats_taken"
    organizer = Actor("usr_o", "organizer")
    blocking = alive.tickets.set_blocked(await alive.show_of(), ["C-10"], [], organizer)
    assert (await refusal(blocking)).code == "seats_taken"
    await alive.tickets.set_blocked(await alive.show_of(), [], ["C-10"], organizer)
    order_id = await alive.bought("C-9")
    await alive.tickets.amending.amend_due()
    await must_be_whole(alive)
    assert [seat.seat_id for seat in (await alive.order_of(order_id)).seats] == ["C-9"]


async def test_who_is_faster_than_the_freezing_keeps_the_seat_and_all_is_given_back(harness: Harness) -> None:
    await harness.show(rows=60, seats=2)
    ids = [f"{chr(ord('A') + line)}-2" for line in range(60)]
    await harness.tickets.set_blocked(await harness.show_of(), [ids[0]], [], Actor("usr_o", "organizer"))
    await asked(harness, without(plan(60, 2), *ids))
    harness.store.dies_at, harness.store.commits = (2, "after"), 0
    with suppress(Crash):
        await harness.tickets.amending.amend_due()
    alive = await harness.again()
    assert (await alive.get(Amendment, "evt_1")).next_block == 50
    await alive.hold(ids[-1])
    before = await alive.seats()
    await alive.tickets.amending.amend_due()
    amendment = await alive.get(Amendment, "evt_1")
    assert amendment.stage is Stage.REFUSED
    [refused] = await alive.sent(AmendmentRefused)
    assert len(refused.seats) == 1
    assert before[119] == (await alive.seats())[119]
    assert {claim for n, claim in (await alive.seats()).items() if n != 119} == {(SeatState.BLOCKED, "")}
    assert (await alive.get(Sales, "evt_1")).blocked == 1
    assert (await layout_of(alive)).seats_left == 120


async def test_a_process_that_knows_the_old_plan_sells_by_the_new_one(harness: Harness) -> None:
    await harness.show()
    other = harness.beside()
    other_view = await other.tickets.availability.view("evt_1", await layout_of(other))
    held = await other.hold("B-9", user="usr_2")
    await amend(harness, another())
    await other.tickets.availability.view("evt_1", other_view.layout)
    taken = await other.hold("B-10", user="usr_3")
    assert [seat.price_minor for seat in taken.seats] == [9000]
    assert (await other.order(held.hold_id, "usr_2")).seats[0].id == "B-9"


async def test_a_process_that_knows_the_old_plan_shows_an_order_of_a_new_seat(harness: Harness) -> None:
    await harness.show()
    other = harness.beside()
    await other.hold("A-1", user="usr_2")
    await amend(harness, another())
    held = await harness.hold("C-99")
    assert (await other.tickets.holding.get_hold("usr_1", held.hold_id)).seats[0].id == "C-99"
    await other.tickets.holding.release("usr_1", held.hold_id)
    await harness.hold("C-99", user="usr_3")


async def test_best_seats_are_those_of_the_new_plan(harness: Harness) -> None:
    await harness.show()
    await harness.best(2)
    await amend(harness, another())
    await harness.clock.advance(3)
    held = await harness.best(1, category="Box")
    assert [seat.id for seat in held.seats] == ["B-10"]
    gone = await refusal(harness.best(1, category="Box", user="usr_2"))
    assert gone.code == "not_enough_seats"


async def test_watchers_are_sent_away_to_come_again(harness: Harness) -> None:
    await harness.show()
    availability = harness.tickets.availability
    watching = availability.watch("evt_1", await layout_of(harness), None)
    assert (await anext(watching)).kind == "snapshot"
    await amend(harness, another())
    await availability.renew("evt_1", await layout_of(harness))
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [update.kind async for update in watching] in ([], ["delta"])
    again = availability.watch("evt_1", await layout_of(harness), None)
    assert int.from_bytes((await anext(again)).data[4:8], "little") == 31
    await again.aclose()


async def test_a_plan_with_another_number_of_seats_than_announced_is_refused(harness: Harness) -> None:
    await harness.show()
    message = await asked(harness, another())
    hash_, _ = harness.events.amend("evt_1", plan(2))
    answers = harness.events.answers
    answers[f"/api/events/evt_1/plan?v={message.plan_hash}"] = answers[f"/api/events/evt_1/plan?v={hash_}"]
    await harness.tickets.amending.amend_due()
    [refused] = await harness.sent(AmendmentRefused)
    assert "not the one" in refused.detail
    assert (await harness.get(Amendment, "evt_1")).stage is Stage.REFUSED


async def test_an_events_service_that_does_not_answer_is_waited_for(harness: Harness) -> None:
    await harness.show()
    await asked(harness, another())
    harness.events.down = True
    await harness.tickets.amending.amend_due()
    amendment = await harness.get(Amendment, "evt_1")
    assert amendment.stage is Stage.FREEZING
    assert (amendment.look_at or 0) > harness.clock.now()
    harness.events.down = False
    await harness.clock.advance(10)
    await harness.tickets.amending.amend_due()
    await must_be_whole(harness)


def test_only_what_the_table_has_is_a_transition() -> None:
    amendment = Amendment(
        id="evt_1", number=1, plan_hash="", layout_version="", base="", seats_total=1, prices={}, next_block=3
    )
    assert transition(amendment, Stage.ADDING).next_block == 0
    for stage, after in TRANSITIONS.items():
        for other in set(Stage) - after:
            with pytest.raises(ValueError, match="can't become"):
                transition(Amendment(**{**_fields(amendment), "stage": stage}), other)


def _fields(amendment: Amendment) -> dict[str, Any]:
    return {name: getattr(amendment, name) for name in amendment.__struct_fields__}
