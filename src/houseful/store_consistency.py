"""Consistency of the stores of an installation: checked before a start, while it runs, and accepted by an
operator after a loss. The rules are in `kernel.store_watermarks`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace
from prometheus_client import Gauge

from houseful.adapters import factory
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import StateConflict, Transient, Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Bus, Clock, Ids, Reader, Store, Transaction
from houseful.kernel.store_watermarks import (
    ITSELF,
    WATERMARK_DOCUMENTS,
    Inconsistency,
    KnownStore,
    KnownTopic,
    StoreIdentity,
    Watermarks,
    inconsistencies,
    known_store_of,
)
from houseful.kernel.telemetry import get_logger
from houseful.messages import MESSAGES
from houseful.messaging import replay
from houseful.settings import SERVICES, Settings

POLL_SECONDS = 3.0
_NOTHING = Watermarks(exists=False, identity=None, known={})
_SENDERS = frozenset(message.sender for message in MESSAGES.values())

INCONSISTENT = Gauge(
    "houseful_store_doubts", "1 where a service's store is not the one that the others know", ["service"]
)

log = get_logger(__name__)

ReadWatermarks = Callable[[], Awaitable[dict[str, Watermarks]]]


class StoresDiffer(Exception):
    """The stores of an installation are inconsistent. An operator decides what to do."""

    def __init__(self, found: Collection[Inconsistency]) -> None:
        super().__init__("\n".join(f"The {one.service} store: {one.detail}.\n  {one.fix}" for one in found))
        self.inconsistencies = list(found)


async def watermarks_of(store: Reader) -> Watermarks:
    identity = await store.get(StoreIdentity, ITSELF)
    return Watermarks(exists=True, identity=identity, known=await store.get_many(KnownStore, SERVICES))


@asynccontextmanager
async def watermark_reader(settings: Settings, own: Mapping[str, Store]) -> AsyncIterator[ReadWatermarks]:
    """A function that reads the watermarks of all services' stores. `own` are the stores of this process.

    The other stores are opened read-only, and stay open until the end of the block. Raises `Unavailable` for
    a store that can't be read.
    """
    clock, ids = SystemClock(), SystemIds()
    async with AsyncExitStack() as stack:
        others: dict[str, Store] = {}

        async def read() -> dict[str, Watermarks]:
            watermarks = {}
            for service in SERVICES:
                store: Store | None = own.get(service) or others.get(service)
                exists = store is not None or await factory.store_exists(settings, service)
                if store is None and exists:
                    store = await stack.enter_async_context(
                        factory.opened_subset(settings, service, WATERMARK_DOCUMENTS, clock=clock, ids=ids)
                    )
                    if store is not None:
                        others[service] = store
                watermarks[service] = (
                    _NOTHING._replace(exists=exists) if store is None else await watermarks_of(store)
                )
            return watermarks

        yield read


async def find_inconsistencies(settings: Settings) -> list[Inconsistency]:
    """Read-only, safe while servers run. Raises `Unavailable`."""
    async with watermark_reader(settings, {}) as read:
        return inconsistencies(await read())


async def refuse_inconsistent(settings: Settings, services: Collection[str]) -> None:
    """Raises `StoresDiffer` where the store of one of `services` is inconsistent with the others."""
    found = [one for one in await find_inconsistencies(settings) if one.service in services]
    if found:
        raise StoresDiffer(found)


async def accept(settings: Settings, service: str) -> list[str]:
    """Delete the records of a service's store from the other stores. Returns the names of the changed ones.

    Raises `StateConflict` where the store is consistent with the others.
    """
    if service not in [one.service for one in await find_inconsistencies(settings)]:
        raise StateConflict("no_doubt", f"The {service} store is the one that the others know.")
    clock, ids = SystemClock(), SystemIds()
    changed = []
    for name in SERVICES:
        if name == service or not await factory.store_exists(settings, name):
            continue
        async with factory.opened_subset(
            settings, name, WATERMARK_DOCUMENTS, clock=clock, ids=ids, read_only=False
        ) as store:
            if store is not None and await store.transact(lambda tx: _forget_store(tx, service)):
                changed.append(name)
    return changed


async def _forget_store(tx: Transaction, service: str) -> bool:
    known = await tx.get(KnownStore, service)
    if known is not None:
        tx.delete(known)
    return known is not None


class ConsistencyMonitor:
    """Keeps the watermarks of a process's stores, and watches the others. For one event loop."""

    def __init__(
        self,
        own: Mapping[str, Store],
        read_watermarks: ReadWatermarks,
        clock: Clock,
        ids: Ids,
        *,
        bus: Bus | None,
    ) -> None:
        self._own = own
        self._read_watermarks = read_watermarks
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._watermarks: dict[str, Watermarks] = {}
        self._expected_changes: dict[str, int] = {}
        """By store, the number of changes that the monitor itself accounts for, up to the last poll."""
        self._lengths: dict[str, int] = {}
        self._inconsistencies: list[Inconsistency] = []

    async def start(self) -> None:
        """Check and record before the first change. A store without an identity gets one: a new store, or one
        of a version without identities."""
        self._expected_changes = {name: store.changes for name, store in self._own.items()}
        watermarks = await self._read_watermarks()
        for name, store in self._own.items():
            if watermarks[name].identity is None:
                await self._assign_identity(name, store, watermarks)
                watermarks = await self._read_watermarks()
        self._report(inconsistencies(watermarks))
        await self._record(watermarks)
        self._watermarks = watermarks

    async def run(self) -> None:
        """Poll every `POLL_SECONDS`, until cancelled."""
        while True:
            await self.poll()
            await self._clock.sleep(POLL_SECONDS)

    async def poll(self) -> None:
        """Advance the ages of changed stores, check all, record the others. Raises `Transient`."""
        for name, store in self._own.items():
            changes = store.changes
            if changes == self._expected_changes[name] and name in self._lengths:
                continue
            if changes != self._expected_changes[name]:
                self._expected_changes[name] = changes
                await self._advance_age(name, store)
            await self._detect_lost_messages(name, store)
        watermarks = await self._read_watermarks()
        self._report(inconsistencies(watermarks))
        await self._record(self._watermarks)
        self._watermarks = watermarks

    async def stop(self) -> None:
        """Record the final ages. Call it after the last change; an outage leaves it to the next start."""
        try:
            await self.poll()
            await self._record(self._watermarks)
            for name, store in self._own.items():
                await self._detect_lost_messages(name, store)
        except Transient as error:
            log.warning("the stores could not tell each other how old they are: %s", error)

    async def ready(self) -> None:
        """Raises `Unavailable` where a store is inconsistent with the others."""
        if self._inconsistencies:
            raise Unavailable(
                "; ".join(f"the {one.service} store: {one.detail}" for one in self._inconsistencies)
            )

    async def _assign_identity(self, name: str, store: Store, watermarks: Mapping[str, Watermarks]) -> None:
        now, store_id = self._clock.now(), self._ids.new("sto")
        first = _installation(watermarks, set()) or store_id
        identity = StoreIdentity(
            id=ITSELF, service=name, store_id=store_id, installation=first, created_at=now, aged_at=now
        )

        async def work(tx: Transaction) -> None:
            tx.insert_or_ignore(identity)

        await store.transact(work)
        self._expected_changes[name] += 1

    async def _advance_age(self, name: str, store: Store) -> None:
        first = _installation(self._watermarks, {one.service for one in self._inconsistencies})

        async def work(tx: Transaction) -> bool:
            known = await tx.get(StoreIdentity, ITSELF)
            if known is None:
                return False  # the identity was deleted: reported by the check, not repaired
            installation = min(known.installation, first or known.installation)
            tx.put(replace(known, age=known.age + 1, aged_at=self._clock.now(), installation=installation))
            return True

        self._expected_changes[name] += await store.transact(work)

    async def _record(self, watermarks: Mapping[str, Watermarks]) -> None:
        """Records of inconsistent stores stay as they are."""
        inconsistent = {one.service for one in self._inconsistencies}
        identities = [one.identity for one in watermarks.values() if one.identity is not None]
        now_known = [known_store_of(one) for one in identities if one.service not in inconsistent]
        for name, store in self._own.items():
            others = [known for known in now_known if known.id != name]
            before = await store.get_many(KnownStore, [known.id for known in others])
            newer = [known for known in others if _is_newer(known, before.get(known.id))]
            if newer:
                self._expected_changes[name] += await store.transact(
                    lambda tx, newer=newer: _put(tx, newer)  # type: ignore[misc]
                )

    def _report(self, found: list[Inconsistency]) -> None:
        """Log each inconsistency once, and its end once."""
        for one in found:
            if one not in self._inconsistencies:
                log.error("the %s store is in doubt: %s. %s", one.service, one.detail, one.fix)
        gone = {one.service for one in self._inconsistencies} - {one.service for one in found}
        for service in sorted(gone):
            log.info("the %s store is not in doubt any more", service)
        self._inconsistencies = found
        for service in SERVICES:
            INCONSISTENT.labels(service).set(any(one.service == service for one in found))

    async def _detect_lost_messages(self, name: str, store: Store) -> None:
        """Replay the outbox where the service's topic became shorter: the bus has lost messages. Receivers
        skip messages that they have applied.
        """
        bus = self._bus
        if bus is None or name not in _SENDERS:
            self._lengths[name] = 0
            return
        length = await bus.length(name)
        known = await store.get(KnownTopic, name)
        if known is not None and length < known.length:
            count = await replay(store, bus, name)
            log.warning(
                "the bus has lost messages of %s: it had %d and has %d. What is kept, %d, was sent again",
                name, known.length, length, count,
            )  # fmt: skip
            self._lengths[name] = length = await bus.length(name)
        # as with stores, the length of the poll before is recorded
        remembered, self._lengths[name] = self._lengths.get(name, length), length
        if known is None or known.length != remembered:
            topic = KnownTopic(id=name, length=remembered)
            self._expected_changes[name] += await store.transact(lambda tx: _put_topic(tx, topic))


def _installation(watermarks: Mapping[str, Watermarks], inconsistent: Collection[str]) -> str | None:
    """The id of the oldest store: ids sort by time."""
    identities = [one.identity for name, one in watermarks.items() if name not in inconsistent]
    return min((one.installation for one in identities if one is not None), default=None)


def _is_newer(known: KnownStore, before: KnownStore | None) -> bool:
    return before is None or (before.store_id == known.store_id and before.age < known.age)


async def _put(tx: Transaction, newer: list[KnownStore]) -> bool:
    changed = False
    for known in newer:
        before = await tx.get(KnownStore, known.id)
        if before is None:
            tx.insert_or_ignore(known)  # another process of the service may insert it too
        elif _is_newer(known, before):
            tx.put(known)
        changed = changed or _is_newer(known, before)
    return changed


async def _put_topic(tx: Transaction, topic: KnownTopic) -> bool:
    if await tx.get(KnownTopic, topic.id) is None:
        tx.insert_or_ignore(topic)
    else:
        tx.put(topic)
    return True


__all__ = [
    "POLL_SECONDS",
    "ConsistencyMonitor",
    "StoresDiffer",
    "accept",
    "find_inconsistencies",
    "watermark_reader",
    "watermarks_of",
]
