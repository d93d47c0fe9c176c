"""The ticket service by itself: on a SQLite file, with time that stands still and stand-ins around it."""

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.kernel.clock import ManualClock
from houseful.kernel.documents import Document
from houseful.kernel.errors import DomainError
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Coordination
from houseful.kernel.roles import Identity
from houseful.messages import MESSAGES, EventPublished, Message
from houseful.settings import Secrets, Settings
from houseful.tickets import MANIFEST
from houseful.tickets.domain.blocks import Block, SeatState
from houseful.tickets.domain.holds import HoldQuota, quota_id
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.scans import Scan, ScanRequest
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tickets.schemas import HoldView, OrderView
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.check_in import Scanned
from houseful.webapi.idempotency import IdempotencyContext, context_of, digest
from houseful.webapi.manifest import Platform
from tests.support.deployment import PRICES, plan
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.tickets.stand_ins import CardProcessor, EventsService, Mailbox, MortalStore

D = TypeVar("D", bound=Document)

HOUR = 3_600_000
DAY = 24 * HOUR
AREA: dict[str, Any] = {"zone": "Stalls", "name": "Floor", "category": "Standard", "capacity": 20}
ENDED = {OrderState.CONFIRMED, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REFUNDED}


def who(user_id: str, **claims: Any) -> Identity:
    """A buyer's access token."""
    return Identity(user_id, "ses_1", frozenset({"buyer"}), 2**62, **claims)


class Harness:
    """`again()` is the same after the death of the process: what is stored and what is around it lives on."""

    def __init__(self, path: Path, *, before: "Harness | None" = None) -> None:
        self.path = path
        self.family: list[Harness] = before.family if before else []
        self.family.append(self)
        self.clock: ManualClock = before.clock if before else ManualClock()
        self.ids: SeededIds = before.ids if before else SeededIds(1, self.clock)
        self.processor: CardProcessor = before.processor if before else CardProcessor(self.clock, self.ids)
        self.events: EventsService = before.events if before else EventsService()
        self.mailbox: Mailbox = before.mailbox if before else Mailbox()
        self.keys: itertools.count[int] = before.keys if before else itertools.count()
        self.coordination: Coordination = before.coordination if before else LocalCoordination(self.clock)
        self.store = MortalStore.open(path, MANIFEST.documents, clock=self.clock, ids=self.ids)
        seed = base64.urlsafe_b64encode(b"t" * 32).decode()
        self.tickets: Tickets = MANIFEST.build(
            Platform(
                settings=Settings(public_url="https://tickets.example.org"),
                secrets=Secrets(
                    token_key="", session_key="", ticket_key=seed, payments_key="", webhook_keys="key"
                ),
                store=self.store,
                coordination=self.coordination,
                clock=self.clock,
                ids=self.ids,
                client=self.events,
                payment_gateway=self.processor,
                mailer=self.mailbox,
                workers=InlineWorkers(),
            )
        )

    def beside(self) -> "Harness":
        """Another process on the same store."""
        return Harness(self.path, before=self)

    async def again(self) -> "Harness":
        await self.close()
        return Harness(self.path, before=self)

    async def close(self) -> None:
        await self.store.close()

    # Messages

    async def receive(self, message: Message) -> None:
        async with self.store.begin() as tx:
            await MANIFEST.handlers[type(message)](self.tickets, tx, message)

    async def deliver(self) -> list[Message]:
        """Every message that tickets has sent reaches tickets, once."""
        handled: list[Message] = []
        while rows := await self.store.outbox.unpublished(100):
            for row in rows:
                message = msgspec.json.decode(row.payload, type=MESSAGES[row.type])
                if type(message) in MANIFEST.handlers:
                    await self.receive(message)
                handled.append(message)
            await self.store.outbox.mark_published([row.id for row in rows], self.clock.now())
        return handled

    async def sent(self, kind: type[Message]) -> list[Any]:
        """All messages of this kind that were ever sent."""
        return [
            msgspec.json.decode(row.payload, type=kind)
            async for row in self.store.outbox.rows()
            if row.type == kind.type()
        ]

    async def webhooks(self) -> None:
        """All that the processor has to say arrives; what was not acknowledged comes again."""
        news = self.processor.news
        while news:
            await self.tickets.reconciliation.on_webhook(*news[0])
            del news[0]

    # A sale

    def published(
        self, event_id: str = "evt_1", *, rows: int = 3, seats: int = 10, areas: bool = False, **changes: Any
    ) -> EventPublished:
        """Known to the events service; the message about it."""
        hash_, total = self.events.add(event_id, plan(rows, seats), [AREA] if areas else [])
        fields: dict[str, Any] = {
            "event_id": event_id,
            "organizer_id": "usr_organizer",
            "title": "An Evening",
            "venue": "The Hall",
            "starts_at": self.clock.now() + 30 * DAY,
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "on_sale_at": None,
            "hold_seconds": 600,
            "max_seats_per_order": 10,
            "refundable_until": None,
            "plan_hash": hash_,
            "seats_total": total,
            "prices": PRICES,
        }
        return EventPublished(**(fields | changes))

    async def show(self, event_id: str = "evt_1", **changes: Any) -> str:
        """An event on sale."""
        await self.receive(self.published(event_id, **changes))
        await self.tickets.inventory.generate_due()
        return event_id

    def use(self, user_id: str = "usr_1", key: str | None = None) -> IdempotencyContext:
        return context_of(user_id, "POST", "/", key or f"key-{next(self.keys)}", digest(b""), self.clock)

    async def hold(self, *seats: str, user: str = "usr_1", event: str = "evt_1") -> HoldView:
        context = self.use(user)
        return await self.tickets.hold(
            user, event, lambda: self.tickets.holding.hold_seats(who(user), event, list(seats), context)
        )

    async def best(
        self, quantity: int, category: str | None = None, section: str | None = None, user: str = "usr_1"
    ) -> HoldView:
        holding, context = self.tickets.holding, self.use(user)
        return await self.tickets.hold(
            user, "evt_1", lambda: holding.hold_best(who(user), "evt_1", quantity, category, section, context)
        )

    async def order(self, hold_id: str, user: str = "usr_1", key: str | None = None) -> OrderView:
        use = self.use(user, key)
        return await self.tickets.order(user, hold_id, "Bea Brandt", "bea@example.org", use)

    async def placed(self, *seats: str, user: str = "usr_1") -> str:
        """An order that waits for its payment."""
        return (await self.order((await self.hold(*seats, user=user)).hold_id, user)).id

    async def bought(self, *seats: str, user: str = "usr_1") -> str:
        """An order that is paid and captured."""
        order_id = await self.placed(*seats, user=user)
        self.processor.pay(order_id)
        await self.webhooks()
        await self.tickets.reconciliation.look_at(order_id)
        return order_id

    async def scans(self, *requests: ScanRequest, staff: str = "usr_gate") -> list[Scan]:
        """What the gate says to a batch of scans of a gate account."""
        staff_member = Identity(staff, "ses_1", frozenset({"buyer", "gate"}), 0)
        found = await self.tickets.check_in.check_in(staff_member, requests, lambda _, outcomes: outcomes)
        return [outcome.scan for outcome in found if isinstance(outcome, Scanned)]

    async def cancel(self, order_id: str, user: str = "usr_1") -> OrderView:
        return await self.tickets.cancel(user, order_id, self.use(user))

    # What is there

    async def every(self, kind: type[D]) -> list[D]:
        found = await self.store.find(kind, {}, limit=200)
        assert len(found) < 200, "there may be more"
        return found

    async def get(self, kind: type[D], id: str) -> D:
        found = await self.store.get(kind, id)
        assert found is not None
        return found

    async def order_of(self, order_id: str) -> Order:
        return await self.get(Order, order_id)

    async def show_of(self, event_id: str = "evt_1") -> Show:
        return await self.get(Show, event_id)

    async def seats(self, event_id: str = "evt_1") -> dict[int, tuple[SeatState, str]]:
        """What is claimed of an event, by ordinal: state and whose it is; expired holds are nobody's."""
        now = self.clock.now()
        return {
            block.first + position: (claim.state, claim.by)
            for block in await self.every(Block)
            if block.event_id == event_id
            for position, claim in block.claims.items()
            if claim.state is not SeatState.HELD or claim.until > now
        }

    async def quiet(self) -> None:
        """Time passes until nothing is due any more; whatever the processor says arrives on the way."""
        for _ in range(60):
            await self.webhooks()
            await self.deliver()
            await self.tickets.reconciliation.refund_cancelled()
            while await self.tickets.reconciliation.reconcile_due():
                pass
            open_orders = [one.look_at for one in await self.every(Order) if one.look_at is not None]
            if not open_orders and not self.processor.news:
                return
            await self.clock.advance(max(1, (min(open_orders, default=0) - self.clock.now()) // 1000 + 1))
        raise AssertionError(f"it does not come to rest: {await self.every(Order)}")

    async def verify(self) -> None:
        """Sold ⇔ one living ticket ⇔ confirmed order, both ways; each ended order has the money it should."""
        sold = sorted(
            (block.event_id, block.first + position, claim.by)
            for block in await self.every(Block)
            for position, claim in block.claims.items()
            if claim.state is SeatState.SOLD
        )
        living = sorted(
            (ticket.event_id, ticket.ordinal, ticket.order_id)
            for ticket in await self.every(Ticket)
            if ticket.state is not TicketState.REFUNDED
        )
        orders = await self.every(Order)
        confirmed = sorted(
            (order.event_id, ordinal, order.id)
            for order in orders
            if order.state is OrderState.CONFIRMED
            for ordinal in order.ordinals
        )
        assert sold == living == confirmed
        bought = {
            quota_id(order.event_id, order.user_id): sum(
                len(other.seats)
                for other in orders
                if (other.event_id, other.user_id) == (order.event_id, order.user_id)
                and other.state is OrderState.CONFIRMED
            )
            for order in orders
        }
        for quota in await self.every(HoldQuota):
            assert quota.bought in (None, bought.get(quota.id, 0))
        for order in orders:
            self._verify_money(order)

    def _verify_money(self, order: Order) -> None:
        intents = [one for one in self.processor.intents.values() if one.reference == order.id]
        assert len(intents) <= 1
        kept = sum(intent.captured_minor - intent.refunded_minor for intent in intents)
        reserved = sum(intent.open_minor for intent in intents)
        if order.look_at is not None:
            return
        assert order.state in ENDED, order
        assert order.due is None, order
        assert order.payment is not PaymentState.OPEN, order
        assert (kept, reserved) == (order.total_minor if order.state is OrderState.CONFIRMED else 0, 0), order


async def refusal(work: Awaitable[Any]) -> DomainError:
    """The refusal that this must end in."""
    try:
        result = await work
    except DomainError as error:
        return error
    raise AssertionError(f"it was granted: {result}")


async def until(look: Callable[[], bool]) -> None:
    """Lets others run until it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not look():  # noqa: ASYNC110 - it is nobody's to tell
            await asyncio.sleep(0)
