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
from tests.unit.tickets.world import World, until

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


async def state(world: World, order_id: str) -> tuple[OrderState, PaymentState, Due | None]:
    order = await world.order_of(order_id)
    return order.state, order.payment, order.due


async def test_a_paid_order_is_sold_and_its_money_taken(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1", "A-2")
    world.processor.pay(order_id)
    await world.webhooks()
    assert await state(world, order_id) == (S.CONFIRMED, PaymentState.AUTHORIZED, Due.CAPTURE)
    await world.tickets.reconciliation.look_at(order_id)
    assert await state(world, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    [confirmed] = await world.sent(OrderConfirmed)
    assert (confirmed.order_id, [seat.seat_id for seat in confirmed.seats]) == (order_id, ["A-1", "A-2"])
    await world.verify()


async def test_a_webhook_counts_once(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    [news] = world.processor.news
    await asyncio.gather(*(world.tickets.reconciliation.on_webhook(*news) for _ in range(5)))
    await world.tickets.reconciliation.on_webhook(*news)
    assert len(await world.every(Ticket)) == len(await world.sent(OrderConfirmed)) == 1
    assert [one.id for one in await world.every(WebhookReceived)] == [news.id]


async def test_another_webhook_with_the_same_news_changes_nothing(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    before = await world.order_of(order_id)
    for status in ("succeeded", "processing", "requires_payment_method", "canceled", "a new one"):
        intent = msgspec.structs.replace(await world.processor.intent(before.intent_id or ""), status=status)
        await world.tickets.reconciliation.on_webhook(f"evt_{status}", "type", order_id, intent, "error")
    assert await world.order_of(order_id) == before


async def test_news_of_an_order_that_is_not_ours_is_no_error(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    intent = await world.processor.intent(world.processor.of(order_id).id)
    await world.tickets.reconciliation.on_webhook(
        "evt_1", "payment_intent.succeeded", "ord_other", intent, None
    )
    await world.tickets.reconciliation.look_at("ord_other")
    assert (await world.order_of(order_id)).state is S.AWAITING_PAYMENT


async def test_another_intent_that_names_the_order_pays_for_nothing(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    news = world.processor.news.pop()
    foreign = msgspec.structs.replace(news.intent, id="pi_other")
    await world.tickets.reconciliation.on_webhook(*news._replace(intent=foreign))
    assert (await world.order_of(order_id)).state is S.AWAITING_PAYMENT


@pytest.mark.parametrize("wrong", [{"amount_minor": 4999}, {"amount_minor": 5001}, {"currency": "USD"}])
async def test_another_amount_buys_nothing(world: World, wrong: dict[str, Any]) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    news = world.processor.news.pop()
    await world.tickets.reconciliation.on_webhook(
        *news._replace(intent=msgspec.structs.replace(news.intent, **wrong))
    )
    order = await world.order_of(order_id)
    assert (order.state, order.due, order.detail) == (S.REFUNDING, Due.VOID, in_words(Reason.WRONG_AMOUNT))
    await world.quiet()
    assert await world.every(Ticket) == []
    await world.verify()


async def test_a_decline_is_told_and_another_card_may_be_tried(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id, DECLINED)
    await world.webhooks()
    order = await world.order_of(order_id)
    assert (order.state, order.detail) == (S.AWAITING_PAYMENT, "card_declined")
    world.processor.pay(order_id)
    await world.quiet()
    assert await state(world, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    await world.verify()


async def test_a_decline_that_is_told_twice_does_not_undo_what_came_between(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id, DECLINED)
    [declined] = world.processor.news
    await world.webhooks()
    world.processor.pay(order_id, SLOW)
    await world.webhooks()
    await world.tickets.reconciliation.on_webhook(*declined)
    order = await world.order_of(order_id)
    assert (order.state, order.detail) == (S.PROCESSING, None)


async def test_a_payment_without_a_webhook_is_found_at_the_deadline(world: World) -> None:
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    world.processor.news.clear()
    await world.clock.advance(60)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(order_id)).state is S.CONFIRMED
    await world.quiet()
    await world.verify()


async def test_nobody_pays(world: World) -> None:
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    await world.clock.advance(59.999)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(order_id)).state is S.AWAITING_PAYMENT
    await world.clock.advance(0.001)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(order_id)).state is S.EXPIRED
    await world.quiet()
    assert world.processor.of(order_id).status == "canceled"
    assert await world.sent(PaymentReturned) == []
    await world.verify()


async def test_a_late_payment_is_honoured_while_the_seats_are_free(world: World) -> None:
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    await world.clock.advance(3000)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(order_id)).state is S.EXPIRED
    world.processor.pay(order_id)
    await world.quiet()
    assert await state(world, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)
    await world.verify()


async def test_a_payment_that_crosses_the_buyers_cancellation_is_given_back(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    await world.cancel(order_id)
    await world.webhooks()
    order = await world.order_of(order_id)
    assert (order.state, order.detail) == (S.REFUNDING, in_words(Reason.ORDER_CANCELLED))
    await world.quiet()
    await world.verify()


async def test_a_payment_that_crosses_the_end_of_its_intent_sells_nothing(world: World) -> None:
    """The order expired an hour ago and its intent is being ended; the buyer pays in that very instant, and
    the news of it is here before the gateway voids the money. Sold seats would never be paid for."""
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    await world.clock.advance(60)
    await world.tickets.reconciliation.reconcile_due()
    await world.clock.advance(LATE_MILLIS / 1000)
    await world.tickets.reconciliation.reconcile_due()
    assert await state(world, order_id) == (S.EXPIRED, PaymentState.OPEN, Due.CANCEL)

    on_its_way, arrives = asyncio.Event(), asyncio.Event()

    async def slow(call: str, when: str) -> None:
        if (call, when) == ("cancel unpaid", "before") and not arrives.is_set():
            on_its_way.set()
            await arrives.wait()

    world.processor.trouble = slow
    ending = asyncio.create_task(world.tickets.reconciliation.look_at(order_id))
    await on_its_way.wait()
    world.processor.pay(order_id)
    await world.webhooks()
    arrives.set()
    await ending
    await world.quiet()
    assert (await world.order_of(order_id)).state is S.REFUNDED
    assert world.processor.of(order_id).voided
    await world.verify()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["capture", "cancel unpaid", "refund", "look"])
async def test_a_gateway_that_does_not_answer_is_asked_again_until_it_does(
    world: World, call: str, when: str
) -> None:
    await world.show(hold_seconds=60)
    bought, given_back, unpaid = [await world.placed(f"A-{n}") for n in (1, 2, 3)]
    world.processor.trouble = failing(call, when, times=5)
    for order_id in (bought, given_back):
        world.processor.pay(order_id)
    await world.webhooks()
    await world.cancel(given_back)
    await world.quiet()
    assert [(await world.order_of(id)).state for id in (bought, given_back, unpaid)] == [
        S.CONFIRMED,
        S.REFUNDED,
        S.EXPIRED,
    ]
    if (call, when) != ("cancel unpaid", "after"):  # that it was done is told by its webhook
        assert world.processor.calls.count(call) > 5
    await world.verify()


async def test_pauses_between_the_questions_grow(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    await world.webhooks()
    world.processor.trouble = failing("capture", "before", times=4)
    pauses = []
    for _ in range(4):
        await world.clock.advance(600)
        asked_at = world.clock.now()
        await world.tickets.reconciliation.reconcile_due()
        look_at = (await world.order_of(order_id)).look_at
        assert look_at is not None
        pauses.append(look_at - asked_at)
    assert pauses == [5_000, 10_000, 20_000, 40_000]


async def test_what_the_gateway_refuses_because_it_is_done_is_done(world: World) -> None:
    """An operator captured it by hand: the gateway refuses a second capture, which is no reason to worry."""
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    await world.webhooks()
    await world.processor.capture(world.processor.of(order_id).id, key="an operator's")
    await world.tickets.reconciliation.look_at(order_id)
    assert await state(world, order_id) == (S.CONFIRMED, PaymentState.CAPTURED, None)


async def test_a_refusal_that_is_none_is_looked_at_again(world: World) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    await world.webhooks()
    refusing = True

    async def refuse(call: str, when: str) -> None:
        if call == "capture" and refusing:
            raise StateConflict("odd", "Not today.")

    world.processor.trouble = refuse
    await world.clock.advance(5)
    await world.tickets.reconciliation.reconcile_due()
    order = await world.order_of(order_id)
    assert (order.due, order.look_at) == (Due.CAPTURE, world.clock.now() + 5_000)
    refusing = False
    await world.quiet()
    await world.verify()


async def test_a_slow_bank_is_waited_for_beyond_the_deadline(world: World) -> None:
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    world.processor.pay(order_id, SLOW)
    await world.webhooks()
    assert (await world.order_of(order_id)).state is S.PROCESSING
    for _ in range(5):
        await world.clock.advance(60)
        await world.tickets.reconciliation.reconcile_due()
    order = await world.order_of(order_id)
    assert order.state is S.PROCESSING
    assert order.look_at is not None
    world.processor.settle(order_id)
    await world.quiet()
    assert (await world.order_of(order_id)).state is S.CONFIRMED
    await world.verify()


async def test_a_bank_that_says_no_in_the_end_and_whose_webhook_is_lost(world: World) -> None:
    await world.show(hold_seconds=60)
    order_id = await world.placed("A-1")
    intent = await world.processor.intent(world.processor.of(order_id).id)
    thinking: PaymentIntent = msgspec.structs.replace(intent, status="processing")
    await world.tickets.reconciliation.on_webhook(
        "evt_1", "payment_intent.processing", order_id, thinking, None
    )
    assert (await world.order_of(order_id)).state is S.PROCESSING
    await world.quiet()  # every poll says requires_payment_method
    assert (await world.order_of(order_id)).state is S.EXPIRED
    await world.verify()


async def test_an_order_whose_payment_never_opened_ends_too(world: World) -> None:
    await world.show(hold_seconds=60)
    hold = await world.hold("A-1")
    world.processor.trouble = failing("create", "before", times=6)
    with pytest.raises(Unavailable):
        await world.order(hold.hold_id)
    for _ in range(5):
        await world.clock.advance(60)
        await world.tickets.reconciliation.reconcile_due()
    [order] = await world.every(Order)
    assert (order.state, order.due) == (S.EXPIRED, Due.CREATE)  # it may exist: nobody knows yet
    await world.quiet()
    assert await state(world, order.id) == (S.EXPIRED, PaymentState.CANCELED, None)
    await world.verify()


async def test_what_is_due_is_done_without_waiting_for_the_reconciler(world: World) -> None:
    await world.show()
    working = asyncio.create_task(world.tickets.reconciliation.work_off())
    order_id = await world.placed("A-1")
    world.processor.pay(order_id)
    await world.webhooks()
    await until(lambda: world.processor.of(order_id).captured_minor == 5000)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_one_orders_trouble_is_not_anothers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.show()
    broken, good = await world.placed("A-1"), await world.placed("A-2")
    for order_id in (broken, good):
        world.processor.pay(order_id)
    await world.webhooks()
    ask = world.tickets.reconciliation._ask

    async def with_a_bug(order: Order, due: Due) -> None:
        if order.id == broken:
            raise RuntimeError("a bug")
        await ask(order, due)

    monkeypatch.setattr(world.tickets.reconciliation, "_ask", with_a_bug)
    await world.clock.advance(5)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(good)).payment is PaymentState.CAPTURED
    order = await world.order_of(broken)
    assert order.look_at == world.clock.now() + 5_000
