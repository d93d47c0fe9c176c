"""The relay: messages from a service's outbox to the bus."""

import asyncio
import random
from collections.abc import Iterable

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Bus, Clock, Coordination, Envelope, Ids, OutboxRow, Store
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff, event_or_timeout
from houseful.messaging import metrics
from houseful.messaging.spans import MessageSpans

KEPT_SECONDS = 7 * 24 * 3600
"""The shortest time that published rows stay for replay."""
LEASE_SECONDS = 10.0
"""The time after which another relay takes over from a dead one."""

_WITHOUT_LEASE_MILLIS = 5_000
_FIRST_PAUSE_MILLIS = 500
_LONGEST_PAUSE_MILLIS = 5_000
_PAUSE_REMEMBERED_MILLIS = 60_000
_FAILURES_PER_BATCH = 3
_LONGEST_QUERY_BATCHES = 16
_PRUNE_MILLIS = 3_600_000
_COUNT_MILLIS = 2_000

Aggregate = tuple[str, str]
log = get_logger(__name__)


def envelope_of(row: OutboxRow, source: str) -> Envelope:
    return Envelope(
        id=row.id,
        source=source,
        type=row.type,
        aggregatetype=row.aggregatetype,
        key=row.aggregateid,
        seq=row.seq,
        time=row.created_at,
        traceparent=row.traceparent,
        data=row.payload,
    )


class _Pause(msgspec.Struct, frozen=True):
    """A pause of an aggregate whose messages the bus refused `failures` times in a row."""

    until: Millis
    failures: int

    def over(self, now: Millis) -> bool:
        """Whether the pause has ended. A wall clock that was set back ends it too."""
        return not 0 < self.until - now <= _LONGEST_PAUSE_MILLIS


class Relay:
    """Publishes the outbox of one service to the topic of its name.

    The relay takes unpublished rows in the order of each aggregate, waits for the bus to acknowledge them,
    and marks them as published. Rows that were acknowledged but not marked before a crash are published
    again: duplicates, never gaps. An aggregate whose messages the bus refuses is paused; other aggregates go
    on. Any number of relays may run for a service. A lease lets one work at a time; while `Coordination` is
    unreachable, every relay works.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        coordination: Coordination,
        clock: Clock,
        ids: Ids,
        *,
        service: str,
        batch: int = 500,
        idle_seconds: float = 0.5,
    ) -> None:
        self._store = store
        self._bus = bus
        self._spans = MessageSpans(service, bus.engine)
        self._coordination = coordination
        self._clock = clock
        self._service = service
        self._batch = batch
        self._idle_seconds = idle_seconds
        self._owner = ids.new("rly")
        self._lease = [f"relay:{service}"]
        self._leading = False
        self._without_lease_until: Millis = 0
        self._backoff = Backoff(0.1, 5, random.Random(self._owner))  # noqa: S311
        self._outage = OutageLog(log, clock, f"sending messages of {service}")
        self._no_lease = OutageLog(log, clock, f"a lease for the relay of {service}, which goes on without")
        self._paused: dict[Aggregate, _Pause] = {}
        self._pruned_at: Millis = 0
        self._counted_at: Millis = 0
        self._woken = asyncio.Event()
        store.on_send(self._woken.set)

    async def run(self) -> None:
        """Run until cancelled. Outages are waited out."""
        try:
            while True:
                await self._publish_next()
        finally:
            self._coordination.release(self._lease, self._owner)

    async def step(self) -> int:
        """Publish a batch of unpublished rows, if this relay has the lease.

        Returns the number of rows that were published or paused. Raises `Unavailable` where the store or the
        whole bus does not answer.
        """
        self._leading = await self._has_lease()
        if not self._leading:
            return 0
        rows = await self._next_rows()
        if not rows:
            return 0
        try:
            await self._publish(rows)
        except Exception:
            await self._bus.ready()  # raises where the whole bus is away: no aggregate is paused
            log.warning("a batch was not published; trying each aggregate by itself", exc_info=True)
            return await self._publish_each(rows)
        await self._mark(rows)
        return len(rows)

    async def _publish_next(self) -> None:
        self._woken.clear()  # before the query: a later commit wakes the relay again
        try:
            dealt_with = await self.step()
            await self._count_and_prune()
        except Exception as error:
            self._outage.failed(error)
            await self._clock.sleep(self._backoff.failed())
            return
        self._backoff.succeeded()
        self._outage.over()
        if not self._leading:
            await self._clock.sleep(self._idle_seconds)
        elif dealt_with < self._batch:
            await event_or_timeout(self._woken, self._clock, self._idle_seconds)

    async def _has_lease(self) -> bool:
        now = self._clock.now()
        if now < self._without_lease_until:
            return True
        try:
            has_lease = await self._coordination.acquire(self._lease, self._owner, ttl_seconds=LEASE_SECONDS)
            self._no_lease.over()
            return has_lease
        except Unavailable as error:
            self._no_lease.failed(error)
            self._without_lease_until = now + _WITHOUT_LEASE_MILLIS
            return True

    async def _next_rows(self) -> list[OutboxRow]:
        """The next batch without paused aggregates.

        The query widens so that their rows do not hide others.
        """
        limit = self._batch
        while True:
            rows = await self._store.outbox.unpublished(limit)
            free = self._not_paused(rows)
            if free or len(rows) < limit or limit >= self._batch * _LONGEST_QUERY_BATCHES:
                return free[: self._batch]
            limit *= 2

    def _not_paused(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        now = self._clock.now()
        paused = {aggregate for aggregate, pause in self._paused.items() if not pause.over(now)}
        return [row for row in rows if _aggregate(row) not in paused] if paused else rows

    async def _publish(self, rows: list[OutboxRow]) -> None:
        envelopes = [envelope_of(row, self._service) for row in rows]
        with self._spans.sending(self._service, envelopes):
            await self._bus.publish(self._service, envelopes)

    async def _publish_each(self, rows: list[OutboxRow]) -> int:
        """Publish aggregate by aggregate. Ends after some failures in a row: each may take seconds."""
        dealt_with = failures = 0
        for aggregate, group in _by_aggregate(rows).items():
            try:
                await self._publish(group)
            except Exception:
                log.exception("messages of %s %s are not published; they are tried again", *aggregate)
                self._pause(aggregate)
                failures += 1
            else:
                await self._mark(group)
                failures = 0
            dealt_with += len(group)
            if failures == _FAILURES_PER_BATCH:
                break
        return dealt_with

    def _pause(self, aggregate: Aggregate) -> None:
        """Pause an aggregate. The pause doubles with failures in a row; old failures are forgotten."""
        now = self._clock.now()
        recent = {
            other: pause
            for other, pause in self._paused.items()
            if abs(now - pause.until) < _PAUSE_REMEMBERED_MILLIS
        }
        failures = recent[aggregate].failures if aggregate in recent else 0
        millis = min(_LONGEST_PAUSE_MILLIS, _FIRST_PAUSE_MILLIS * 2 ** min(failures, 10))
        self._paused = recent | {aggregate: _Pause(now + millis, failures + 1)}

    async def _mark(self, rows: list[OutboxRow]) -> None:
        now = self._clock.now()
        await self._store.outbox.mark_published([row.id for row in rows], now)
        for row in rows:
            self._paused.pop(_aggregate(row), None)
        observe = metrics.PUBLISHED_SECONDS.labels(self._service).observe
        for row in rows:
            observe(max(0, now - row.created_at) / 1000)

    async def _count_and_prune(self) -> None:
        """Update metrics and prune old rows when due; at once after the wall clock was set back."""
        now = self._clock.now()
        if not 0 <= now - self._counted_at < _COUNT_MILLIS:
            self._counted_at = now
            await self._count(now)
        if self._leading and not 0 <= now - self._pruned_at < _PRUNE_MILLIS:
            self._pruned_at = now
            pruned = await self._store.outbox.prune(now - KEPT_SECONDS * 1000)
            if pruned:
                log.info("%d published messages of %s were old enough to be forgotten", pruned, self._service)

    async def _count(self, now: Millis) -> None:
        outbox = await self._store.outbox.stats()
        oldest = outbox.oldest_unpublished_at
        metrics.UNPUBLISHED.labels(self._service).set(outbox.unpublished)
        age = 0 if oldest is None else max(0, now - oldest) / 1000
        metrics.OLDEST_UNPUBLISHED_SECONDS.labels(self._service).set(age)


def _aggregate(row: OutboxRow) -> Aggregate:
    return row.aggregatetype, row.aggregateid


def _by_aggregate(rows: Iterable[OutboxRow]) -> dict[Aggregate, list[OutboxRow]]:
    groups: dict[Aggregate, list[OutboxRow]] = {}
    for row in rows:
        groups.setdefault(_aggregate(row), []).append(row)
    return groups
