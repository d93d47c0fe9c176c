"""The process dies at every step of a sale, and the next one finds its way: sold, or compensated."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from houseful.kernel.errors import DomainError, Duplicate, Unavailable
from houseful.messages import EventCancelled, OrderConfirmed, OrderRefunded
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.use_cases.sales_report import SalesReport
from houseful.webapi.idempotency import AlreadyAnswered
from tests.unit.tickets.harness import Harness, who
from tests.unit.tickets.stand_ins import Crash

S = OrderState
OutageLog = Callable[[str, str], Awaitable[None]]


class Sale:
    """A buyer with a browser: asks again with the same keys, pays once, and cancels if told to."""

    def __init__(self, *, cancels: bool, event_cancelled: bool = False) -> None:
        self.cancels = cancels
        self.event_cancelled = event_cancelled
        self.paid = False

    async def go(self, harness: Harness) -> None:
        """From the beginning; steps that were done before are found to be done."""
        holding, ordering = harness.tickets.holding, harness.tickets.ordering
        with suppress(DomainError, Duplicate, AlreadyAnswered):  # the HTTP surface replays the kept answer
            await holding.hold_seats(who("usr_1"), "evt_1", ["A-1", "B-1"], harness.use("usr_1", "hold"))
        holds = await holding.running_holds("usr_1")
        orders = [one for one in await harness.every(Order) if one.user_id == "usr_1"]
        hold_id = holds[0].hold_id if holds else orders[0].hold_id
        with suppress(Duplicate, AlreadyAnswered):
            await ordering.order("usr_1", hold_id, "Bea", "bea@example.org", harness.use("usr_1", "order"))
        [order] = [one for one in await harness.every(Order) if one.user_id == "usr_1"]
        if not self.paid:
            harness.processor.pay(order.id)
            self.paid = True
        await harness.webhooks()
        await harness.tickets.reconciliation.look_at(order.id)
        if self.cancels:
            with suppress(Duplicate, AlreadyAnswered):
                await ordering.cancel("usr_1", order.id, harness.use("usr_1", "cancel"))
            await harness.tickets.reconciliation.look_at(order.id)
        if self.event_cancelled:
            await harness.receive(EventCancelled(event_id="evt_1"))
            await harness.tickets.reconciliation.refund_cancelled()
            await harness.tickets.reconciliation.look_at(order.id)


async def end_of(harness: Harness) -> Order:
    await harness.quiet()
    await harness.deliver()
    await harness.verify()
    [order] = await harness.every(Order)
    sales = await harness.tickets.sales_report.sales(await harness.show_of())
    assert isinstance(harness.tickets.sales_report, SalesReport)
    confirmed = len(await harness.sent(OrderConfirmed))
    refunded = len(await harness.sent(OrderRefunded))
    assert (confirmed, refunded) == (1, order.state is S.REFUNDED)
    assert (sales.orders, sales.sold) == (1, 2 * (confirmed - refunded))
    assert sales.gross_minor - sales.refunded_minor == 8000 * (confirmed - refunded)
    emails = {one.kind for one in await harness.every(QueuedEmail)}
    assert emails == {"confirmed", "refunded"} if refunded else {"confirmed"}
    return order


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 12))
@pytest.mark.parametrize("kind", ["kept", "cancelled", "event cancelled"])
async def test_a_death_at_any_commit_of_a_sale(harness: Harness, kind: str, commit: int, when: str) -> None:
    await harness.show()
    sale = Sale(cancels=kind == "cancelled", event_cancelled=kind == "event cancelled")
    harness.store.commits, harness.store.dies_at = 0, (commit, when)
    try:
        await sale.go(harness)
    except Crash:
        pass
    else:
        assert harness.store.commits < commit, "it should have died"
    harness = await harness.again()
    await sale.go(harness)
    order = await end_of(harness)
    assert order.state is (S.CONFIRMED if kind == "kept" else S.REFUNDED)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 12))
@pytest.mark.parametrize("cancels", [False, True])
async def test_a_death_and_a_buyer_who_does_not_come_back(
    harness: Harness, cancels: bool, commit: int, when: str
) -> None:
    """Nobody repeats anything: only the reconciler and the webhooks are there to clean up."""
    await harness.show()
    harness.store.commits, harness.store.dies_at = 0, (commit, when)
    with suppress(Crash):
        await Sale(cancels=cancels).go(harness)
    harness = await harness.again()
    await harness.quiet()
    await harness.clock.advance(601)
    await harness.verify()
    for order in await harness.every(Order):
        assert order.look_at is None
        assert order.state in (S.CONFIRMED, S.EXPIRED, S.REFUNDED)
        if order.state is not S.CONFIRMED:
            assert await harness.seats() == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["create", "capture", "refund"])
@pytest.mark.parametrize("webhooks", ["arrive", "are lost"])
async def test_a_death_beside_the_gateway(harness: Harness, call: str, when: str, webhooks: str) -> None:
    """Asked and not answered, or answered and not written down."""
    await harness.show()
    sale = Sale(cancels=True)

    async def die(this_call: str, this_when: str) -> None:
        if (this_call, this_when) == (call, when):
            raise Crash

    normal: OutageLog = harness.processor.trouble
    harness.processor.trouble = die
    with pytest.raises(Crash):
        await sale.go(harness)
    harness.processor.trouble = normal
    if webhooks == "are lost":
        harness.processor.news.clear()
    harness = await harness.again()
    await harness.quiet()
    await harness.verify()
    [order] = await harness.every(Order)
    if call == "create":
        assert order.state is S.EXPIRED  # the buyer never learned how to pay
    else:
        await sale.go(harness)
        assert (await end_of(harness)).state is S.REFUNDED
    assert len(harness.processor.intents) == 1


@pytest.mark.parametrize("call", ["create", "capture", "refund"])
async def test_the_gateway_is_down_for_ten_minutes(harness: Harness, call: str) -> None:
    await harness.show()
    sale = Sale(cancels=True)
    until = harness.clock.now() + 600_000

    async def down(this_call: str, when: str) -> None:
        if this_call == call and harness.clock.now() < until:
            raise Unavailable("the gateway is down")

    harness.processor.trouble = down
    try:
        await sale.go(harness)
    except Unavailable:
        await harness.tickets.reconciliation.reconcile_due()
    while harness.clock.now() < until:
        await harness.clock.advance(30)
        await harness.tickets.reconciliation.reconcile_due()
    await harness.quiet()
    await harness.verify()
    [order] = await harness.every(Order)
    assert order.state in (S.REFUNDED, S.CONFIRMED, S.EXPIRED)
    assert order.look_at is None
