"""One buyer gets at most `max_seats_per_buyer` seats of an event, over all orders."""

import asyncio

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import EventChanged
from houseful.tickets.domain.holds import HoldQuota, quota_id
from houseful.tickets.domain.orders import OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Money, Reason, in_words
from houseful.tickets.use_cases import buyer_limit
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal

QUOTA = quota_id("evt_1", "usr_1")


async def change_limit(harness: Harness, most: int | None) -> None:
    show = await harness.show_of()
    await harness.receive(
        EventChanged(
            event_id=show.id,
            title=show.title,
            on_sale_at=show.on_sale_at,
            max_seats_per_order=show.max_seats_per_order,
            refundable_until=show.refundable_until,
            max_seats_per_buyer=most,
        )
    )


async def test_held_ordered_and_bought_seats_count_together(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=4)
    await harness.bought("A-1", "A-2")
    await harness.placed("B-1")
    hold = await harness.hold("B-2")
    told = await refusal(harness.hold("C-1"))
    assert (status_of(told), told.code) == (409, "buyer_limit")
    assert told.extra == {"limit": 4, "bought": 2, "held": 2}
    assert "at most 4 seats" in told.detail
    assert (await refusal(harness.best(1))).code == "buyer_limit"
    await harness.tickets.holding.release("usr_1", hold.hold_id)
    await harness.hold("C-1")
    await harness.hold("C-2", user="usr_2")
    await harness.verify()


async def test_an_order_that_has_expired_counts_no_more(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=2, hold_seconds=60)
    await harness.placed("A-1", "A-2")
    assert (await refusal(harness.hold("B-1"))).code == "buyer_limit"
    await harness.clock.advance(60)
    await harness.hold("B-1", "B-2")


async def test_what_was_given_back_can_be_bought_again(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=2)
    first = await harness.bought("A-1", "A-2")
    assert (await refusal(harness.hold("B-1"))).code == "buyer_limit"
    await harness.cancel(first)
    await harness.bought("B-1", "B-2")
    assert (await refusal(harness.hold("C-1"))).code == "buyer_limit"
    await harness.quiet()
    await harness.verify()


async def test_seats_that_cost_nothing_count(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=2, prices={"Premium": 0, "Standard": 0})
    await harness.placed("A-1", "A-2")
    assert (await refusal(harness.hold("B-1"))).extra == {"limit": 2, "bought": 2, "held": 0}


async def test_requests_at_once_do_not_get_past_it(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=3)
    await harness.bought("A-1")
    answers = await asyncio.gather(
        *(harness.hold(f"{row}-{n}") for row in "BC" for n in range(1, 5)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in answers) == 2
    assert {one.code for one in answers if isinstance(one, DomainError)} == {"buyer_limit"}


async def test_the_limit_can_be_changed_and_takes_nothing_back(harness: Harness) -> None:
    await harness.show()
    await harness.bought("A-1", "A-2", "A-3")
    hold = await harness.hold("B-1")
    await change_limit(harness, 2)
    assert (await refusal(harness.hold("C-1"))).extra == {"limit": 2, "bought": 3, "held": 1}
    await harness.order(hold.hold_id)
    await change_limit(harness, None)
    await harness.hold("C-1")


@pytest.mark.parametrize("seats_before", [2, 1])
async def test_a_late_payment_is_taken_within_the_limit_only(harness: Harness, seats_before: int) -> None:
    await harness.show(max_seats_per_buyer=3, hold_seconds=60)
    late = await harness.placed("A-1", "A-2")
    await harness.clock.advance(61)
    await harness.tickets.reconciliation.reconcile_due()
    await harness.bought(*["B-1", "B-2"][:seats_before])
    harness.processor.pay(late)
    await harness.quiet()
    order = await harness.order_of(late)
    if seats_before == 1:
        assert order.state is OrderState.CONFIRMED
    else:
        assert (order.state, order.payment) == (OrderState.REFUNDED, PaymentState.VOIDED)
        assert order.detail == in_words(Reason.BUYER_LIMIT, Money.BACK)
    await harness.verify()


async def test_a_payment_in_time_keeps_its_seats_whatever_was_bought_since(harness: Harness) -> None:
    await harness.show(max_seats_per_buyer=3, hold_seconds=60)
    order_id = await harness.placed("A-1", "A-2")
    await harness.clock.advance(61)
    await harness.tickets.reconciliation.reconcile_due()
    await harness.bought("B-1", "B-2")
    harness.processor.pay(order_id)
    order = await harness.order_of(order_id)
    assert (order.state, order.intent_id is not None) == (OrderState.EXPIRED, True)
    intent = await harness.processor.intent(str(order.intent_id))
    in_time = msgspec.structs.replace(intent, authorized_at=order.expires_at - 1)
    await harness.tickets.reconciliation.apply_payment_status(order_id, in_time)
    assert (await harness.order_of(order_id)).state is OrderState.CONFIRMED
    await harness.verify()


async def test_seats_bought_before_they_were_counted_are_counted_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer_limit, "ORDERS_PER_READ", 2)
    await harness.show()
    for seat in ("A-1", "A-2", "A-3"):
        await harness.bought(seat)
    await harness.cancel(await harness.bought("A-4"))
    async with harness.store.begin() as tx:  # as the version before wrote it
        quota = await tx.get(HoldQuota, QUOTA)
        assert quota is not None
        tx.put(msgspec.structs.replace(quota, bought=None))
    await harness.hold("B-1")
    assert (await harness.get(HoldQuota, QUOTA)).bought is None, "nobody needs it yet"
    await change_limit(harness, 5)
    await harness.hold("B-2")
    assert (await harness.get(HoldQuota, QUOTA)).bought == 3
    assert (await refusal(harness.hold("B-3"))).extra == {"limit": 5, "bought": 3, "held": 2}
    await harness.verify()
