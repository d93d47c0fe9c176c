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
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.world import World, refusal

SLOW = "4000000000000077"
CHALLENGED = "4000002760003184"
HOLD_SECONDS = 60
S = OrderState


async def just_before_the_deadline(world: World, *seats: str) -> str:
    """An order whose deadline is in a millisecond."""
    await world.show(hold_seconds=HOLD_SECONDS)
    order_id = await world.placed(*seats)
    await world.clock.advance(HOLD_SECONDS - 0.001)
    assert (await world.order_of(order_id)).expires_at == world.clock.now() + 1
    return order_id


def away(world: World) -> None:
    """The ticket service's requests do not reach the gateway. Cards do."""

    async def cut(call: str, when: str) -> None:
        if when == "before":
            raise Unavailable("cut by the test")

    world.processor.trouble = cut


def back(world: World) -> None:
    async def well(call: str, when: str) -> None:
        pass

    world.processor.trouble = well


async def must_be_sold(world: World, order_id: str) -> None:
    await world.quiet()
    order = await world.order_of(order_id)
    assert (order.state, order.payment) == (S.CONFIRMED, PaymentState.CAPTURED)
    assert await world.sent(PaymentReturned) == []
    await world.verify()


async def must_cost_nothing(world: World, order_id: str) -> None:
    """It expired; its payment was ended, and no money was ever reserved."""
    with pytest.raises(DomainError) as refused:
        world.processor.pay(order_id)
    assert refused.value.code == "intent_not_payable"
    await world.quiet()
    order, intent = await world.order_of(order_id), world.processor.of(order_id)
    assert (order.state, order.payment, order.look_at) == (S.EXPIRED, PaymentState.CANCELED, None)
    assert (intent.state, intent.authorized_minor) == (State.CANCELED, 0)
    await world.verify()


# In time


@pytest.mark.parametrize("reconciled", [True, False], ids=["reconciled", "by the rival alone"])
async def test_authorised_a_millisecond_before_the_deadline_and_told_a_minute_later(
    world: World, reconciled: bool
) -> None:
    order_id = await just_before_the_deadline(world, "A-1", "A-2")
    world.processor.pay(order_id)
    await world.clock.advance(0.001)
    if reconciled:
        await world.tickets.reconciliation.reconcile_due()
    assert (await refusal(world.hold("A-2", user="usr_2"))).code == "seats_taken"
    await world.clock.advance(60)
    await world.webhooks()
    await must_be_sold(world, order_id)


@pytest.mark.parametrize("told", ["never", "twice", "after the capture"])
async def test_however_it_is_told(world: World, told: str) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    world.processor.pay(order_id)
    news = list(world.processor.news)
    world.processor.news.clear()
    await world.clock.advance(0.001)
    assert (await refusal(world.hold("A-1", user="usr_2"))).code == "seats_taken"
    await world.clock.advance(60)
    if told == "twice":
        world.processor.news += news * 2
    if told == "after the capture":
        await world.tickets.reconciliation.look_at(order_id)
        world.processor.news += news
    await must_be_sold(world, order_id)
    assert len(await world.sent(OrderConfirmed)) == 1


async def test_a_challenge_that_was_approved_in_time(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    world.processor.pay(order_id, CHALLENGED)
    world.processor.approve(order_id)
    await world.clock.advance(30)
    assert (await refusal(world.best(10, "Premium", user="usr_2"))).code == "not_enough_seats"
    await must_be_sold(world, order_id)


async def test_the_organizer_takes_nobodys_paid_seat_off_sale(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    world.processor.pay(order_id)
    await world.clock.advance(1)
    told = await refusal(world.tickets.set_blocked(await world.show_of(), ["A-1"], []))
    assert told.code == "seats_taken"
    await must_be_sold(world, order_id)


# Too late


async def test_a_payment_after_the_seat_has_gone_is_refused_and_not_refunded(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1", "A-2")
    await world.clock.advance(0.001)
    await world.hold("A-2", user="usr_2")
    await world.clock.advance(0.001)
    await must_cost_nothing(world, order_id)
    assert (await world.seats())[1][0] is SeatState.HELD


async def test_a_payment_a_millisecond_late_is_honoured_while_nobody_wants_the_seat(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    await world.clock.advance(0.002)
    await world.tickets.reconciliation.reconcile_due()
    assert (await world.order_of(order_id)).state is S.EXPIRED
    world.processor.pay(order_id)
    await world.clock.advance(60)
    assert (await refusal(world.hold("A-1", user="usr_2"))).code == "seats_taken"
    await must_be_sold(world, order_id)


@pytest.mark.parametrize("card", [SLOW, CHALLENGED], ids=["the bank thinks", "a challenge is open"])
async def test_a_payment_that_is_not_finished_when_the_seat_is_wanted_is_ended(
    world: World, card: str
) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    world.processor.pay(order_id, card)
    await world.webhooks()
    await world.clock.advance(1)
    await world.bought("A-1", user="usr_2")
    if card == SLOW:
        world.processor.settle(order_id)
    else:
        world.processor.approve(order_id)
    await must_cost_nothing(world, order_id)


async def test_the_organizer_may_take_an_unpaid_seat_off_sale(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    await world.clock.advance(1)
    await world.tickets.set_blocked(await world.show_of(), ["A-1"], [])
    await must_cost_nothing(world, order_id)


async def test_an_hour_later_what_was_authorised_in_time_still_counts(world: World) -> None:
    """The end of its intent is due, and the gateway was away all the time."""
    order_id = await just_before_the_deadline(world, "A-1")
    await world.clock.advance(1)
    await world.tickets.reconciliation.reconcile_due()
    world.clock.jump(-1.0005)
    world.processor.pay(order_id)  # by a clock of the gateway that is behind ours
    world.clock.jump(1.0005)
    world.processor.news.clear()
    away(world)
    await world.clock.advance(LATE_MILLIS / 1000)
    await world.tickets.reconciliation.reconcile_due()
    back(world)
    await must_be_sold(world, order_id)


async def test_an_hour_later_a_late_payment_is_too_late(world: World) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    await world.clock.advance(1)
    await world.tickets.reconciliation.reconcile_due()
    await world.clock.advance(LATE_MILLIS / 1000)
    await world.tickets.reconciliation.reconcile_due()
    world.processor.pay(order_id)
    await world.webhooks()
    assert (await world.order_of(order_id)).reason is Reason.TOO_LATE
    await world.quiet()
    await world.verify()


# The gateway is away


@pytest.mark.parametrize("paid", [True, False])
async def test_a_seat_stays_until_the_gateway_was_asked(world: World, paid: bool) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    if paid:
        world.processor.pay(order_id)
        world.processor.news.clear()
    away(world)
    for _ in range(20):
        await world.clock.advance(31)
        await world.tickets.reconciliation.reconcile_due()
        assert (await refusal(world.hold("A-1", user="usr_2"))).code == "seats_taken"
        assert (await world.seats())[0][0] is SeatState.HELD  # as everybody is shown it
        others = await world.best(9, "Premium", user="usr_2")  # they can be had
        await world.tickets.holding.release("usr_2", others.hold_id)
    back(world)
    await world.clock.advance(31)
    if paid:
        assert (await refusal(world.hold("A-1", user="usr_3"))).code == "seats_taken"
        await must_be_sold(world, order_id)
    else:
        await world.hold("A-1", user="usr_3")
        await must_cost_nothing(world, order_id)


async def test_who_wants_a_seat_that_is_kept_does_not_ask_again(world: World) -> None:
    await just_before_the_deadline(world, "A-1")
    away(world)
    await world.clock.advance(1)
    world.processor.calls.clear()
    for n in range(5):
        await refusal(world.hold("A-1", user=f"usr_{n + 2}"))
    assert world.processor.calls == ["cancel unpaid"]


# Deaths and crowds


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2])
async def test_a_death_between_the_gateways_answer_and_the_next_hold(
    world: World, paid: bool, when: str, commit: int
) -> None:
    order_id = await just_before_the_deadline(world, "A-1")
    if paid:
        world.processor.pay(order_id)
        world.processor.news.clear()
    await world.clock.advance(1)
    world.store.commits = 0
    world.store.dies_at = (commit, when)
    with suppress(Crash, DomainError):
        await world.hold("A-1", user="usr_2")
    reborn = await world.again()
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
async def test_a_crowd_that_wants_the_seat(world: World, paid: bool) -> None:
    order_id = await just_before_the_deadline(world, "A-1", "A-2")
    if paid:
        world.processor.pay(order_id)
    await world.clock.advance(1)
    world.processor.calls.clear()
    wishes = [world.hold(f"A-{n % 2 + 1}", user=f"usr_{n + 2}") for n in range(20)]
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    granted = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(granted) == (0 if paid else 2)
    assert world.processor.calls.count("cancel unpaid") <= 2
    if paid:
        await must_be_sold(world, order_id)
    else:
        await must_cost_nothing(world, order_id)


async def test_a_hold_that_was_never_ordered_ends_by_the_clock_alone(world: World) -> None:
    await world.show(hold_seconds=HOLD_SECONDS)
    await world.hold("A-1")
    away(world)
    await world.clock.advance(HOLD_SECONDS)
    await world.hold("A-1", user="usr_2")
    assert world.processor.calls == []


async def test_one_who_pays_late_does_not_get_a_seat_that_another_may_have_paid_for(world: World) -> None:
    """Two orders of one seat with open payments, as an older version could leave them."""
    first = await just_before_the_deadline(world, "A-1")
    await world.clock.advance(1)

    async def as_it_was(call: str, when: str) -> None:
        if (call, when) == ("cancel unpaid", "before"):
            raise Unavailable("cut by the test")

    world.processor.trouble = as_it_was
    async with world.store.begin() as tx:
        order = await world.order_of(first)
        await world.tickets.holding.free(tx, "evt_1", "usr_1", order.ordinals, order.hold_id, order.hold_id)
    second = await world.placed("A-1", user="usr_2")
    world.processor.pay(second)
    world.processor.news.clear()
    await world.clock.advance(HOLD_SECONDS)
    world.processor.pay(first)
    await world.webhooks()
    assert (await world.order_of(first)).reason is Reason.SEATS_GONE
    back(world)
    await world.quiet()
    assert (await world.order_of(second)).state is S.CONFIRMED
    assert [ticket.order_id for ticket in await world.every(Ticket)] == [second]
    await world.verify()
