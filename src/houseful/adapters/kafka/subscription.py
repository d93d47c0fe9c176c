"""A Kafka consumer on an event loop. One thread owns the consumer and does the work."""

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from houseful.adapters.kafka.admin import KafkaAdmin
from houseful.adapters.kafka.member import KafkaMember, Poll
from houseful.adapters.kafka.settings import PartitionId
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Delivery
from houseful.kernel.telemetry import get_logger

T = TypeVar("T")

_Job = Callable[[], None]

_SILENCES = 3
"""Answers in a row that a member may owe before its subscription gives it up."""

log = get_logger(__name__)


class _MemberThread:
    """Runs submitted work in order, with a member that it makes and closes."""

    def __init__(self, make: Callable[[], KafkaMember], patience_seconds: float) -> None:
        self.patience_seconds = patience_seconds
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._member: KafkaMember | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-subscription", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[KafkaMember], T]) -> asyncio.Future[T]:
        """Run work in the thread. It runs even if the caller is cancelled."""
        future: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            try:
                if self._member is None:
                    self._member = self._make()
                result = work(self._member)
            except Exception as error:
                self._call_on_loop(_fail, future, error)
            else:
                self._call_on_loop(_succeed, future, result)

        self._jobs.put(job)
        return future

    def end(self) -> None:
        """End the thread after earlier work, without waiting. The member leaves its group then."""
        self._jobs.put(None)

    async def stop(self) -> None:
        """End the thread after earlier work. A consumer that hangs is left to end by itself."""
        self.end()
        await asyncio.to_thread(self._thread.join, self.patience_seconds)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._member is not None:
            self._member.close()

    def _call_on_loop(self, what: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            log.warning("the event loop ended before its Kafka subscription was closed")


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class _Receiving:
    """A poll in flight. If its caller is cancelled, its deliveries go to the next `receive`."""

    def __init__(self, thread: _MemberThread, limit: int, *, patient: bool) -> None:
        self._poll = Poll(limit, patient=patient)
        self.future = thread.submit(lambda member: member.receive(self._poll))
        self.stale = False
        """True after a rewind: its deliveries are discarded."""

    def cancel(self) -> None:
        self._poll.cancelled.set()


class KafkaSubscription:
    """A member of a group; see the port for the contract.

    After a silence longer than its session, two members may receive the same messages. While the broker is
    away, `receive` finds nothing, and `commit` and `lag` raise `Unavailable`. All continue when it is back.

    A call of librdkafka may hang for ever. A member that owes three answers in a row is given up: the
    subscription is closed then, its owner subscribes anew, and the group passes the member's partitions on
    after its longest silence (`max.poll.interval.ms`).
    """

    def __init__(
        self,
        make: Callable[[], KafkaMember],
        clock: Clock,
        topics: Mapping[str, str],
        admin: KafkaAdmin,
        patience_seconds: float,
    ) -> None:
        """`topics` maps the bus' own names to those in the cluster."""
        self._clock = clock
        self._topics = dict(topics)
        self._admin = admin
        self._thread = _MemberThread(make, patience_seconds)
        self._receiving: _Receiving | None = None
        self._held: list[Delivery] = []
        self._silences = 0
        self.closed = False
        # join now, not at the first receive
        self._thread.submit(lambda member: None).add_done_callback(_log_failure)

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """Raises `Unavailable` where Kafka refuses or its client hangs. For one caller at a time."""
        self._must_be_open()
        patient = wait_seconds > 0
        timer = asyncio.ensure_future(self._clock.sleep(wait_seconds)) if patient else None
        try:
            while not self._held:
                await self._receive(limit, timer)
                self._must_be_open()
                if timer is None or timer.done():
                    break
        finally:
            if timer is not None:
                timer.cancel()
        found, self._held = self._held[:limit], self._held[limit:]
        return found

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Deliveries of partitions that another member has by now are skipped: that member receives them
        again.
        """
        self._must_be_open()
        ends: dict[PartitionId, int] = {}
        for delivery in deliveries:
            partition = (self._topics[delivery.topic], delivery.partition)
            ends[partition] = max(ends.get(partition, 0), delivery.offset + 1)
        if ends:
            await self._ask(self._thread.submit(lambda member: member.commit(ends)))

    async def rewind(self) -> None:
        self._must_be_open()
        self._held = []
        if self._receiving is not None:
            self._receiving.stale = True
            self._receiving.cancel()
        self._thread.submit(lambda member: member.rewind())

    async def lag(self) -> int:
        """The lag of the whole group in the topics of this member."""
        self._must_be_open()
        partitions = await self._admin.partitions(self._topics.values())
        patience_seconds = self._thread.patience_seconds
        committed = await self._ask(
            self._thread.submit(lambda member: member.committed(partitions, patience_seconds))
        )
        return sum((await self._admin.lags(partitions, committed)).values())

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._held = []
            if self._receiving is not None:
                self._receiving.cancel()
            await self._thread.stop()

    async def _receive(self, limit: int, timer: asyncio.Future[None] | None) -> None:
        """One poll, or the rest of the poll in flight, until it has deliveries or the timer is done."""
        if self._receiving is None:
            self._receiving = _Receiving(self._thread, limit, patient=timer is not None)
        receiving = self._receiving
        try:
            if timer is not None:
                either: set[asyncio.Future[Any]] = {receiving.future, timer}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            receiving.cancel()
        try:
            deliveries = await self._ask(receiving.future)
        finally:
            if receiving.future.done():
                self._receiving = None
        if not receiving.stale:
            self._held += deliveries

    async def _ask(self, future: asyncio.Future[T]) -> T:
        patience_seconds = self._thread.patience_seconds
        try:
            await asyncio.wait({future}, timeout=patience_seconds)
        finally:  # also where the caller is cancelled
            if not future.done():
                future.add_done_callback(_log_failure)
        if not future.done():
            self._silences += 1
            if self._silences >= _SILENCES:
                self._give_up()
            raise Unavailable(f"Kafka has not answered for {patience_seconds:.0f} seconds")
        self._silences = 0
        return future.result()

    def _give_up(self) -> None:
        if not self.closed:
            log.warning("a Kafka subscription is given up: its member hangs")
            self.closed = True
            self._held = []
            self._thread.end()

    def _must_be_open(self) -> None:
        if self.closed:
            raise Unavailable("the subscription is closed")


def _log_failure(future: asyncio.Future[Any]) -> None:
    """Log the failure of work whose caller was cancelled, or that nothing awaits.

    The next call raises it too.
    """
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("a Kafka subscription: %s", error)
