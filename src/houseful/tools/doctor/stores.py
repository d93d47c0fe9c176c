"""The stores of the services, and their stuck messages."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from houseful import store_consistency
from houseful.adapters import factory
from houseful.adapters.sqlite import health as sqlite_health
from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store
from houseful.manifests import MANIFESTS
from houseful.messaging import list_dead, list_parked
from houseful.settings import SERVICES, Settings
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tools.doctor.finding import Finding, clock_of, ok, problem, warning
from houseful.webapi.manifest import Manifest

if TYPE_CHECKING:
    from houseful.adapters.mongodb.health import Health

_OLD_SECONDS = 60.0
_PAGE = 1000
_AHEAD_SECONDS = 300.0
_TESTED_MONGO = (6, 0)


async def sqlite(settings: Settings) -> AsyncIterator[Finding]:
    damaged = False
    for manifest in MANIFESTS:
        file = factory.store_file(settings.data_folder, manifest.name)
        faults = await asyncio.to_thread(sqlite_health.faults, file) if file.exists() else []
        if faults:
            damaged = True
            yield problem(
                f"{manifest.name} store",
                f"{file} is damaged: {'; '.join(faults)}",
                f"Stop the server, keep {file} with its -wal and -shm files, and restore the last backup.",
            )
        else:
            size = f"{file.stat().st_size / 2**20:.1f} MB, sound" if file.exists() else ""
            async for finding in _service(settings, manifest, size):
                yield finding
    if not damaged:
        async for finding in _consistency(settings):
            yield finding


async def mongodb(settings: Settings) -> AsyncIterator[Finding]:
    with factory.driver("store_url"):
        from houseful.adapters.mongodb import health as mongo_health
    try:
        health = await mongo_health.probe(settings.store_url)
    except Unavailable as error:
        fix = "MongoDB has to run as a replica set that this machine reaches at HOUSEFUL_STORE_URL."
        yield problem("MongoDB", str(error), fix)
        return
    for finding in mongo_findings(health):
        yield finding
    try:
        await mongo_health.check_majority(settings.store_url, factory.database_of(settings, SERVICES[0]))
    except Unavailable as error:
        fix = "Bring back enough members for a majority, with room on their disks, and let this user write."
        yield problem("MongoDB writes", str(error), fix)
    else:
        yield ok("MongoDB writes", "a majority has them on disk")
    for manifest in MANIFESTS:
        async for finding in _service(settings, manifest, factory.database_of(settings, manifest.name)):
            yield finding
    async for finding in _consistency(settings):
        yield finding


def mongo_findings(health: "Health") -> Iterator[Finding]:
    if tuple(int(part) for part in health.version.split(".")[:2]) < _TESTED_MONGO:
        yield warning(
            "MongoDB", f"{health.version} at {health.where}", "Update it: 6.0 is the oldest tested."
        )
    else:
        yield ok("MongoDB", f"{health.version} at {health.where}")
    if health.replica_set is None:
        yield ok("MongoDB members", "a router stands before them")
    elif health.members is None:
        detail = f"replica set {health.replica_set}; this user may not look at its members"
        yield ok("MongoDB members", detail, "Give it the role clusterMonitor, and they are looked at too.")
    else:
        states, spare = health.members.states, health.members.spare
        shown = ", ".join(f"{name} {state}" for name, state in sorted(states.items()))
        if health.members.away:
            gone = ", ".join(sorted(health.members.away))
            yield warning("MongoDB members", f"{gone} is away: {shown}", "Bring it back, or replace it.")
        elif spare < 1:
            yield warning(
                "MongoDB members",
                f"without one of them nothing could be sold: {shown}",
                "Make it three members that hold data (rs.add), so that one may fail.",
            )
        else:
            yield ok("MongoDB members", f"{shown}; {spare} of them may fail")
    yield clock_of("MongoDB", health.ahead_seconds)


async def _consistency(settings: Settings) -> AsyncIterator[Finding]:
    """Whether the stores are consistent with each other."""
    try:
        found = await store_consistency.find_inconsistencies(settings)
    except Unavailable as error:
        yield problem("stores", str(error), "Bring back the store that can't be read, then look again.")
        return
    for one in found:
        yield problem(f"{one.service} store", one.detail, one.fix)
    if not found:
        yield ok("stores", "each is the one that the others know")


async def _service(settings: Settings, manifest: Manifest[Any], where: str) -> AsyncIterator[Finding]:
    name = f"{manifest.name} store"
    clock, ids = SystemClock(), SystemIds()
    try:
        if not await factory.store_exists(settings, manifest.name):
            others = [other for other in SERVICES if await factory.store_exists(settings, other)]
            if others:
                detail = f"there is none, though {' and '.join(others)} have theirs"
                fix = "Restore it from a backup. If there never was one, its first start makes it."
                yield warning(name, detail, fix)
            else:
                yield ok(name, "will be made at the first start")
            return
        async with opened_store(settings, manifest, clock=clock, ids=ids, read_only=True) as store:
            messages = [finding async for finding in _messages(manifest.name, store)]
            if Order in manifest.documents:
                messages += [finding async for finding in _payments(store)]
            yield ok(name, where)
            for finding in messages:
                yield finding
    except Unavailable as error:
        yield problem(
            name, str(error), "Start a server of this version once: it brings what is older up to date."
        )


async def _payments(store: Store) -> AsyncIterator[Finding]:
    """Orders past their deadline about whose payment the gateway could not be asked: their seats stay."""
    until = SystemClock().now() - round(_OLD_SECONDS * 1000)
    unknown = 0
    after: tuple[Millis, str] | None = None
    while True:
        page = await store.find(Order, {}, by="look_at", since=0, after=after, limit=_PAGE)
        unknown += sum(
            order.state is OrderState.AWAITING_PAYMENT and order.looks > 0 and order.expires_at < until
            for order in page
        )
        if len(page) < _PAGE:
            break
        after = (page[-1].look_at or 0, page[-1].id)
    if unknown:
        yield warning(
            "payments",
            f"{unknown} orders are past their deadline, and the payment gateway could not be asked",
            "Their seats stay until it answers; bring the payments service back.",
        )


async def _messages(service: str, store: Store) -> AsyncIterator[Finding]:
    figures = await store.outbox.stats()
    if figures.oldest_unpublished_at is not None:
        age_seconds = (SystemClock().now() - figures.oldest_unpublished_at) / 1000
        if age_seconds < -_AHEAD_SECONDS:
            yield warning(
                f"{service} outbox",
                f"a message was written {-age_seconds:.0f} s in the future",
                "The clock was set back since; check it and let NTP keep it right.",
            )
        elif age_seconds > _OLD_SECONDS:
            yield warning(
                f"{service} outbox",
                f"{figures.unpublished} messages wait, the oldest for {age_seconds:.0f} s",
                "They go out when the server runs. If it does run, its log says what is in the way.",
            )
    parked = [one for one in await list_parked(store) if one.state == "parked"]
    if parked:
        yield problem(
            f"{service} messages",
            f"{len(parked)} keys wait for a person, first {parked[0].id}: {parked[0].reason}",
            "houseful messages parked; then houseful messages unpark SERVICE KEY",
        )
    dead = await list_dead(store)
    if dead:
        yield problem(
            f"{service} messages",
            f"{len(dead)} messages were not understood, first {dead[0].id}: {dead[0].error}",
            "houseful messages dead; after an update, houseful messages retry SERVICE ID",
        )
