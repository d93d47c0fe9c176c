"""A cancelled event: every order is taken back, also those that crossed the cancellation."""

from typing import Any

import pytest

from houseful.messages import EventCancelled, OrderRefunded
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import CANCEL_WATCH_MILLIS
from houseful.tickets.use_cases import payment_reconciliation
from tests.unit.tickets.harness import Harness, refusal

S = OrderState


async def test_a_cancelled_event_gives_everybody_the_money_back(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_reconciliation, "_PAGE", 2)
    await harness.show()
    bought = [await harness.bought(f"A-{n}", user=f"usr_{n}") for n in range(1, 6)]
    unpaid, authorized = await harness.placed("B-1"), await harness.placed("B-2")
    harness.processor.pay(authorized)
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.quiet()
    assert {(await harness.order_of(id)).state for id in [*bought, authorized]} == {S.REFUNDED}
    assert (await harness.order_of(unpaid)).state is S.CANCELLED
    assert {one.order_id for one in await harness.sent(OrderRefunded)} == set(bought)
    await harness.verify()


async def test_one_order_that_can_not_be_taken_back_does_not_stop_the_others(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    orders = [await harness.bought(f"A-{n}") for n in range(1, 4)]
    await harness.receive(EventCancelled(event_id="evt_1"))
    take_back = harness.tickets.ordering.take_back
    broken = orders[0]

    async def with_a_bug(tx: Any, order_id: str, *others: Any) -> Order:
        if order_id == broken:
            raise RuntimeError("a bug")
        return await take_back(tx, order_id, *others)

    monkeypatch.setattr(harness.tickets.ordering, "take_back", with_a_bug)
    for _ in range(3):
        await harness.tickets.reconciliation.refund_cancelled()
        await harness.clock.advance(CANCEL_WATCH_MILLIS / 1000)
    assert [(await harness.order_of(id)).state for id in orders] == [S.CONFIRMED, S.REFUNDING, S.REFUNDING]
    assert (await harness.show_of()).look_at is not None  # not forgotten, however long it takes
    monkeypatch.setattr(harness.tickets.ordering, "take_back", take_back)
    await harness.quiet()
    assert (await harness.order_of(broken)).state is S.REFUNDED
    await harness.verify()


async def test_an_order_confirmed_in_the_instant_of_the_cancellation_is_found(harness: Harness) -> None:
    await harness.show()
    show = await harness.show_of()
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.tickets.reconciliation.refund_cancelled()
    async with harness.store.begin() as tx:  # whoever confirmed had read the show before
        current = await harness.show_of()
        await tx.get(type(show), show.id)
        tx.put(show)
    order_id = await harness.bought("A-1")
    async with harness.store.begin() as tx:
        await tx.get(type(show), show.id)
        tx.put(current)
    await harness.clock.advance(61)
    await harness.quiet()
    assert (await harness.order_of(order_id)).state is S.REFUNDED
    await harness.verify()


async def test_a_cancelled_event_is_looked_after_for_an_hour(harness: Harness) -> None:
    await harness.show()
    await harness.receive(EventCancelled(event_id="evt_1"))
    looks = 0
    while (await harness.show_of()).look_at is not None:
        await harness.tickets.reconciliation.refund_cancelled()
        await harness.clock.advance(60)
        looks += 1
    assert looks == 62
    assert (await refusal(harness.hold("A-1"))).code == "event_cancelled"
