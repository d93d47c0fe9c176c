"""Who has paid for nothing yet holds no more seats of an event at a time than one order may have."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.tickets.domain.holds import HoldQuota, RunningHold
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show
from houseful.tickets.schemas import HoldView
from houseful.webapi.problems import status_of
from tests.unit.tickets.world import World, refusal


async def test_a_second_hold_may_not_go_beyond_one_orders_seats(world: World) -> None:
    await world.show(max_seats_per_order=4)
    first = await world.hold("A-1", "A-2", "A-3")
    await world.hold("B-1")
    told = await refusal(world.hold("C-1"))
    assert (status_of(told), told.code) == (409, "hold_limit")
    assert told.extra == {"limit": 4, "limit_of": "seats", "held": 4}
    assert "paid for an order" in told.detail
    assert (await refusal(world.best(1))).code == "hold_limit"
    await world.tickets.holding.release("usr_1", first.hold_id)
    await world.hold("C-1", "C-2", "C-3")


async def test_unpaid_orders_count_until_their_time_has_passed(world: World) -> None:
    await world.show(max_seats_per_order=2, hold_seconds=60)
    order_id = await world.placed("A-1", "A-2")
    assert (await refusal(world.hold("B-1"))).code == "hold_limit"
    await world.clock.advance(60)
    await world.hold("B-1")
    await world.cancel(order_id)
    await world.hold("B-2")


async def test_who_has_paid_once_has_the_whole_quota(world: World) -> None:
    await world.show(max_seats_per_order=2)
    await world.show("evt_2", max_seats_per_order=2)
    paid = await world.bought("A-1")
    for event in ("evt_1", "evt_2"):
        for row in "BC":
            await world.hold(f"{row}-1", f"{row}-2", event=event)
    await world.cancel(paid)  # and what was given back proves nothing
    assert (await refusal(world.hold("A-5"))).code == "hold_limit"


async def test_who_has_just_paid_need_not_wait_for_the_gateways_word(world: World) -> None:
    await world.show(max_seats_per_order=2)
    order_id = await world.placed("A-1", "A-2")

    async def next_hold() -> HoldView:
        return await world.tickets.hold("usr_1", "evt_1", partial(world.hold, "B-1", "B-2"))

    assert (await refusal(next_hold())).code == "hold_limit"
    world.processor.pay(order_id)  # its webhook is on its way
    await next_hold()
    assert (await world.order_of(order_id)).state is OrderState.CONFIRMED


async def test_an_order_that_cost_nothing_proves_nothing(world: World) -> None:
    await world.show(max_seats_per_order=2, prices={"Premium": 0, "Standard": 5000})
    await world.placed("A-1")
    await world.hold("B-1", "B-2")
    assert (await refusal(world.hold("C-1"))).code == "hold_limit"


async def test_other_events_are_other_matters(world: World) -> None:
    await world.show(max_seats_per_order=2)
    await world.show("evt_2", max_seats_per_order=2)
    await world.hold("A-1", "A-2")
    await world.hold("A-1", "A-2", event="evt_2")


async def test_what_is_held_can_be_ordered_whatever_the_limit_became(world: World) -> None:
    await world.show(max_seats_per_order=4)
    hold = await world.hold("A-1", "A-2", "A-3")
    async with world.store.begin() as tx:
        show = await tx.get(Show, "evt_1")
        assert show is not None
        tx.put(msgspec.structs.replace(show, max_seats_per_order=1))
    await world.order(hold.hold_id)


async def test_requests_at_once_do_not_get_past_it(world: World) -> None:
    await world.show(max_seats_per_order=2)
    asked = [world.hold(f"{row}-{n}") for row in "ABC" for n in range(1, 5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in answers) == 2
    assert {one.code for one in answers if isinstance(one, DomainError)} == {"hold_limit"}


async def test_the_first_hold_of_a_buyer_reads_no_orders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.show()
    looked: list[type] = []
    kind = type(world.store.begin())
    find = kind.find

    async def watched(self: Any, what: type, *args: Any, **options: Any) -> Any:
        looked.append(what)
        return await find(self, what, *args, **options)

    monkeypatch.setattr(kind, "find", watched)
    await world.hold("A-1", "A-2")
    await world.hold("B-1")
    assert Order not in looked


async def test_running_holds_of_the_version_before_can_be_read(world: World) -> None:
    raw = b'{"id": "evt_1:usr_1", "user_id": "usr_1", "running": [["hold_1", 5]]}'
    assert msgspec.json.decode(raw, type=HoldQuota).running == (RunningHold("hold_1", 5, 0),)
