"""Payments: reports in any order, lost answers, deadlines; the money is where the seats are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from houseful.kernel.errors import StateConflict, Unavailable
from houseful.kernel.ports import PaymentIntent
from houseful.messages import OrderConfirmed, PaymentReturned
from houseful.tickets.domain.orders import LATE_MILLIS, Due, Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason, in_words
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.use_cases.payment_reconciliation import WebhookReceived
from tests.unit.tickets.harness import Harness, until

SLOW = "4000000000000077"
DECLINED = "4000000000000002"
S = OrderState


def failing(call: str, when: str, times: int = 1) -> Callable[[str, str], Awaitable[None]]:
    """So many times this call is cut before it is done, or its answer is lost."""
    left = times

    async def trouble(this_call: str, this_when: str) -> None:
        nonlocal left
        if (this_call, this_when) == (call, when) and left > 0:
            left -= 1
            raise Unavailable("cut by the test")

    return trouble


async def state(harness: Harness, order_id: str) -> tuple[OrderState, PaymentState, Due | None]:
    order = await harness.order_of(order_id)
    return order.state, order.payment, order.due


async def test_a_paid_order_is_sold_and_its_money_taken(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1", "A-2")
    harness.processor.pay(order_id)
    await harness.webhooks()
    assert await state(harness, order_id) == (S.CONFIRMED, PaymentState.AUTHORIZED, Due.CAPTURE)
    await harness.tickets.reconciliation.look_at(order_id)
    assert await state(harness, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    [confirmed] = await harness.sent(OrderConfirmed)
    assert (confirmed.order_id, [seat.seat_id for seat in confirmed.seats]) == (order_id, ["A-1", "A-2"])
    await harness.verify()


async def test_a_webhook_counts_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    [news] = harness.processor.news
    await asyncio.gather(*(harness.tickets.reconciliation.on_webhook(*news) for _ in range(5)))
    await harness.tickets.reconciliation.on_webhook(*news)
    assert len(await harness.every(Ticket)) == len(await harness.sent(OrderConfirmed)) == 1
    assert [one.id for one in await harness.every(WebhookReceived)] == [news.id]


async def test_another_webhook_with_the_same_news_changes_nothing(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    before = await harness.order_of(order_id)
    for status in ("succeeded", "processing", "requires_payment_method", "canceled", "a new one"):
        intent = msgspec.structs.replace(
            await harness.processor.intent(before.intent_id or ""), status=status
        )
        await harness.tickets.reconciliation.on_webhook(f"evt_{status}", "type", order_id, intent, "error")
    assert await harness.order_of(order_id) == before


async def test_news_of_an_order_that_is_not_ours_is_no_error(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    intent = await harness.processor.intent(harness.processor.of(order_id).id)
    await harness.tickets.reconciliation.on_webhook(
        "evt_1", "payment_intent.succeeded", "ord_other", intent, None
    )
    await harness.tickets.reconciliation.look_at("ord_other")
    assert (await harness.order_of(order_id)).state is S.AWAITING_PAYMENT


async def test_another_intent_that_names_the_order_pays_for_nothing(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    news = harness.processor.news.pop()
    foreign = msgspec.structs.replace(news.intent, id="pi_other")
    await harness.tickets.reconciliation.on_webhook(*news._replace(intent=foreign))
    assert (await harness.order_of(order_id)).state is S.AWAITING_PAYMENT


@pytest.mark.parametrize("wrong", [{"amount_minor": 4999}, {"amount_minor": 5001}, {"currency": "USD"}])
async def test_another_amount_buys_nothing(harness: Harness, wrong: dict[str, Any]) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    news = harness.processor.news.pop()
    await harness.tickets.reconciliation.on_webhook(
        *news._replace(intent=msgspec.structs.replace(news.intent, **wrong))
    )
    order = await harness.order_of(order_id)
    assert (order.state, order.due, order.detail) == (S.REFUNDING, Due.VOID, in_words(Reason.WRONG_AMOUNT))
    await harness.quiet()
    assert await harness.every(Ticket) == []
    await harness.verify()


async def test_a_decline_is_told_and_another_card_may_be_tried(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id, DECLINED)
    await harness.webhooks()
    order = await harness.order_of(order_id)
    assert (order.state, order.detail) == (S.AWAITING_PAYMENT, "card_declined")
    harness.processor.pay(order_id)
    await harness.quiet()
    assert await state(harness, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    await harness.verify()


async def test_a_decline_that_is_told_twice_does_not_undo_what_came_between(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id, DECLINED)
    [declined] = harness.processor.news
    await harness.webhooks()
    harness.processor.pay(order_id, SLOW)
    await harness.webhooks()
    await harness.tickets.reconciliation.on_webhook(*declined)
    order = await harness.order_of(order_id)
    assert (order.state, order.detail) == (S.PROCESSING, None)


async def test_a_payment_without_a_webhook_is_found_at_the_deadline(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    harness.processor.news.clear()
    await harness.clock.advance(60)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.CONFIRMED
    await harness.quiet()
    await harness.verify()


async def test_nobody_pays(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    await harness.clock.advance(59.999)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.AWAITING_PAYMENT
    await harness.clock.advance(0.001)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.EXPIRED
    await harness.quiet()
    assert harness.processor.of(order_id).status == "canceled"
    assert await harness.sent(PaymentReturned) == []
    await harness.verify()


async def test_a_late_payment_is_honoured_while_the_seats_are_free(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    await harness.clock.advance(3000)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.EXPIRED
    harness.processor.pay(order_id)
    await harness.quiet()
    assert await state(harness, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    await harness.verify()


async def test_a_payment_that_crosses_the_buyers_cancellation_is_given_back(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    await harness.cancel(order_id)
    await harness.webhooks()
    order = await harness.order_of(order_id)
    assert (order.state, order.detail) == (S.REFUNDING, in_words(Reason.ORDER_CANCELLED))
    await harness.quiet()
    await harness.verify()


async def test_a_payment_that_crosses_the_end_of_its_intent_sells_nothing(harness: Harness) -> None:
    """The order expired an hour ago and its intent is being ended; the buyer pays in that very instant, and
    the news of it is here before the gateway voids the money. Sold seats would never be paid for."""
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    await harness.clock.advance(60)
    await harness.tickets.reconciliation.reconcile_due()
    await harness.clock.advance(LATE_MILLIS / 1000)
    await harness.tickets.reconciliation.reconcile_due()
    assert await state(harness, order_id) == (S.EXPIRED, PaymentState.OPEN, Due.CANCEL)

    on_its_way, arrives = asyncio.Event(), asyncio.Event()

    async def slow(call: str, when: str) -> None:
        if (call, when) == ("cancel unpaid", "before") and not arrives.is_set():
            on_its_way.set()
            await arrives.wait()

    harness.processor.trouble = slow
    ending = asyncio.create_task(harness.tickets.reconciliation.look_at(order_id))
    await on_its_way.wait()
    harness.processor.pay(order_id)
    await harness.webhooks()
    arrives.set()
    await ending
    await harness.quiet()
    assert (await harness.order_of(order_id)).state is S.REFUNDED
    assert harness.processor.of(order_id).voided
    await harness.verify()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["capture", "cancel unpaid", "refund", "look"])
async def test_a_gateway_that_does_not_answer_is_asked_again_until_it_does(
    harness: Harness, call: str, when: str
) -> None:
    await harness.show(hold_seconds=60)
    bought, given_back, unpaid = [await harness.placed(f"A-{n}") for n in (1, 2, 3)]
    harness.processor.trouble = failing(call, when, times=5)
    for order_id in (bought, given_back):
        harness.processor.pay(order_id)
    await harness.webhooks()
    await harness.cancel(given_back)
    await harness.quiet()
    assert [(await harness.order_of(id)).state for id in (bought, given_back, unpaid)] == [
        S.CONFIRMED,
        S.REFUNDED,
        S.EXPIRED,
    ]
    if (call, when) != ("cancel unpaid", "after"):  # that it was done is told by its webhook
        assert harness.processor.calls.count(call) > 5
    await harness.verify()


async def test_pauses_between_the_questions_grow(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    await harness.webhooks()
    harness.processor.trouble = failing("capture", "before", times=4)
    pauses = []
    for _ in range(4):
        await harness.clock.advance(600)
        asked_at = harness.clock.now()
        await harness.tickets.reconciliation.reconcile_due()
        look_at = (await harness.order_of(order_id)).look_at
        assert look_at is not None
        pauses.append(look_at - asked_at)
    assert pauses == [5_000, 10_000, 20_000, 40_000]


async def test_what_the_gateway_refuses_because_it_is_done_is_done(harness: Harness) -> None:
    """An operator captured it by hand: the gateway refuses a second capture, which is no reason to worry."""
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    await harness.webhooks()
    await harness.processor.capture(harness.processor.of(order_id).id, key="an operator's")
    await harness.tickets.reconciliation.look_at(order_id)
    assert await state(harness, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)


async def test_a_refusal_that_is_none_is_looked_at_again(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    await harness.webhooks()
    refusing = True

    async def refuse(call: str, when: str) -> None:
        if call == "capture" and refusing:
            raise StateConflict("odd", "Not today.")

    harness.processor.trouble = refuse
    await harness.clock.advance(5)
    await harness.tickets.reconciliation.reconcile_due()
    order = await harness.order_of(order_id)
    assert (order.due, order.look_at) == (Due.CAPTURE, harness.clock.now() + 5_000)
    refusing = False
    await harness.quiet()
    await harness.verify()


async def test_a_slow_bank_is_waited_for_beyond_the_deadline(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id, SLOW)
    await harness.webhooks()
    assert (await harness.order_of(order_id)).state is S.PROCESSING
    for _ in range(5):
        await harness.clock.advance(60)
        await harness.tickets.reconciliation.reconcile_due()
    order = await harness.order_of(order_id)
    assert order.state is S.PROCESSING
    assert order.look_at is not None
    harness.processor.settle(order_id)
    await harness.quiet()
    assert (await harness.order_of(order_id)).state is S.CONFIRMED
    await harness.verify()


async def test_a_bank_that_says_no_in_the_end_and_whose_webhook_is_lost(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    intent = await harness.processor.intent(harness.processor.of(order_id).id)
    thinking: PaymentIntent = msgspec.structs.replace(intent, status="processing")
    await harness.tickets.reconciliation.on_webhook(
        "evt_1", "payment_intent.processing", order_id, thinking, None
    )
    assert (await harness.order_of(order_id)).state is S.PROCESSING
    await harness.quiet()  # every poll says requires_payment_method
    assert (await harness.order_of(order_id)).state is S.EXPIRED
    await harness.verify()


async def test_an_order_whose_payment_never_opened_ends_too(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    hold = await harness.hold("A-1")
    harness.processor.trouble = failing("create", "before", times=6)
    with pytest.raises(Unavailable):
        await harness.order(hold.hold_id)
    for _ in range(5):
        await harness.clock.advance(60)
        await harness.tickets.reconciliation.reconcile_due()
    [order] = await harness.every(Order)
    assert (order.state, order.due) == (S.EXPIRED, Due.CREATE)  # it may exist: nobody knows yet
    await harness.quiet()
    assert await state(harness, order.id) == (S.EXPIRED, PaymentState.CANCELED, None)
    await harness.verify()


async def test_what_is_due_is_done_without_waiting_for_the_reconciler(harness: Harness) -> None:
    await harness.show()
    working = asyncio.create_task(harness.tickets.reconciliation.work_off())
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id)
    await harness.webhooks()
    await until(lambda: harness.processor.of(order_id).captured_minor == 5000)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_one_orders_trouble_is_not_anothers(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.show()
    broken, good = await harness.placed("A-1"), await harness.placed("A-2")
    for order_id in (broken, good):
        harness.processor.pay(order_id)
    await harness.webhooks()
    ask = harness.tickets.reconciliation._ask

    async def with_a_bug(order: Order, due: Due) -> None:
        if order.id == broken:
            raise RuntimeError("a bug")
        await ask(order, due)

    monkeypatch.setattr(harness.tickets.reconciliation, "_ask", with_a_bug)
    await harness.clock.advance(5)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(good)).payment is PaymentState.CAPTURED
    order = await harness.order_of(broken)
    assert order.look_at == harness.clock.now() + 5_000
