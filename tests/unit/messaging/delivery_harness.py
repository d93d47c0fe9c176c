"""Two services, their stores and the bus between them, with faults to order: where delivery is tested."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace
from prometheus_client import REGISTRY

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.sqlite.bus import LocalBus
from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.clock import ManualClock
from houseful.kernel.documents import Document
from houseful.kernel.errors import Unavailable
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Bus, Delivery, Envelope, Subscription, Transaction
from houseful.messages import EventChanged, InventoryReady, Message
from houseful.messaging import DELIVERY_DOCUMENTS, Consumer, Handler, Inbox, Relay, aggregate_id
from tests.support.patience import PATIENCE_SECONDS

Handlers = dict[type[Message], Handler]


class HastyClock(ManualClock):
    """Time passes at once for whoever sleeps, so that no test waits."""

    async def sleep(self, seconds: float) -> None:
        await self.advance(seconds)


class Ledger(Document, frozen=True, kw_only=True):
    """What a service has applied to an event, in that order."""

    collection = "ledgers"

    applied: tuple[str, ...] = ()


def changed(event_id: str, title: str) -> EventChanged:
    return EventChanged(
        event_id=event_id, title=title, on_sale_at=None, max_seats_per_order=8, refundable_until=None
    )


async def write_down(tx: Transaction, event_id: str, title: str) -> None:
    ledger = await tx.get(Ledger, event_id)
    if ledger is None:
        tx.insert(Ledger(id=event_id, applied=(title,)))
    else:
        tx.put(replace(ledger, applied=(*ledger.applied, title)))


async def note(tx: Transaction, message: EventChanged) -> None:
    """The receiving service's handler: writes it down and reports so with a message of its own."""
    await write_down(tx, message.event_id, message.title)
    tx.send(InventoryReady(event_id=message.event_id, seats_total=int(message.title)))


class FaultySubscription:
    """A subscription whose commits may fail, and that may receive what was never published."""

    def __init__(self, inner: Subscription, bus: "FaultyBus") -> None:
        self._inner = inner
        self._bus = bus

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        self._bus.must_be_up()
        injected, self._bus.injected = self._bus.injected, []
        return injected + await self._inner.receive(limit, wait_seconds)

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        self._bus.must_be_up()
        if self._bus.commits_fail:
            raise Unavailable("the commit was cut off")
        real = [delivery for delivery in deliveries if delivery.offset >= 0]
        self._bus.committed += len(real)
        await self._inner.commit(real)

    async def rewind(self) -> None:
        self._bus.must_be_up()
        await self._inner.rewind()

    async def lag(self) -> int:
        return await self._inner.lag()

    async def close(self) -> None:
        await self._inner.close()


class FaultyBus:
    """A bus that can be down, refuse keys, or take messages without saying so."""

    engine: ClassVar[str] = "faulty"

    def __init__(self, inner: Bus) -> None:
        self.inner = inner
        self.down = False
        self.rejected: set[str] = set()
        self.silently = 0
        """So many times `publish` takes the messages and raises all the same."""
        self.commits_fail = False
        self.injected: list[Delivery] = []
        self.published: list[Envelope] = []
        self.committed = 0

    def must_be_up(self) -> None:
        if self.down:
            raise Unavailable("the bus is down")

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        self.must_be_up()
        if self.rejected & {one.key for one in envelopes}:
            raise Unavailable("a partition has no leader")
        await self.inner.publish(topic, envelopes)
        self.published += envelopes
        if self.silently:
            self.silently -= 1
            raise Unavailable("no acknowledgement came")

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        self.must_be_up()
        return FaultySubscription(await self.inner.subscribe(group, topics), self)

    async def length(self, topic: str) -> int:
        self.must_be_up()
        return await self.inner.length(topic)

    async def purge_expired(self) -> None:
        await self.inner.purge_expired()

    async def ready(self) -> None:
        self.must_be_up()
        await self.inner.ready()

    async def close(self) -> None:
        await self.inner.close()


class Harness:
    """`events` sends, `tickets` receives."""

    def __init__(self, folder: Path, clock: ManualClock | None = None) -> None:
        self.clock = clock or HastyClock()
        self.ids = SeededIds(1, self.clock)
        self.events = self.store(folder / "events.db")
        self.tickets = self.store(folder / "tickets.db")
        self.bus = FaultyBus(LocalBus.open(folder / "bus.db", clock=self.clock))
        self.coordination: Any = LocalCoordination(self.clock)

    def store(self, path: Path) -> SqliteStore:
        return SqliteStore.open(path, [Ledger, *DELIVERY_DOCUMENTS], clock=self.clock, ids=self.ids)

    async def close(self) -> None:
        await self.bus.close()
        await self.events.close()
        await self.tickets.close()

    def relay(self, batch: int = 500) -> Relay:
        return Relay(
            self.events,
            self.bus,
            self.coordination,
            self.clock,
            self.ids,
            service="events",
            batch=batch,
            idle_seconds=0.01,
        )

    def consumer(
        self,
        handlers: Mapping[type[Message], Handler] | None = None,
        *,
        batch: int = 200,
        bus: Bus | None = None,
    ) -> Consumer:
        return Consumer(
            self.tickets,
            bus or self.bus,
            self.clock,
            self.ids,
            service="tickets",
            handlers=handlers or {EventChanged: note},
            batch=batch,
        )

    async def send(self, *messages: Message) -> None:
        async with self.events.begin() as tx:
            for message in messages:
                tx.send(message)

    async def send_titles(self, event_id: str, *titles: int) -> None:
        await self.send(*(changed(event_id, str(title)) for title in titles))

    async def applied(self, event_id: str) -> list[int]:
        ledger = await self.tickets.get(Ledger, event_id)
        return [] if ledger is None else [int(title) for title in ledger.applied]

    async def known(self, event_id: str) -> int:
        inbox = await self.tickets.get(Inbox, aggregate_id("event", event_id))
        return 0 if inbox is None else inbox.seq

    async def reported(self, event_id: str) -> list[int]:
        """What `tickets` sent about it."""
        return [
            msgspec.json.decode(row.payload)["seats_total"]
            async for row in self.tickets.outbox.rows()
            if row.aggregateid == event_id
        ]

    async def deliver(self, relay: Relay, consumer: Consumer) -> None:
        """Until nothing moves any more; what waits for its next attempt stays."""
        while await relay.step() + await consumer.step() + await consumer.retry():
            pass

    def envelope(self, message: Message, seq: int) -> Envelope:
        return Envelope(
            id=self.ids.new("msg"),
            source=message.sender,
            type=message.type(),
            aggregatetype=message.about,
            key=message.key,
            seq=seq,
            time=self.clock.now(),
            traceparent=None,
            data=msgspec.json.encode(message),
        )


class Failing:
    """A handler that fails at the titles in `bad` and notes all others."""

    def __init__(self, *bad: str, error: Exception | None = None) -> None:
        self.bad = set(bad)
        self.error = error or RuntimeError("this handler has a bug")
        self.attempts: list[str] = []

    async def __call__(self, tx: Transaction, message: EventChanged) -> None:
        self.attempts.append(message.title)
        await note(tx, message)
        if message.title in self.bad:
            raise self.error


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """For tests of what runs in the background; fails after half a minute."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - a store has no event for it
            await asyncio.sleep(0.001)


def figure(name: str, service: str = "tickets", **labels: str) -> float:
    return REGISTRY.get_sample_value(f"houseful_{name}", {"service": service, **labels}) or 0


class NoCoordination:
    """Coordination that is down."""

    def release(self, names: Sequence[str], owner: str) -> None:
        """Lost."""

    def __getattr__(self, name: str) -> object:
        raise Unavailable("no coordination")
