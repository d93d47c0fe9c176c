"""A payment that the gateway authorised before its order's deadline keeps its seats, however late it is told.
Seats of a lapsed order go to another only after its payment was ended, so nobody pays for what is gone.
"""

import asyncio
from contextlib import suppress

import pytest

from houseful.kernel.errors import DomainError, Unavailable
from houseful.messages import OrderConfirmed, PaymentReturned
from houseful.payments.domain import State
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.orders import LATE_MILLIS, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.tickets import Ticket
from houseful.webapi.audit import COMMAND_LINE
from tests.unit.tickets.harness import Harness, refusal
from tests.unit.tickets.stand_ins import Crash

SLOW = "4000000000000077"
CHALLENGED = "4000002760003184"
HOLD_SECONDS = 60
S = OrderState


async def just_before_the_deadline(harness: Harness, *seats: str) -> str:
    """An order whose deadline is in a millisecond."""
    await harness.show(hold_seconds=HOLD_SECONDS)
    order_id = await harness.placed(*seats)
    await harness.clock.advance(HOLD_SECONDS - 0.001)
    assert (await harness.order_of(order_id)).expires_at == harness.clock.now() + 1
    return order_id


def away(harness: Harness) -> None:
    """The ticket service's requests do not reach the gateway. Cards do."""

    async def cut(call: str, when: str) -> None:
        if when == "before":
            raise Unavailable("cut by the test")

    harness.processor.trouble = cut


def back(harness: Harness) -> None:
    async def well(call: str, when: str) -> None:
        pass

    harness.processor.trouble = well


async def must_be_sold(harness: Harness, order_id: str) -> None:
    await harness.quiet()
    order = await harness.order_of(order_id)
    assert (order.state, order.payment) == (S.CONFIRMED, PaymentState.CAPTURED)
    assert await harness.sent(PaymentReturned) == []
    await harness.verify()


async def must_cost_nothing(harness: Harness, order_id: str) -> None:
    """It expired; its payment was ended, and no money was ever reserved."""
    with pytest.raises(DomainError) as refused:
        harness.processor.pay(order_id)
    assert refused.value.code == "intent_not_payable"
    await harness.quiet()
    order, intent = await harness.order_of(order_id), harness.processor.of(order_id)
    assert (order.state, order.payment, order.look_at) == (S.EXPIRED, PaymentState.CANCELED, None)
    assert (intent.state, intent.authorized_minor) == (State.CANCELED, 0)
    await harness.verify()


# In time


@pytest.mark.parametrize("reconciled", [True, False], ids=["reconciled", "by the rival alone"])
async def test_authorised_a_millisecond_before_the_deadline_and_told_a_minute_later(
    harness: Harness, reconciled: bool
) -> None:
    order_id = await just_before_the_deadline(harness, "A-1", "A-2")
    harness.processor.pay(order_id)
    await harness.clock.advance(0.001)
    if reconciled:
        await harness.tickets.reconciliation.reconcile_due()
    assert (await refusal(harness.hold("A-2", user="usr_2"))).code == "seats_taken"
    await harness.clock.advance(60)
    await harness.webhooks()
    await must_be_sold(harness, order_id)


@pytest.mark.parametrize("told", ["never", "twice", "after the capture"])
async def test_however_it_is_told(harness: Harness, told: str) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    harness.processor.pay(order_id)
    news = list(harness.processor.news)
    harness.processor.news.clear()
    await harness.clock.advance(0.001)
    assert (await refusal(harness.hold("A-1", user="usr_2"))).code == "seats_taken"
    await harness.clock.advance(60)
    if told == "twice":
        harness.processor.news += news * 2
    if told == "after the capture":
        await harness.tickets.reconciliation.look_at(order_id)
        harness.processor.news += news
    await must_be_sold(harness, order_id)
    assert len(await harness.sent(OrderConfirmed)) == 1


async def test_a_challenge_that_was_approved_in_time(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    harness.processor.pay(order_id, CHALLENGED)
    harness.processor.approve(order_id)
    await harness.clock.advance(30)
    assert (await refusal(harness.best(10, "Premium", user="usr_2"))).code == "not_enough_seats"
    await must_be_sold(harness, order_id)


async def test_the_organizer_takes_nobodys_paid_seat_off_sale(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    harness.processor.pay(order_id)
    await harness.clock.advance(1)
    told = await refusal(harness.tickets.set_blocked(await harness.show_of(), ["A-1"], [], COMMAND_LINE))
    assert told.code == "seats_taken"
    await must_be_sold(harness, order_id)


# Too late


async def test_a_payment_after_the_seat_has_gone_is_refused_and_not_refunded(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1", "A-2")
    await harness.clock.advance(0.001)
    await harness.hold("A-2", user="usr_2")
    await harness.clock.advance(0.001)
    await must_cost_nothing(harness, order_id)
    assert (await harness.seats())[1][0] is SeatState.HELD


async def test_a_payment_a_millisecond_late_is_honoured_while_nobody_wants_the_seat(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    await harness.clock.advance(0.002)
    await harness.tickets.reconciliation.reconcile_due()
    assert (await harness.order_of(order_id)).state is S.EXPIRED
    harness.processor.pay(order_id)
    await harness.clock.advance(60)
    assert (await refusal(harness.hold("A-1", user="usr_2"))).code == "seats_taken"
    await must_be_sold(harness, order_id)


@pytest.mark.parametrize("card", [SLOW, CHALLENGED], ids=["the bank thinks", "a challenge is open"])
async def test_a_payment_that_is_not_finished_when_the_seat_is_wanted_is_ended(
    harness: Harness, card: str
) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    harness.processor.pay(order_id, card)
    await harness.webhooks()
    await harness.clock.advance(1)
    await harness.bought("A-1", user="usr_2")
    if card == SLOW:
        harness.processor.settle(order_id)
    else:
        harness.processor.approve(order_id)
    await must_cost_nothing(harness, order_id)


async def test_the_organizer_may_take_an_unpaid_seat_off_sale(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    await harness.clock.advance(1)
    await harness.tickets.set_blocked(await harness.show_of(), ["A-1"], [], COMMAND_LINE)
    await must_cost_nothing(harness, order_id)


async def test_an_hour_later_what_was_authorised_in_time_still_counts(harness: Harness) -> None:
    """The end of its intent is due, and the gateway was away all the time."""
    order_id = await just_before_the_deadline(harness, "A-1")
    await harness.clock.advance(1)
    await harness.tickets.reconciliation.reconcile_due()
    harness.clock.jump(-1.0005)
    harness.processor.pay(order_id)  # by a clock of the gateway that is behind ours
    harness.clock.jump(1.0005)
    harness.processor.news.clear()
    away(harness)
    await harness.clock.advance(LATE_MILLIS / 1000)
    await harness.tickets.reconciliation.reconcile_due()
    back(harness)
    await must_be_sold(harness, order_id)


async def test_an_hour_later_a_late_payment_is_too_late(harness: Harness) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    await harness.clock.advance(1)
    await harness.tickets.reconciliation.reconcile_due()
    await harness.clock.advance(LATE_MILLIS / 1000)
    await harness.tickets.reconciliation.reconcile_due()
    harness.processor.pay(order_id)
    await harness.webhooks()
    assert (await harness.order_of(order_id)).reason is Reason.TOO_LATE
    await harness.quiet()
    await harness.verify()


# The gateway is away


@pytest.mark.parametrize("paid", [True, False])
async def test_a_seat_stays_until_the_gateway_was_asked(harness: Harness, paid: bool) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    if paid:
        harness.processor.pay(order_id)
        harness.processor.news.clear()
    away(harness)
    for _ in range(20):
        await harness.clock.advance(31)
        await harness.tickets.reconciliation.reconcile_due()
        assert (await refusal(harness.hold("A-1", user="usr_2"))).code == "seats_taken"
        assert (await harness.seats())[0][0] is SeatState.HELD  # as everybody is shown it
        others = await harness.best(9, "Premium", user="usr_2")  # they can be had
        await harness.tickets.holding.release("usr_2", others.hold_id)
    back(harness)
    await harness.clock.advance(31)
    if paid:
        assert (await refusal(harness.hold("A-1", user="usr_3"))).code == "seats_taken"
        await must_be_sold(harness, order_id)
    else:
        await harness.hold("A-1", user="usr_3")
        await must_cost_nothing(harness, order_id)


async def test_who_wants_a_seat_that_is_kept_does_not_ask_again(harness: Harness) -> None:
    await just_before_the_deadline(harness, "A-1")
    away(harness)
    await harness.clock.advance(1)
    harness.processor.calls.clear()
    for n in range(5):
        await refusal(harness.hold("A-1", user=f"usr_{n + 2}"))
    assert harness.processor.calls == ["cancel unpaid"]


# Deaths and crowds


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2])
async def test_a_death_between_the_gateways_answer_and_the_next_hold(
    harness: Harness, paid: bool, when: str, commit: int
) -> None:
    order_id = await just_before_the_deadline(harness, "A-1")
    if paid:
        harness.processor.pay(order_id)
        harness.processor.news.clear()
    await harness.clock.advance(1)
    harness.store.commits = 0
    harness.store.dies_at = (commit, when)
    with suppress(Crash, DomainError):
        await harness.hold("A-1", user="usr_2")
    reborn = await harness.again()
    if paid:
        assert (await refusal(reborn.hold("A-1", user="usr_3"))).code == "seats_taken"
        await must_be_sold(reborn, order_id)
    else:
        with suppress(DomainError):  # the hold was made before the death
            await reborn.hold("A-1", user="usr_3")
        assert (await reborn.seats())[0][0] is SeatState.HELD
        await must_cost_nothing(reborn, order_id)
    await reborn.close()


@pytest.mark.parametrize("paid", [True, False])
async def test_a_crowd_that_wants_the_seat(harness: Harness, paid: bool) -> None:
    order_id = await just_before_the_deadline(harness, "A-1", "A-2")
    if paid:
        harness.processor.pay(order_id)
    await harness.clock.advance(1)
    harness.processor.calls.clear()
    wishes = [harness.hold(f"A-{n % 2 + 1}", user=f"usr_{n + 2}") for n in range(20)]
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    granted = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(granted) == (0 if paid else 2)
    assert harness.processor.calls.count("cancel unpaid") <= 2
    if paid:
        await must_be_sold(harness, order_id)
    else:
        await must_cost_nothing(harness, order_id)


async def test_a_hold_that_was_never_ordered_ends_by_the_clock_alone(harness: Harness) -> None:
    await harness.show(hold_seconds=HOLD_SECONDS)
    await harness.hold("A-1")
    away(harness)
    await harness.clock.advance(HOLD_SECONDS)
    await harness.hold("A-1", user="usr_2")
    assert harness.processor.calls == []


async def test_one_who_pays_late_does_not_get_a_seat_that_another_may_have_paid_for(harness: Harness) -> None:
    """Two orders of one seat with open payments, as an older version could leave them."""
    first = await just_before_the_deadline(harness, "A-1")
    await harness.clock.advance(1)

    async def as_it_was(call: str, when: str) -> None:
        if (call, when) == ("cancel unpaid", "before"):
            raise Unavailable("cut by the test")

    harness.processor.trouble = as_it_was
    async with harness.store.begin() as tx:
        order = await harness.order_of(first)
        await harness.tickets.holding.free(tx, "evt_1", "usr_1", order.ordinals, order.hold_id, order.hold_id)
    second = await harness.placed("A-1", user="usr_2")
    harness.processor.pay(second)
    harness.processor.news.clear()
    await harness.clock.advance(HOLD_SECONDS)
    harness.processor.pay(first)
    await harness.webhooks()
    assert (await harness.order_of(first)).reason is Reason.SEATS_GONE
    back(harness)
    await harness.quiet()
    assert (await harness.order_of(second)).state is S.CONFIRMED
    assert [ticket.order_id for ticket in await harness.every(Ticket)] == [second]
    await harness.verify()
