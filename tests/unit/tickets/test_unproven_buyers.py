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
from tests.unit.tickets.harness import Harness, refusal


async def test_a_second_hold_may_not_go_beyond_one_orders_seats(harness: Harness) -> None:
    await harness.show(max_seats_per_order=4)
    first = await harness.hold("A-1", "A-2", "A-3")
    await harness.hold("B-1")
    told = await refusal(harness.hold("C-1"))
    assert (status_of(told), told.code) == (409, "hold_limit")
    assert told.extra == {"limit": 4, "limit_of": "seats", "held": 4}
    assert "paid for an order" in told.detail
    assert (await refusal(harness.best(1))).code == "hold_limit"
    await harness.tickets.holding.release("usr_1", first.hold_id)
    await harness.hold("C-1", "C-2", "C-3")


async def test_unpaid_orders_count_until_their_time_has_passed(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2, hold_seconds=60)
    order_id = await harness.placed("A-1", "A-2")
    assert (await refusal(harness.hold("B-1"))).code == "hold_limit"
    await harness.clock.advance(60)
    await harness.hold("B-1")
    await harness.cancel(order_id)
    await harness.hold("B-2")


async def test_who_has_paid_once_has_the_whole_quota(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2)
    await harness.show("evt_2", max_seats_per_order=2)
    paid = await harness.bought("A-1")
    for event in ("evt_1", "evt_2"):
        for row in "BC":
            await harness.hold(f"{row}-1", f"{row}-2", event=event)
    await harness.cancel(paid)  # and what was given back proves nothing
    assert (await refusal(harness.hold("A-5"))).code == "hold_limit"


async def test_who_has_just_paid_need_not_wait_for_the_gateways_word(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2)
    order_id = await harness.placed("A-1", "A-2")

    async def next_hold() -> HoldView:
        return await harness.tickets.hold("usr_1", "evt_1", partial(harness.hold, "B-1", "B-2"))

    assert (await refusal(next_hold())).code == "hold_limit"
    harness.processor.pay(order_id)  # its webhook is on its way
    await next_hold()
    assert (await harness.order_of(order_id)).state is OrderState.CONFIRMED


async def test_an_order_that_cost_nothing_proves_nothing(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2, prices={"Premium": 0, "Standard": 5000})
    await harness.placed("A-1")
    await harness.hold("B-1", "B-2")
    assert (await refusal(harness.hold("C-1"))).code == "hold_limit"


async def test_other_events_are_other_matters(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2)
    await harness.show("evt_2", max_seats_per_order=2)
    await harness.hold("A-1", "A-2")
    await harness.hold("A-1", "A-2", event="evt_2")


async def test_what_is_held_can_be_ordered_whatever_the_limit_became(harness: Harness) -> None:
    await harness.show(max_seats_per_order=4)
    hold = await harness.hold("A-1", "A-2", "A-3")
    async with harness.store.begin() as tx:
        show = await tx.get(Show, "evt_1")
        assert show is not None
        tx.put(msgspec.structs.replace(show, max_seats_per_order=1))
    await harness.order(hold.hold_id)


async def test_requests_at_once_do_not_get_past_it(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2)
    asked = [harness.hold(f"{row}-{n}") for row in "ABC" for n in range(1, 5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in answers) == 2
    assert {one.code for one in answers if isinstance(one, DomainError)} == {"hold_limit"}


async def test_the_first_hold_of_a_buyer_reads_no_orders(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    looked: list[type] = []
    kind = type(harness.store.begin())
    find = kind.find

    async def watched(self: Any, what: type, *args: Any, **options: Any) -> Any:
        looked.append(what)
        return await find(self, what, *args, **options)

    monkeypatch.setattr(kind, "find", watched)
    await harness.hold("A-1", "A-2")
    await harness.hold("B-1")
    assert Order not in looked


async def test_running_holds_of_the_version_before_can_be_read(harness: Harness) -> None:
    raw = b'{"id": "evt_1:usr_1", "user_id": "usr_1", "running": [["hold_1", 5]]}'
    assert msgspec.json.decode(raw, type=HoldQuota).running == (RunningHold("hold_1", 5, 0),)
