"""News in any order, any number of times, between deadlines and cancellations: in the end the money is where
the seats are. The service and its store are real; the processor's rules are the payments service's."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from houseful.kernel.errors import DomainError, Unavailable
from houseful.messages import EventCancelled, OrderConfirmed, OrderRefunded, PaymentReturned
from houseful.tickets.domain.order_acts import ActBy, Actor
from houseful.tickets.domain.orders import OrderState
from houseful.tickets.domain.shows import ShowState
from tests.support.examples import examples
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.stand_ins import News

DESK = ActBy(Actor.ORGANIZER, "usr_organizer")
CARDS = ["4242424242424242", "4000000000000002", "4000000000000077"]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.sampled_from(CARDS)),
        st.tuples(st.just("bank"), st.none()),
        st.tuples(
            st.just("webhook"), st.integers(0, 50)
        ),  # any that was ever sent, again or for the first time
        st.tuples(st.just("wait"), st.sampled_from([1, 6, 61, 700, 4_000])),
        st.tuples(st.just("jump"), st.sampled_from([-600, 600])),
        st.tuples(st.just("reconcile"), st.none()),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("rival"), st.none()),
        st.tuples(st.just("cut"), st.integers(1, 3)),
        st.tuples(st.just("desk"), st.sampled_from([("A-1",), ("A-2",), None])),
        st.tuples(st.just("event cancelled"), st.none()),
    ),
    max_size=14,
)
"""What happens to one order of two seats. `cut` loses the next answers, before or after it is done."""


class Life:
    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.sent: list[News] = []
        self.order_id = ""
        self.cuts = 0
        self.rivals = 0

    async def begin(self) -> None:
        await self.harness.show(hold_seconds=60)
        self.order_id = await self.harness.placed("A-1", "A-2")
        self.harness.processor.trouble = self.trouble

    async def trouble(self, call: str, when: str) -> None:
        if self.cuts and (self.cuts % 2 == 1) == (when == "after"):
            self.cuts -= 1
            raise Unavailable("cut by the test")

    async def take(self, what: str, how: object) -> None:
        harness = self.harness
        tickets = harness.tickets
        try:
            match what, how:
                case "pay", str(card):
                    harness.processor.pay(self.order_id, card)
                case "bank", _:
                    harness.processor.settle(self.order_id)
                case "webhook", int(number) if self.sent:
                    await tickets.reconciliation.on_webhook(*self.sent[number % len(self.sent)])
                case "wait", int(seconds):
                    await harness.clock.advance(seconds)
                case "jump", int(seconds):
                    harness.clock.jump(seconds)
                case "reconcile", _:
                    await tickets.reconciliation.reconcile_due()
                case "look", _:
                    await tickets.reconciliation.look_at(self.order_id)
                case "cancel", _:
                    await harness.cancel(self.order_id)
                case "rival", _:
                    self.rivals += 1
                    await harness.bought("A-2", user=f"usr_rival_{self.rivals}")
                case "cut", int(times):
                    self.cuts = times
                case "desk", seats:
                    await self.refund(seats)
                case "event cancelled", _:
                    await harness.receive(EventCancelled(event_id="evt_1"))
        except (DomainError, Unavailable):
            pass
        self.sent += harness.processor.news
        harness.processor.news.clear()

    async def refund(self, seats: Any) -> None:
        """What an organizer does with the order: seats of it, or all."""
        show, use = await self.harness.show_of(), self.harness.use()
        await self.harness.tickets.order_desk.refund(show, self.order_id, seats, "why", DESK, use)

    async def end(self) -> None:
        """The bank has decided; everything that was sent comes once more, and time passes."""
        self.cuts = 0
        self.harness.processor.settle(self.order_id)
        self.harness.processor.news += self.sent
        await self.harness.quiet()


async def lived(life_steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder) / "tickets.db")
        try:
            life = Life(harness)
            await life.begin()
            for what, how in life_steps:
                await life.take(what, how)
                await harness.verify()  # sold ⇔ ticket ⇔ confirmed at every moment; money where it has ended
            await life.end()
            await harness.verify()
            await messages_agree(harness, life.order_id)
        finally:
            await harness.close()


async def messages_agree(harness: Harness, order_id: str) -> None:
    """What was told to others is what happened, and was told once."""

    async def told(kind: type[OrderConfirmed] | type[OrderRefunded] | type[PaymentReturned]) -> int:
        """Of the whole order."""
        sent = [message for message in await harness.sent(kind) if message.order_id == order_id]
        return sum(not getattr(message, "part", 0) for message in sent)

    order = await harness.order_of(order_id)
    confirmed, refunded, returned = (
        await told(OrderConfirmed),
        await told(OrderRefunded),
        await told(PaymentReturned),
    )
    assert confirmed + returned <= 1
    assert refunded <= confirmed
    if order.state is OrderState.CONFIRMED:
        assert (confirmed, refunded) == (1, 0)
    elif order.state is OrderState.REFUNDED:
        assert refunded + returned == 1
    else:
        assert confirmed == refunded == returned == 0
    if (await harness.show_of()).state is ShowState.CANCELLED:
        assert order.state is not OrderState.CONFIRMED


@example([("pay", "4000000000000077"), ("jump", -600)])
@example(
    [("pay", CARDS[0]), ("webhook", 0), ("cut", 1), ("desk", ("A-1",)), ("reconcile", None), ("desk", None)]
)
@given(steps)
@examples(70)
def test_whatever_happens_money_and_seats_agree_in_the_end(life_steps: list[tuple[str, object]]) -> None:
    asyncio.run(lived(life_steps))


@given(st.permutations(["pay", "webhook", "webhook", "deadline", "cancel", "settle", "settle", "rival"]))
@examples(30)
def test_the_same_few_things_in_every_order(order: list[str]) -> None:
    how: dict[str, tuple[str, object]] = {
        "pay": ("pay", CARDS[0]),
        "webhook": ("webhook", 0),
        "deadline": ("wait", 61),
        "cancel": ("cancel", None),
        "settle": ("reconcile", None),
        "rival": ("rival", None),
    }
    asyncio.run(lived([how[name] for name in order]))
