"""The consumer: messages from the bus into a service's store, each applied once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Conflict, Duplicate, Transient
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Bus, Clock, Delivery, Ids, Store, Subscription, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff, event_or_timeout
from houseful.messages import Message
from houseful.messaging import metrics
from houseful.messaging.documents import DELIVERY_DOCUMENTS, DeadLetter, Parked
from houseful.messaging.key_queue import Handler, Incoming, KeyQueues, MessageMissing, Outcome, incoming
from houseful.messaging.spans import MessageSpans

T = TypeVar("T")

_RIVAL_ATTEMPTS = 5
_KEYS_PER_POLL = 50
_FIGURES_MILLIS = 5_000
_RETRY_SECONDS = 1.0
_OURS = frozenset(kind.collection for kind in DELIVERY_DOCUMENTS)

log = get_logger(__name__)


class Consumer:
    """Applies the messages that one service receives, each once, in the order of each aggregate.

    A batch is one transaction: duplicates are skipped, the rest is applied, the inbox advances. The messages
    of a failed batch are taken one by one, so that only the key of a failing message is parked. A parked key
    queues its messages, is retried with growing pauses, and waits for an operator after `RETRIES` attempts;
    all other keys flow. Messages behind a gap are queued until the missing one arrives. An outage (any
    `Transient`) pauses the consumer. Any number of consumers may run for a service.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        *,
        service: str,
        handlers: Mapping[type[Message], Handler],
        batch: int = 200,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._service = service
        self._handlers = dict(handlers)
        self._spans = MessageSpans(service, bus.engine)
        self._topics = sorted({kind.sender for kind in handlers})
        self._batch = batch
        self._chance = random.Random(ids.new("con"))  # noqa: S311 - jitter
        self._subscription: Subscription | None = None
        self._queued = asyncio.Event()
        self._lag_at: Millis = 0
        self._counted_at: Millis = 0

    async def run(self) -> None:
        """Run until cancelled. Returns at once where nothing is handled. Outages are waited out."""
        if not self._topics:
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forever(self._poll_bus))
                tasks.create_task(self._forever(self._poll_parked))
        finally:
            await self.close()

    async def step(self, wait_seconds: float = 0) -> int:
        """Take a batch from the bus. Returns the number of messages.

        After a `Transient` the unapplied messages are received again.
        """
        if not self._topics:
            return 0
        subscription = await self._subscribed()
        try:
            deliveries = await subscription.receive(self._batch, wait_seconds)
            if deliveries:
                await self._take_all(subscription, deliveries)
        except Exception:
            await self._rewind(subscription)
            raise
        return len(deliveries)

    async def retry(self) -> int:
        """Retry the parked keys that are due, each as far as it goes. Returns the number of keys."""
        until = self._clock.now() + 1
        due = await self._store.find(Parked, {}, by="retry_at", since=0, until=until, limit=_KEYS_PER_POLL)
        for parked in due:
            await self._retry_key(parked.id)
        return len(due)

    async def close(self) -> None:
        """Leave the group. Uncommitted messages go to another member."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(0.1, 5, self._chance)
        outage = OutageLog(log, self._clock, f"receiving messages of {self._service}")
        while True:
            try:
                await work()
            except Exception as error:
                outage.failed(error)
                await self._clock.sleep(backoff.failed())
            else:
                backoff.succeeded()
                outage.over()

    async def _poll_bus(self) -> None:
        await self.step(wait_seconds=1)
        now = self._clock.now()
        if self._subscription is not None and not 0 <= now - self._lag_at < _FIGURES_MILLIS:
            self._lag_at = now
            metrics.LAG.labels(self._service).set(await self._subscription.lag())

    async def _poll_parked(self) -> None:
        self._queued.clear()
        due = await self.retry()
        now = self._clock.now()
        if not 0 <= now - self._counted_at < _FIGURES_MILLIS:
            self._counted_at = now
            await self._count()
        if due < _KEYS_PER_POLL:
            await event_or_timeout(self._queued, self._clock, _RETRY_SECONDS)

    async def _count(self) -> None:
        for state in ("retrying", "parked"):
            count = await self._store.count(Parked, {"state": state})
            metrics.PARKED.labels(self._service, state).set(count)
        metrics.DEAD.labels(self._service).set(await self._store.count(DeadLetter, {}))

    async def _subscribed(self) -> Subscription:
        if self._subscription is None:
            self._subscription = await self._bus.subscribe(self._service, self._topics)
        return self._subscription

    async def _rewind(self, subscription: Subscription) -> None:
        try:
            await subscription.rewind()
        except Exception:
            log.warning("%s will subscribe anew", self._service, exc_info=True)
            if self._subscription is subscription:
                self._subscription = None
            try:
                await subscription.close()
            except Exception:
                log.warning("the old subscription of %s could not be closed", self._service, exc_info=True)

    async def _take_all(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
        """Apply the deliveries in order, then commit the applied ones, also after an error."""
        items = [incoming(delivery, self._handlers) for delivery in deliveries]
        done = 0
        try:
            if len(items) > 1 and await self._take_together(items):
                done = len(items)
            for item in items[done:]:
                await self._take_one(item)
                done += 1
        finally:
            await subscription.commit(deliveries[:done])

    async def _take_together(self, items: list[Incoming]) -> bool:
        async def work(queues: KeyQueues) -> list[Outcome]:
            return [await queues.take(item) for item in items]

        try:
            with self._spans.receiving([item.envelope for item in items]):
                outcomes = await self._transact((item.aggregate for item in items), work)
        except Transient:
            return False  # the messages before the failing one are applied one by one
        except Exception as error:
            log.info("%s takes %d messages one by one, since: %r", self._service, len(items), error)
            return False
        self._report(items, outcomes)
        return True

    async def _take_one(self, item: Incoming) -> None:
        try:
            with self._spans.receiving([item.envelope]):
                outcome = await self._transact([item.aggregate], lambda queues: queues.take(item))
        except Transient:
            raise
        except Exception as error:
            self._log_failure(item.aggregate, error)
            reason = f"{type(error).__name__}: {error}"
            outcome = await self._transact([item.aggregate], lambda queues: queues.park(item, reason))
        self._report([item], [outcome])

    async def _retry_key(self, aggregate: str) -> None:
        try:
            while await self._transact([aggregate], lambda queues: queues.advance(aggregate)):
                pass
        except Transient:
            raise
        except MessageMissing as gap:
            await self._fail_key(aggregate, str(gap))
        except Exception as error:
            self._log_failure(aggregate, error)
            await self._fail_key(aggregate, f"{type(error).__name__}: {error}")

    async def _fail_key(self, aggregate: str, reason: str) -> None:
        async def work(queues: KeyQueues) -> None:
            queues.failed(aggregate, reason)

        await self._transact([aggregate], work)

    async def _transact(self, aggregates: Iterable[str], work: Callable[[KeyQueues], Awaitable[T]]) -> T:
        wanted = [aggregate for aggregate in aggregates if aggregate]

        async def attempt(tx: Transaction) -> T:
            queues = KeyQueues(tx, self._handlers, self._clock.now(), self._spans)
            await queues.load(wanted)
            result = await work(queues)
            queues.save()
            return result

        for _ in range(_RIVAL_ATTEMPTS):
            try:
                return await self._store.transact(attempt)
            except Duplicate as duplicate:
                if duplicate.collection not in _OURS:
                    raise
                # another consumer has taken the same message: as good as a conflict
        raise Conflict(f"another consumer of {self._service} was always first")

    def _log_failure(self, aggregate: str, error: Exception) -> None:
        metrics.FAILURES.labels(self._service).inc()
        log.error("%s failed at a message of %s", self._service, aggregate, exc_info=error)

    def _report(self, items: Iterable[Incoming], outcomes: Iterable[Outcome]) -> None:
        now = self._clock.now()
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome is Outcome.APPLIED and item.envelope is not None:
                seconds = max(0, now - item.envelope.time) / 1000
                metrics.APPLIED_SECONDS.labels(self._service).observe(seconds)
            elif outcome is Outcome.DUPLICATE:
                metrics.DUPLICATES.labels(self._service).inc()
            elif outcome is Outcome.GAP:
                metrics.GAPS.labels(self._service).inc()
            elif outcome is Outcome.DEAD:
                log.error("%s can't understand a message: %s", self._service, item.error, extra=_origin(item))
            if outcome in (Outcome.GAP, Outcome.QUEUED):
                self._queued.set()


def _origin(item: Incoming) -> dict[str, object]:
    return {"topic": item.topic, "partition": item.partition, "offset": item.offset}
