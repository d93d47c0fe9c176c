"""Ordering: from a hold to an order with a payment, and back."""

import asyncio

import pytest

from houseful.kernel.errors import DomainError, Unavailable
from houseful.messages import EventCancelled, OrderConfirmed, OrderRefunded
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.holds import Hold, HoldQuota
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.scans import ScanRequest
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import DAY, Harness, refusal


async def scan(harness: Harness, order_id: str, user: str = "usr_1") -> str:
    _, _, [ticket, *_] = await harness.tickets.ordering.tickets_of(user, order_id)
    request = ScanRequest(ticket.code, "North", f"scan-{ticket.id}", harness.clock.now(), None)
    [kept] = await harness.scans(request)
    return kept.verdict


async def test_an_order_freezes_prices_and_keeps_the_seats_for_the_payment(harness: Harness) -> None:
    await harness.show(hold_seconds=600)
    hold = await harness.hold("A-1", "B-1")
    await harness.clock.advance(500)
    order = await harness.order(hold.hold_id)
    assert (order.status, order.total_minor, order.currency) == ("awaiting_payment", 8000, "EUR")
    assert (order.buyer.name, order.buyer.email) == ("Bea Brandt", "bea@example.org")
    stored = await harness.order_of(order.id)
    assert stored.expires_at == harness.clock.now() + 600_000
    intent = harness.processor.of(order.id)
    assert (intent.amount_minor, intent.currency) == (8000, "EUR")
    assert (order.payment.intent_id, order.payment.client_secret) == (intent.id, intent.client_secret)
    await harness.clock.advance(599.999)
    assert set(await harness.seats()) == {0, 10}
    await harness.clock.advance(0.001)
    assert await harness.seats() == {}


async def test_the_same_request_finds_its_order_and_another_is_refused(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    order = await harness.order(hold.hold_id, key="key")
    told = await refusal(harness.order(hold.hold_id, key="another key"))
    assert (status_of(told), told.code, told.extra) == (409, "already_ordered", {"order_id": order.id})
    assert len(await harness.every(Order)) == 1


async def test_what_can_not_be_ordered(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    released, expiring = await harness.hold("A-1"), await harness.hold("A-2")
    await harness.tickets.holding.release("usr_1", released.hold_id)
    assert (await refusal(harness.order(released.hold_id))).code == "hold_released"
    assert (await refusal(harness.order(expiring.hold_id, user="usr_2"))).code == "hold_not_found"
    assert (await refusal(harness.order("hold_unknown"))).code == "hold_not_found"
    await harness.clock.advance(60)
    assert (await refusal(harness.order(expiring.hold_id))).code == "hold_expired"
    assert await harness.every(Order) == []
    assert harness.processor.intents == {}


async def test_a_hold_whose_seat_another_took_over_can_not_be_ordered_by_any_clock(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    hold = await harness.hold("A-1", "A-2")
    await harness.clock.advance(60)
    await harness.hold("A-2", user="usr_2")
    harness.clock.jump(-60)
    assert (await refusal(harness.order(hold.hold_id))).code == "hold_expired"


async def test_what_is_not_on_sale_any_more_can_not_be_ordered(harness: Harness) -> None:
    await harness.show("evt_1", ends_at=harness.clock.now() + 100_000)
    await harness.show("evt_2")
    ended, cancelled = await harness.hold("A-1"), await harness.hold("A-1", event="evt_2")
    await harness.receive(EventCancelled(event_id="evt_2"))
    await harness.clock.advance(100)
    assert (await refusal(harness.order(ended.hold_id))).code == "event_ended"
    assert (await refusal(harness.order(cancelled.hold_id))).code == "event_cancelled"


async def test_a_gateway_that_is_down_leaves_an_order_that_the_same_request_goes_on_with(
    harness: Harness,
) -> None:
    await harness.show()
    hold = await harness.hold("A-1")

    async def down(call: str, when: str) -> None:
        raise Unavailable("cut by the test")

    normal, harness.processor.trouble = harness.processor.trouble, down
    with pytest.raises(Unavailable):
        await harness.order(hold.hold_id, key="key")
    [order] = await harness.every(Order)
    assert (order.state, order.payment, order.due) == (
        OrderState.AWAITING_PAYMENT,
        PaymentState.NONE,
        Due.CREATE,
    )
    harness.processor.trouble = normal
    view = await harness.order(hold.hold_id, key="key")
    assert view.id == order.id
    assert view.payment.intent_id == harness.processor.of(order.id).id


async def test_nobody_who_asks_again_for_a_lost_answer_opens_two_payments(harness: Harness) -> None:
    """The gateway did it and the answer was lost; the reconciler and the buyer both ask again."""
    await harness.show()
    hold = await harness.hold("A-1")
    normal = harness.processor.trouble

    async def lost(call: str, when: str) -> None:
        if when == "after":
            raise Unavailable("cut by the test")

    harness.processor.trouble = lost
    with pytest.raises(Unavailable):
        await harness.order(hold.hold_id, key="key")
    harness.processor.trouble = normal
    [order] = await harness.every(Order)
    await harness.clock.advance(5)
    await harness.tickets.reconciliation.reconcile_due()
    view = await harness.order(hold.hold_id, key="key")
    assert len(harness.processor.intents) == 1
    assert view.payment.client_secret == harness.processor.of(order.id).client_secret


async def test_a_free_order_is_confirmed_at_once_and_gets_its_tickets(harness: Harness) -> None:
    await harness.show(prices={"Premium": 0, "Standard": 3000})
    order = await harness.order((await harness.hold("A-1")).hold_id)
    assert (order.status, order.total_minor) == ("confirmed", 0)
    assert harness.processor.intents == {}
    assert len(await harness.sent(OrderConfirmed)) == 1
    assert len(await harness.every(Ticket)) == 1
    await harness.verify()
    assert (await harness.cancel(order.id)).status == "refunded"
    assert harness.processor.calls == []
    await harness.quiet()
    await harness.verify()


async def test_an_ordered_hold_keeps_its_one_place_in_the_allowance(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    [quota] = await harness.every(HoldQuota)
    order = await harness.order_of(order_id)
    assert [(one.hold_id, one.until) for one in quota.running] == [(order.hold_id, order.expires_at)]
    harness.processor.pay(order_id)
    await harness.webhooks()
    [quota] = await harness.every(HoldQuota)
    assert quota.running == ()  # what is bought is no longer held


async def test_a_bought_order_has_a_ticket_a_seat_in_the_seats_order(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("C-3", "A-1", "B-2")
    _, view, tickets = await harness.tickets.ordering.tickets_of("usr_1", order_id)
    assert view.status == "confirmed"
    assert [ticket.seat.id for ticket in tickets] == ["C-3", "A-1", "B-2"]
    assert len({ticket.code for ticket in tickets}) == 3
    _, _, one = await harness.tickets.ordering.own_ticket("usr_1", tickets[1].id)
    assert one == tickets[1]
    await harness.verify()


async def test_somebody_elses_order_and_ticket_do_not_exist(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    [ticket] = await harness.every(Ticket)
    ordering = harness.tickets.ordering
    for asked in (
        ordering.own_order("usr_2", order_id),
        ordering.order_view("usr_2", order_id),
        ordering.tickets_of("usr_2", order_id),
        ordering.own_ticket("usr_2", ticket.id),
        harness.cancel(order_id, "usr_2"),
        ordering.own_order("usr_1", "ord_unknown"),
    ):
        assert status_of(await refusal(asked)) == 404
    assert (await harness.order_of(order_id)).state is OrderState.CONFIRMED


async def test_orders_are_listed_newest_first_page_by_page(harness: Harness) -> None:
    await harness.show()
    placed = []
    for number in range(1, 6):
        placed.append(await harness.placed(f"A-{number}"))
        await harness.clock.advance(number % 2)  # some in the same millisecond
    await harness.placed("B-1", user="usr_2")
    listed: list[str] = []
    after = None
    while page := await harness.tickets.ordering.orders("usr_1", after, 2):
        listed += [order.id for order, _ in page]
        after = (page[-1][0].created_at, page[-1][0].id)
    assert listed == placed[::-1]


async def test_an_unpaid_order_is_cancelled_at_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    assert (await harness.cancel(order_id)).status == "cancelled"
    assert await harness.seats() == {}
    await harness.hold("A-1", user="usr_2")
    await harness.quiet()
    assert harness.processor.of(order_id).status == "canceled"
    assert await harness.sent(OrderRefunded) == []  # nothing was sold, nothing is refunded
    await harness.verify()


async def test_a_paid_order_is_cancelled_with_its_tickets_and_its_money(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2")
    view = await harness.cancel(order_id)
    assert view.status == "refunding"
    assert await harness.seats() == {}
    assert {ticket.state for ticket in await harness.every(Ticket)} == {TicketState.REFUNDED}
    assert await scan(harness, order_id) == "refunded"
    other = await harness.bought("A-1", user="usr_2")
    await harness.quiet()
    assert (await harness.order_of(order_id)).state is OrderState.REFUNDED
    assert (await harness.order_of(other)).state is OrderState.CONFIRMED
    [refund] = await harness.sent(OrderRefunded)
    assert (refund.order_id, refund.total_minor) == (order_id, 10_000)
    await harness.verify()


async def test_cancelling_twice_at_once_gives_back_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await asyncio.gather(*(harness.cancel(order_id) for _ in range(5)))
    await harness.quiet()
    assert len(await harness.sent(OrderRefunded)) == 1
    assert harness.processor.of(order_id).refunded_minor == 5000
    await harness.verify()


async def test_until_when_a_bought_order_may_be_given_back(harness: Harness) -> None:
    until = harness.clock.now() + DAY
    await harness.show(refundable_until=until)
    early, late = await harness.bought("A-1"), await harness.bought("A-2")
    await harness.clock.advance(DAY / 1000 - 0.001)
    assert (await harness.cancel(early)).status == "refunding"
    await harness.clock.advance(0.001)
    assert (await refusal(harness.cancel(late))).code == "cancel_closed"
    assert (await harness.cancel(early)).status == "refunding"  # that it was done is no error
    await harness.quiet()
    await harness.verify()


async def test_without_a_date_it_is_the_beginning_of_the_show(harness: Harness) -> None:
    await harness.show(starts_at=harness.clock.now() + 10_000)
    order_id = await harness.bought("A-1")
    await harness.clock.advance(10)
    assert (await refusal(harness.cancel(order_id))).code == "cancel_closed"


async def test_who_is_inside_can_not_have_the_money_back(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2")
    assert await scan(harness, order_id) == "admitted"
    assert (await refusal(harness.cancel(order_id))).code == "cancel_closed"
    await harness.verify()


@pytest.mark.parametrize("turn", range(8))
async def test_of_gate_and_cancellation_at_one_instant_one_wins(harness: Harness, turn: int) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    other = harness.beside()
    gate, cancel = (scan(other, order_id), harness.cancel(order_id))
    verdict, view = await asyncio.gather(
        *((gate, cancel) if turn % 2 else (cancel, gate))[:: 1 if turn % 2 else -1], return_exceptions=True
    )
    if isinstance(view, DomainError):
        assert (verdict, view.code) == ("admitted", "cancel_closed")
    else:
        assert verdict == "refunded"
    await harness.quiet()
    await harness.verify()


async def test_the_seats_of_a_cancelled_order_are_not_taken_from_the_next_owner(harness: Harness) -> None:
    """The order expired long ago and its seats were sold to another; only then does its buyer cancel."""
    await harness.show(hold_seconds=60)
    first = await harness.placed("A-1")
    await harness.clock.advance(60)
    second = await harness.bought("A-1", user="usr_2")
    await harness.cancel(first)
    await harness.quiet()
    assert await harness.seats() == {0: (SeatState.SOLD, second)}
    await harness.verify()


async def test_an_order_is_shown_whenever_it_changes(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    shown = harness.tickets.ordering.watch_order("usr_1", order_id)
    assert (await anext(shown)).status == "awaiting_payment"
    harness.processor.pay(order_id)
    await harness.webhooks()
    assert (await anext(shown)).status == "confirmed"
    await harness.cancel(order_id)
    assert (await anext(shown)).status == "refunding"
    await shown.aclose()


async def test_a_hold_is_ordered_once_whoever_asks_at_once(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    results = await asyncio.gather(*(harness.order(hold.hold_id) for _ in range(8)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, DomainError)]
    assert len(refused) == 7
    assert {one.code for one in refused} == {"already_ordered"}
    assert len(await harness.every(Order)) == len(harness.processor.intents) == 1
    assert (await harness.get(Hold, hold.hold_id)).order_id == (await harness.every(Order))[0].id
