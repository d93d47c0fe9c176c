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
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.world import World, who

S = OrderState
OutageLog = Callable[[str, str], Awaitable[None]]


class Sale:
    """A buyer with a browser: asks again with the same keys, pays once, and cancels if told to."""

    def __init__(self, *, cancels: bool, event_cancelled: bool = False) -> None:
        self.cancels = cancels
        self.event_cancelled = event_cancelled
        self.paid = False

    async def go(self, world: World) -> None:
        """From the beginning; steps that were done before are found to be done."""
        holding, ordering = world.tickets.holding, world.tickets.ordering
        with suppress(DomainError, Duplicate, AlreadyAnswered):  # the HTTP surface replays the kept answer
            await holding.hold_seats(who("usr_1"), "evt_1", ["A-1", "B-1"], world.use("usr_1", "hold"))
        holds = await holding.running_holds("usr_1")
        orders = [one for one in await world.every(Order) if one.user_id == "usr_1"]
        hold_id = holds[0].hold_id if holds else orders[0].hold_id
        with suppress(Duplicate, AlreadyAnswered):
            await ordering.order("usr_1", hold_id, "Bea", "bea@example.org", world.use("usr_1", "order"))
        [order] = [one for one in await world.every(Order) if one.user_id == "usr_1"]
        if not self.paid:
            world.processor.pay(order.id)
            self.paid = True
        await world.webhooks()
        await world.tickets.reconciliation.look_at(order.id)
        if self.cancels:
            with suppress(Duplicate, AlreadyAnswered):
                await ordering.cancel("usr_1", order.id, world.use("usr_1", "cancel"))
            await world.tickets.reconciliation.look_at(order.id)
        if self.event_cancelled:
            await world.receive(EventCancelled(event_id="evt_1"))
            await world.tickets.reconciliation.refund_cancelled()
            await world.tickets.reconciliation.look_at(order.id)


async def end_of(world: World) -> Order:
    await world.quiet()
    await world.deliver()
    await world.verify()
    [order] = await world.every(Order)
    sales = await world.tickets.sales_report.sales(await world.show_of())
    assert isinstance(world.tickets.sales_report, SalesReport)
    confirmed = len(await world.sent(OrderConfirmed))
    refunded = len(await world.sent(OrderRefunded))
    assert (confirmed, refunded) == (1, order.state is S.REFUNDED)
    assert (sales.orders, sales.sold) == (1, 2 * (confirmed - refunded))
    assert sales.gross_minor - sales.refunded_minor == 8000 * (confirmed - refunded)
    emails = {one.kind for one in await world.every(QueuedEmail)}
    assert emails == {"confirmed", "refunded"} if refunded else {"confirmed"}
    return order


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 12))
@pytest.mark.parametrize("kind", ["kept", "cancelled", "event cancelled"])
async def test_a_death_at_any_commit_of_a_sale(world: World, kind: str, commit: int, when: str) -> None:
    await world.show()
    sale = Sale(cancels=kind == "cancelled", event_cancelled=kind == "event cancelled")
    world.store.commits, world.store.dies_at = 0, (commit, when)
    try:
        await sale.go(world)
    except Crash:
        pass
    else:
        assert world.store.commits < commit, "it should have died"
    world = await world.again()
    await sale.go(world)
    order = await end_of(world)
    assert order.state is (S.CONFIRMED if kind == "kept" else S.REFUNDED)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 12))
@pytest.mark.parametrize("cancels", [False, True])
async def test_a_death_and_a_buyer_who_does_not_come_back(
    world: World, cancels: bool, commit: int, when: str
) -> None:
    """Nobody repeats anything: only the reconciler and the webhooks are there to clean up."""
    await world.show()
    world.store.commits, world.store.dies_at = 0, (commit, when)
    with suppress(Crash):
        await Sale(cancels=cancels).go(world)
    world = await world.again()
    await world.quiet()
    await world.clock.advance(601)
    await world.verify()
    for order in await world.every(Order):
        assert order.look_at is None
        assert order.state in (S.CONFIRMED, S.EXPIRED, S.REFUNDED)
        if order.state is not S.CONFIRMED:
            assert await world.seats() == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["create", "capture", "refund"])
@pytest.mark.parametrize("webhooks", ["arrive", "are lost"])
async def test_a_death_beside_the_gateway(world: World, call: str, when: str, webhooks: str) -> None:
    """Asked and not answered, or answered and not written down."""
    await world.show()
    sale = Sale(cancels=True)

    async def die(this_call: str, this_when: str) -> None:
        if (this_call, this_when) == (call, when):
            raise Crash

    normal: OutageLog = world.processor.trouble
    world.processor.trouble = die
    with pytest.raises(Crash):
        await sale.go(world)
    world.processor.trouble = normal
    if webhooks == "are lost":
        world.processor.news.clear()
    world = await world.again()
    await world.quiet()
    await world.verify()
    [order] = await world.every(Order)
    if call == "create":
        assert order.state is S.EXPIRED  # the buyer never learned how to pay
    else:
        await sale.go(world)
        assert (await end_of(world)).state is S.REFUNDED
    assert len(world.processor.intents) == 1


@pytest.mark.parametrize("call", ["create", "capture", "refund"])
async def test_the_gateway_is_down_for_ten_minutes(world: World, call: str) -> None:
    await world.show()
    sale = Sale(cancels=True)
    until = world.clock.now() + 600_000

    async def down(this_call: str, when: str) -> None:
        if this_call == call and world.clock.now() < until:
            raise Unavailable("the gateway is down")

    world.processor.trouble = down
    try:
        await sale.go(world)
    except Unavailable:
        await world.tickets.reconciliation.reconcile_due()
    while world.clock.now() < until:
        await world.clock.advance(30)
        await world.tickets.reconciliation.reconcile_due()
    await world.quiet()
    await world.verify()
    [order] = await world.every(Order)
    assert order.state in (S.REFUNDED, S.CONFIRMED, S.EXPIRED)
    assert order.look_at is None
