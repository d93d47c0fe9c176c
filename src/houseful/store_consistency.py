"""Stores vouch for each other, in an installation of any kind: before a start, while it runs, and when an
operator accepts a loss. The rules are in `common.vouching`."""

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
    VOUCHING_DOCUMENTS,
    Doubt,
    KnownStore,
    KnownTopic,
    Peek,
    StoreIdentity,
    doubts,
    known_now,
)
from houseful.kernel.telemetry import get_logger
from houseful.messages import MESSAGES
from houseful.messaging import replay
from houseful.settings import SERVICES, Settings

ROUND_SECONDS = 3.0
_NOTHING = Peek(exists=False, identity=None, known={})
_SENDERS = frozenset(message.sender for message in MESSAGES.values())

DOUBTS = Gauge(
    "houseful_store_doubts", "1 where a service's store is not the one that the others know", ["service"]
)

log = get_logger(__name__)

Look = Callable[[], Awaitable[dict[str, Peek]]]


class StoresDiffer(Exception):
    """The stores of an installation don't go together, which is for an operator to decide on."""

    def __init__(self, found: Collection[Doubt]) -> None:
        super().__init__("\n".join(f"The {one.service} store: {one.detail}.\n  {one.fix}" for one in found))
        self.doubts = list(found)


async def peek(store: Reader) -> Peek:
    identity = await store.get(StoreIdentity, ITSELF)
    return Peek(exists=True, identity=identity, known=await store.get_many(KnownStore, SERVICES))


@asynccontextmanager
async def looking(settings: Settings, own: Mapping[str, Store]) -> AsyncIterator[Look]:
    """A look at the stores of all services: those that are open here, and the others from outside, which stay
    open until the end of the block. Raises `Unavailable` where one can't be read."""
    clock, ids = SystemClock(), SystemIds()
    async with AsyncExitStack() as stack:
        others: dict[str, Store] = {}

        async def look() -> dict[str, Peek]:
            seen = {}
            for service in SERVICES:
                store: Store | None = own.get(service) or others.get(service)
                exists = store is not None or await factory.store_exists(settings, service)
                if store is None and exists:
                    store = await stack.enter_async_context(
                        factory.opened_subset(settings, service, VOUCHING_DOCUMENTS, clock=clock, ids=ids)
                    )
                    if store is not None:
                        others[service] = store
                seen[service] = _NOTHING._replace(exists=exists) if store is None else await peek(store)
            return seen

        yield look


async def doubts_of(settings: Settings) -> list[Doubt]:
    """From outside, beside a running server too. Raises `Unavailable`."""
    async with looking(settings, {}) as look:
        return doubts(await look())


async def refuse_doubtful(settings: Settings, services: Collection[str]) -> None:
    """Raises `StoresDiffer` where the store of one of these is not the one that the others know."""
    found = [doubt for doubt in await doubts_of(settings) if doubt.service in services]
    if found:
        raise StoresDiffer(found)


async def accept(settings: Settings, service: str) -> list[str]:
    """Let the others forget what they know of this service's store; which ones did. Raises a refusal where
    nobody doubts it."""
    if service not in [doubt.service for doubt in await doubts_of(settings)]:
        raise StateConflict("no_doubt", f"The {service} store is the one that the others know.")
    clock, ids = SystemClock(), SystemIds()
    forgetful = []
    for name in SERVICES:
        if name == service or not await factory.store_exists(settings, name):
            continue
        async with factory.opened_subset(
            settings, name, VOUCHING_DOCUMENTS, clock=clock, ids=ids, read_only=False
        ) as store:
            if store is not None and await store.transact(lambda tx: _forget(tx, service)):
                forgetful.append(name)
    return forgetful


async def _forget(tx: Transaction, service: str) -> bool:
    known = await tx.get(KnownStore, service)
    if known is not None:
        tx.delete(known)
    return known is not None


class Vouching:
    """The part of it that a running process has: its stores get an identity, grow older, and remember the
    others."""

    def __init__(
        self, own: Mapping[str, Store], look: Look, clock: Clock, ids: Ids, *, bus: Bus | None
    ) -> None:
        self._own = own
        self._look = look
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._seen: dict[str, Peek] = {}
        self._quiet: dict[str, int] = {}
        """How many changes each store will have had if nobody but us has changed it since the last round."""
        self._lengths: dict[str, int] = {}
        self._doubts: list[Doubt] = []

    async def begin(self) -> None:
        """Before anything is changed. A store without an identity gets one: it is new, or was made by a
        version before there were any."""
        self._quiet = {name: store.changes for name, store in self._own.items()}
        seen = await self._look()
        for name, store in self._own.items():
            if seen[name].identity is None:
                await self._adopt(name, store, seen)
                seen = await self._look()
        self._doubt(doubts(seen))
        await self._remember(seen)
        self._seen = seen

    async def run(self) -> None:
        """The job; until cancelled."""
        while True:
            await self.round()
            await self._clock.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Raises `Transient`."""
        for name, store in self._own.items():
            changes = store.changes
            if changes == self._quiet[name] and name in self._lengths:
                continue
            if changes != self._quiet[name]:
                self._quiet[name] = changes
                await self._grow(name, store)
            await self._mind_the_bus(name, store)
        seen = await self._look()
        self._doubt(doubts(seen))
        await self._remember(self._seen)
        self._seen = seen

    async def end(self) -> None:
        """Nothing changes any more: what is there now is remembered, or by a later start."""
        try:
            await self.round()
            await self._remember(self._seen)
            for name, store in self._own.items():
                await self._mind_the_bus(name, store)
        except Transient as error:
            log.warning("the stores could not tell each other how old they are: %s", error)

    async def ready(self) -> None:
        """Raises `Unavailable` where a store is in doubt."""
        if self._doubts:
            raise Unavailable("; ".join(f"the {one.service} store: {one.detail}" for one in self._doubts))

    async def _adopt(self, name: str, store: Store, seen: Mapping[str, Peek]) -> None:
        now, store_id = self._clock.now(), self._ids.new("sto")
        first = _installation(seen, set()) or store_id
        identity = StoreIdentity(
            id=ITSELF, service=name, store_id=store_id, installation=first, created_at=now, aged_at=now
        )

        async def work(tx: Transaction) -> None:
            tx.insert_or_ignore(identity)

        await store.transact(work)
        self._quiet[name] += 1

    async def _grow(self, name: str, store: Store) -> None:
        first = _installation(self._seen, {doubt.service for doubt in self._doubts})

        async def work(tx: Transaction) -> bool:
            known = await tx.get(StoreIdentity, ITSELF)
            if known is None:
                return False  # somebody took it away; that is said, and not covered up
            installation = min(known.installation, first or known.installation)
            tx.put(replace(known, age=known.age + 1, aged_at=self._clock.now(), installation=installation))
            return True

        self._quiet[name] += await store.transact(work)

    async def _remember(self, seen: Mapping[str, Peek]) -> None:
        """What is in doubt stays remembered as it was."""
        doubtful = {doubt.service for doubt in self._doubts}
        identities = [one.identity for one in seen.values() if one.identity is not None]
        now_known = [known_now(one) for one in identities if one.service not in doubtful]
        for name, store in self._own.items():
            others = [known for known in now_known if known.id != name]
            before = await store.get_many(KnownStore, [known.id for known in others])
            news = [known for known in others if _is_news(known, before.get(known.id))]
            if news:
                self._quiet[name] += await store.transact(
                    lambda tx, news=news: _put(tx, news)  # type: ignore[misc]
                )

    def _doubt(self, found: list[Doubt]) -> None:
        """Said once, and once more when it is over."""
        for doubt in found:
            if doubt not in self._doubts:
                log.error("the %s store is in doubt: %s. %s", doubt.service, doubt.detail, doubt.fix)
        gone = {doubt.service for doubt in self._doubts} - {doubt.service for doubt in found}
        for service in sorted(gone):
            log.info("the %s store is not in doubt any more", service)
        self._doubts = found
        for service in SERVICES:
            DOUBTS.labels(service).set(any(doubt.service == service for doubt in found))

    async def _mind_the_bus(self, name: str, store: Store) -> None:
        """A topic that has become shorter has lost messages: what the outbox keeps is sent again, and whoever
        had it already skips it."""
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
        # as with stores, what is remembered is what was a round ago
        remembered, self._lengths[name] = self._lengths.get(name, length), length
        if known is None or known.length != remembered:
            topic = KnownTopic(id=name, length=remembered)
            self._quiet[name] += await store.transact(lambda tx: _put_topic(tx, topic))


def _installation(seen: Mapping[str, Peek], doubtful: Collection[str]) -> str | None:
    """The oldest store's id: ids begin with the time."""
    identities = [one.identity for name, one in seen.items() if name not in doubtful]
    return min((one.installation for one in identities if one is not None), default=None)


def _is_news(known: KnownStore, before: KnownStore | None) -> bool:
    return before is None or (before.store_id == known.store_id and before.age < known.age)


async def _put(tx: Transaction, news: list[KnownStore]) -> bool:
    changed = False
    for known in news:
        before = await tx.get(KnownStore, known.id)
        if before is None:
            tx.insert_or_ignore(known)  # another copy of the service may be at it too
        elif _is_news(known, before):
            tx.put(known)
        changed = changed or _is_news(known, before)
    return changed


async def _put_topic(tx: Transaction, topic: KnownTopic) -> bool:
    if await tx.get(KnownTopic, topic.id) is None:
        tx.insert_or_ignore(topic)
    else:
        tx.put(topic)
    return True


__all__ = ["ROUND_SECONDS", "StoresDiffer", "Vouching", "accept", "doubts_of", "looking", "peek"]
