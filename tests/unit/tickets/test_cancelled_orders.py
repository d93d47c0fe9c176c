"""A cancellation is the last word: what is paid after it is not taken, whoever says so and however late."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from houseful.kernel.errors import DomainError, Unavailable
from houseful.messages import EventCancelled, OrderConfirmed, PaymentReturned
from houseful.payments.domain import State
from houseful.tickets.domain.blocks import BLOCKED, Block
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason, in_words
from houseful.tickets.domain.tickets import Ticket
from tests.unit.tickets.harness import Harness

SLOW = "4000000000000077"
S = OrderState


async def expired(harness: Harness, *seats: str) -> str:
    """An order that nobody paid in time; its intent can still be paid."""
    order_id = await harness.placed(*seats)
    await harness.clock.advance(60)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.EXPIRED
    return order_id


async def nothing_was_taken(harness: Harness, order_id: str, state: OrderState) -> None:
    await harness.quiet()
    order = await harness.order_of(order_id)
    assert (order.state, order.due, order.look_at) == (state, None, None)
    intent = harness.processor.of(order_id)
    assert (intent.state, intent.captured_minor, intent.open_minor) == (State.CANCELED, 0, 0)
    assert await harness.every(Ticket) == []
    assert await harness.sent(OrderConfirmed) == []
    await harness.verify()


async def test_cancelling_an_expired_order_ends_its_payment(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    assert (await harness.cancel(order_id)).status is S.CANCELLED
    assert (await harness.order_of(order_id)).due is Due.CANCEL
    await harness.tickets.reconciliation.look_at(order_id)
    with pytest.raises(DomainError) as refused:  # a second tab
        harness.processor.pay(order_id)
    assert refused.value.code == "intent_not_payable"
    await nothing_was_taken(harness, order_id, S.CANCELLED)


async def test_a_payment_that_is_faster_than_the_end_of_its_intent_goes_back(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    await harness.cancel(order_id)
    harness.processor.pay(order_id)
    await harness.webhooks()
    order = await harness.order_of(order_id)
    assert (order.state, order.due, order.reason) == (S.REFUNDING, Due.VOID, Reason.ORDER_CANCELLED)
    assert [one.reason for one in await harness.sent(PaymentReturned)] == ["order_cancelled"]
    await nothing_was_taken(harness, order_id, S.REFUNDED)
    assert (await harness.cancel(order_id)).status is S.REFUNDED


@pytest.mark.parametrize("cancelled", ["while the bank thinks", "once it has expired"])
async def test_a_slow_card_pays_for_nothing_after_the_cancellation(harness: Harness, cancelled: str) -> None:
    """The bank's yes comes an hour late, and the gateway's answer to the cancellation is lost at first."""
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1") if cancelled[0] == "w" else await expired(harness, "A-1")
    harness.processor.pay(order_id, SLOW)
    late = list(harness.processor.news)
    if cancelled[0] == "w":
        await harness.webhooks()
        assert (await harness.order_of(order_id)).state is S.PROCESSING
    harness.processor.news.clear()
    assert (await harness.cancel(order_id)).status is S.CANCELLED
    lost = 2

    async def losing(call: str, when: str) -> None:
        nonlocal lost
        if (call, when) == ("cancel", "after") and lost:
            lost -= 1
            raise Unavailable("cut by the test")

    harness.processor.trouble = losing
    await harness.clock.advance(3_600)
    harness.processor.settle(order_id)
    harness.processor.news += late
    await harness.quiet()
    assert (await harness.order_of(order_id)).state in (S.CANCELLED, S.REFUNDED)
    assert harness.processor.of(order_id).captured_minor == 0
    assert await harness.every(Ticket) == []
    await harness.verify()


async def test_a_webhook_from_before_the_cancellation_confirms_nothing(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    harness.processor.pay(order_id)
    [late] = harness.processor.news
    harness.processor.news.clear()
    await harness.cancel(order_id)
    await harness.tickets.reconciliation.look_at(order_id)
    assert harness.processor.of(order_id).voided
    await harness.clock.advance(3_600)
    await harness.tickets.reconciliation.on_webhook(*late)
    await nothing_was_taken(harness, order_id, S.CANCELLED)


async def test_what_was_captured_in_spite_of_the_cancellation_is_refunded(harness: Harness) -> None:
    """A gateway that captures by itself, or an operator who does: then there is nothing to void."""
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    harness.processor.pay(order_id)
    await harness.processor.capture(harness.processor.of(order_id).id, key="an operator's")
    harness.processor.news.clear()
    await harness.cancel(order_id)
    await harness.quiet()
    order = await harness.order_of(order_id)
    assert (order.state, order.payment) == (S.REFUNDED, PaymentState.REFUNDED)
    intent = harness.processor.of(order_id)
    assert (intent.captured_minor, intent.refunded_minor) == (5000, 5000)
    assert await harness.every(Ticket) == []
    await harness.verify()


@pytest.mark.parametrize("news", ["webhook", "poll", "reconciler"])
async def test_a_cancellation_that_races_news_of_the_payment(harness: Harness, news: str) -> None:
    """Either the order was confirmed first and its money goes back, or it never is."""
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    harness.processor.pay(order_id)
    intent = await harness.processor.intent(harness.processor.of(order_id).id)
    reconciliation = harness.tickets.reconciliation
    told: dict[str, Callable[[], Awaitable[object]]] = {
        "webhook": lambda: reconciliation.on_webhook(*harness.processor.news[0]),
        "poll": lambda: reconciliation.apply_payment_status(order_id, intent),
        "reconciler": lambda: reconciliation.look_at(order_id),
    }
    await asyncio.gather(harness.cancel(order_id), told[news]())
    await harness.quiet()
    assert (await harness.order_of(order_id)).state in (S.CANCELLED, S.REFUNDED)
    assert harness.processor.of(order_id).captured_minor == harness.processor.of(order_id).refunded_minor
    await harness.verify()


async def test_cancelling_what_can_not_be_paid_any_more_says_that_it_expired(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    await harness.quiet()
    before = await harness.order_of(order_id)
    assert before.payment is PaymentState.CANCELED
    assert (await harness.cancel(order_id)).status is S.EXPIRED
    assert await harness.order_of(order_id) == before


async def test_a_cancelled_event_ends_the_payments_of_expired_orders_too(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.tickets.reconciliation.refund_cancelled()
    await harness.tickets.reconciliation.reconcile_due()
    await harness.tickets.reconciliation.look_at(order_id)
    with pytest.raises(DomainError):
        harness.processor.pay(order_id)
    await nothing_was_taken(harness, order_id, S.CANCELLED)


async def test_an_order_that_is_cancelled_while_its_payment_is_being_opened(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    hold = await harness.hold("A-1")

    async def cancelled_meanwhile(call: str, when: str) -> None:
        if (call, when) == ("create", "after"):
            [order] = await harness.every(Order)
            await harness.cancel(order.id)

    harness.processor.trouble = cancelled_meanwhile
    view = await harness.order(hold.hold_id)
    assert view.status is S.CANCELLED
    await nothing_was_taken(harness, view.id, S.CANCELLED)


# Nobody cancelled


async def stopped_while_ordering(
    harness: Harness, seconds: float, when: str, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> str:
    """The process stands still inside `POST /api/orders`, and everything due is done before it goes on."""
    hold = await harness.hold("A-1")
    stopped = False

    async def stand_still(call: str, this_when: str) -> None:
        nonlocal stopped
        if (call, this_when) == ("create", when) and not stopped:
            stopped = True
            await harness.clock.advance(seconds)
            if meanwhile is None:
                await harness.tickets.reconciliation.reconcile_due()
            else:
                await meanwhile()

    harness.processor.trouble = stand_still
    return (await harness.order(hold.hold_id)).id


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_placed_by_a_process_that_stood_still_is_honoured(harness: Harness, when: str) -> None:
    await harness.show(hold_seconds=5)
    order_id = await stopped_while_ordering(harness, 30, when)
    assert (await harness.order_of(order_id)).due is None  # nobody asked for its payment to be ended
    harness.processor.pay(order_id)
    await harness.quiet()
    order = await harness.order_of(order_id)
    assert (order.state, order.payment) == (S.CONFIRMED, PaymentState.CAPTURED)
    await harness.verify()


async def test_if_its_seat_has_gone_meanwhile_that_is_the_reason(harness: Harness) -> None:
    await harness.show(hold_seconds=5)
    order_id = await stopped_while_ordering(
        harness, 30, "after", meanwhile=lambda: harness.bought("A-1", user="usr_2")
    )
    harness.processor.pay(order_id)
    await harness.webhooks()
    order = await harness.order_of(order_id)
    assert (order.reason, order.detail) == (Reason.SEATS_GONE, in_words(Reason.SEATS_GONE))
    await harness.quiet()
    await harness.verify()


async def test_a_seat_that_the_organizer_closed_did_not_go_to_somebody_else(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    harness.processor.pay(order_id)
    async with harness.store.begin() as tx:  # as an older version closed it, which asked nobody
        block = await tx.get(Block, "evt_1:00000")
        assert block is not None
        tx.put(msgspec.structs.replace(block, claims={0: BLOCKED}))
    await harness.webhooks()
    assert (await harness.order_of(order_id)).reason is Reason.OFF_SALE


async def test_much_too_late_is_said_as_such(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await expired(harness, "A-1")
    await harness.clock.advance(3_600)
    await harness.tickets.reconciliation.reconcile_due()
    harness.processor.pay(order_id)
    await harness.webhooks()
    order = await harness.order_of(order_id)
    assert order.reason is Reason.TOO_LATE
    assert "cancel" not in (order.detail or "")


async def test_what_an_order_says_of_its_money_stays_true(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    bought = await harness.bought("A-1")
    on_its_way = (await harness.cancel(bought)).detail
    assert on_its_way == "You cancelled this order. The money is on its way back to you."
    await harness.quiet()
    assert (
        await harness.order_of(bought)
    ).detail == "You cancelled this order. The money has gone back to you."
    unpaid = await harness.placed("A-2")
    assert (await harness.cancel(unpaid)).detail == "You cancelled this order."


async def test_a_declined_card_is_not_why_an_order_expired(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await harness.placed("A-1")
    harness.processor.pay(order_id, "4000000000000002")
    await harness.webhooks()
    assert (await harness.order_of(order_id)).detail == "card_declined"
    await harness.clock.advance(60)
    await harness.tickets.reconciliation.reconcile_due()
    assert ((await harness.order_of(order_id)).state, (await harness.order_of(order_id)).detail) == (
        S.EXPIRED,
        None,
    )


async def test_an_order_of_the_version_before_has_no_reason(harness: Harness) -> None:
    await harness.show()
    order = await harness.order_of(await harness.placed("A-1"))
    fields = msgspec.json.decode(msgspec.json.encode(order))
    assert "reason" not in fields
    assert msgspec.convert(fields, Order) == order
