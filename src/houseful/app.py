"""The wiring, and the only file that knows how an installation is put together.

    settings → adapters → services → gateway → background work

It is decided here, and nowhere else, whether a service is an application in this process or somewhere else,
and which adapter stands behind each port.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from houseful import store_consistency
from houseful.adapters import factory
from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.http.local_client import LocalClient
from houseful.adapters.http.payment_gateway import HttpPaymentGateway
from houseful.adapters.http.proxy import ServiceProxy
from houseful.adapters.processes.pool import WorkerProcesses
from houseful.administration import Administration
from houseful.gateway import (
    AccessLog,
    Gateway,
    InternalIngress,
    ManagementEndpoints,
    RouteRenewal,
    Routing,
    WebApp,
    find_folder,
)
from houseful.gateway.management import Check
from houseful.kernel.background import BackgroundJobs
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Bus, Clock, Coordination, Ids, Mailer, ServiceClient, Store, Workers
from houseful.kernel.store_watermarks import WATERMARK_DOCUMENTS
from houseful.kernel.telemetry import get_logger
from houseful.manifests import MANIFESTS
from houseful.messages import Message
from houseful.messaging import DELIVERY_DOCUMENTS, Consumer, Handler, Relay
from houseful.settings import OPTIONAL_SERVICES, SERVICES, Secrets, Settings, SettingsError, load_secrets
from houseful.store_consistency import ConsistencyMonitor
from houseful.webapi.asgi import App
from houseful.webapi.auth import TokenVerifier
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.line_passes import LinePasses
from houseful.webapi.manifest import Manifest, Platform
from houseful.webapi.revoked_tokens import RevokedTokens

log = get_logger(__name__)

GATEWAY = "gateway"
PARTS = (GATEWAY, *SERVICES)
"""What a process may run; one that runs them all needs no other."""

CALL_SECONDS = 15.0
"""For how long a gateway may be silent when a service calls it."""

GATEWAY_KEY_HEADER = "x-internal-key"


@dataclass
class Running:
    """The started parts of an installation. `entry` answers requests; `client` is the way to the gateway,
    `calls` the services' way to each other."""

    settings: Settings
    secrets: Secrets
    clock: Clock
    ids: Ids
    client: AsgiClient
    calls: LocalClient
    stores: dict[str, Store]
    bus: Bus | None
    coordination: Coordination
    entry: Gateway | InternalIngress
    services: dict[str, Any]
    consistency: ConsistencyMonitor
    jobs: BackgroundJobs
    drain_seconds: float = 0
    """For how long it answers and says that it is about to end, before it does."""

    _work: "set[asyncio.Task[None]]" = field(default_factory=set)

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        """Run `work` until it returns or all of this stops; what raises is started again after a pause."""
        task = asyncio.create_task(self.jobs.supervise(name, work), name=name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def documents_of(manifest: Manifest[Any]) -> tuple[type[Document], ...]:
    return tuple(dict.fromkeys((*manifest.documents, *DELIVERY_DOCUMENTS, *WATERMARK_DOCUMENTS)))


@asynccontextmanager
async def opened_store(
    settings: Settings, manifest: Manifest[Any], *, clock: Clock, ids: Ids, read_only: bool = False
) -> AsyncIterator[Store]:
    """Raises `Unavailable`, and `SettingsError` where its driver is not installed."""
    async with factory.opened_store(
        settings, manifest.name, documents_of(manifest), clock=clock, ids=ids, read_only=read_only
    ) as store:
        yield store


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    parts: Collection[str] = PARTS,
    manifests: Sequence[Manifest[Any]] = MANIFESTS,
    clock: Clock | None = None,
    ids: Ids | None = None,
    secrets: Secrets | None = None,
    mailer: Mailer | None = None,
    bus: Bus | None = None,
    coordination: Coordination | None = None,
    workers: Workers | None = None,
    background: bool = True,
    access_log: bool = True,
) -> AsyncIterator[Running]:
    """Start these parts, and stop them in the reverse order: background work, messages, stores.

    `manifests` are the services of the installation. The process runs those among `parts`.
    A `bus`, a `coordination` and `workers` that are given are shared with others, and stay open. Without
    `background` no relay, consumer or job runs: for tests that take each step themselves. Raises
    `FolderInUse`, `SettingsError`, `StoresDiffer`, and `Unavailable` for what can't be opened.
    """
    _refuse_what_can_not_work(settings, parts, has_bus=bus is not None, has_locks=coordination is not None)
    clock, ids = clock or SystemClock(), ids or SystemIds()
    every, manifests = manifests, [manifest for manifest in manifests if manifest.name in parts]
    async with AsyncExitStack() as stack:
        # Settings to adapters.
        if manifests:
            stack.enter_context(factory.folder_if_needed(settings))
        secrets = secrets or load_secrets(settings, parts=parts, make=not _elsewhere(parts, settings))
        if workers is None:
            workers = WorkerProcesses()
            stack.push_async_callback(workers.close)
        mailer = mailer or factory.open_mailer(settings, clock=clock, workers=workers)
        stores = await _open_stores(stack, settings, manifests, clock, ids)
        own_bus = None
        if bus is None and manifests:
            bus = own_bus = await stack.enter_async_context(factory.opened_bus(settings, clock=clock))
        if coordination is None:
            coordination = factory.open_coordination(settings, clock=clock)
            stack.push_async_callback(coordination.close)
        consistency = await _consistency_monitor(stack, settings, stores, clock, ids, bus)
        proxies = {name: _proxy(name, settings, clock, stack) for name in _elsewhere(parts, settings)}

        # Adapters to services.
        client = AsgiClient()
        if GATEWAY in proxies:
            client = AsgiClient(proxies[GATEWAY], always={GATEWAY_KEY_HEADER: secrets.gateway_key})
        calls = LocalClient(client)
        ended = RevokedTokens(calls, coordination, clock)
        verifier = TokenVerifier(calls, clock, ended)
        passes = LinePasses(calls, clock)
        jobs = BackgroundJobs(clock)
        management = ManagementEndpoints(
            [(one.name, one.endpoints) for one in every if one in manifests or one.name in proxies],
            {f"{name} store": store.ready for name, store in stores.items()},
            _watched(coordination, consistency, jobs, bus, proxies),
        )
        services: dict[str, Any] = {}
        apps: dict[str, App] = dict(proxies)
        local: dict[str, ServiceApp] = {}
        for manifest in manifests:
            name, store = manifest.name, stores[manifest.name]
            services[name] = manifest.build(
                platform_of(settings, secrets, store, coordination, clock, ids, calls, mailer, workers)
            )
            apps[name] = local[name] = ServiceApp(
                name, services[name], manifest.endpoints,
                store=store, coordination=coordination, clock=clock, verifier=verifier, workers=workers,
                administration=Administration(
                    name, store, bus, clock, ids, handlers=_handlers(manifest, services[name]),
                    histories=manifest.histories, checks=management.outcomes),
            )  # fmt: skip
        calls.bind((local[manifest.name], manifest.routes) for manifest in manifests)

        # Services to the way in.
        offered = {one.name: (apps[one.name], one.routes) for one in every if one.name in apps}
        entry: Gateway | InternalIngress
        renewal: RouteRenewal | None = None
        if GATEWAY in parts:
            routing = Routing(offered)
            entry = Gateway(
                routing,
                settings=settings,
                key=secrets.gateway_key,
                metrics_token=secrets.metrics_token,
                verifier=verifier,
                passes=passes,
                coordination=coordination,
                clock=clock,
                ids=ids,
                management=management,
                web_app=WebApp(find_folder(settings.web_folder), workers),
                access_log=_access_log(settings, stack) if access_log else None,
            )
            client.bind(entry)
            if proxies:
                asked = {name: AsgiClient(proxy) for name, proxy in proxies.items()}
                renewal = RouteRenewal(routing, asked, clock)
        else:
            entry = InternalIngress(offered, settings=settings, management=management)

        # Background work.
        app = Running(
            settings=settings, secrets=secrets, clock=clock, ids=ids, client=client, calls=calls,
            stores=stores, bus=bus, coordination=coordination, entry=entry, services=services,
            consistency=consistency, jobs=jobs,
            drain_seconds=settings.drain_seconds if proxies else 0,
        )  # fmt: skip
        if background:
            await _start_delivery(app, manifests, stack)
            app.start("ended tokens watch", ended.watch)
            app.start("ended tokens listen", ended.listen)
            app.start("load", entry.load.watch)
            if GATEWAY in parts and "line" in apps:
                app.start("events with a line", passes.watch)
            if renewal is not None:
                app.start("routes", renewal.run)
            if own_bus is not None:
                app.start("bus", own_bus.purge_expired)
            if stores:
                app.start("vouching", consistency.run)
        stack.push_async_callback(_stop_all, app._work)
        stack.callback(entry.stop)
        yield app


async def _open_stores(
    stack: AsyncExitStack, settings: Settings, manifests: Sequence[Manifest[Any]], clock: Clock, ids: Ids
) -> dict[str, Store]:
    """By service. Raises `Unavailable` for a damaged one and `StoresDiffer` for one that the others doubt,
    before any is opened for writing."""
    own = [manifest.name for manifest in manifests]
    if own:
        await factory.refuse_damaged(settings, own)
        await store_consistency.refuse_inconsistent(settings, own)
    return {
        manifest.name: await stack.enter_async_context(opened_store(settings, manifest, clock=clock, ids=ids))
        for manifest in manifests
    }


async def _consistency_monitor(
    stack: AsyncExitStack,
    settings: Settings,
    stores: Mapping[str, Store],
    clock: Clock,
    ids: Ids,
    bus: Bus | None,
) -> ConsistencyMonitor:
    read_watermarks = await stack.enter_async_context(store_consistency.watermark_reader(settings, stores))
    consistency = ConsistencyMonitor(stores, read_watermarks, clock, ids, bus=bus)
    if stores:
        await consistency.start()
        stack.push_async_callback(consistency.stop)
    return consistency


def _watched(
    coordination: Coordination,
    consistency: ConsistencyMonitor,
    jobs: BackgroundJobs,
    bus: Bus | None,
    proxies: Mapping[str, ServiceProxy],
) -> dict[str, Check]:
    """What `/readyz` tells and a process is ready without."""
    watched: dict[str, Check] = {
        "coordination": coordination.ready,
        "stores": consistency.ready,
        "jobs": jobs.check,
    }
    if bus is not None:
        watched["bus"] = bus.ready  # while it is away, messages wait in the outbox, and sales go on
    for name, proxy in proxies.items():
        watched[name if name == GATEWAY else f"{name} service"] = proxy.ready
    return watched


def _refuse_what_can_not_work(
    settings: Settings, parts: Collection[str], *, has_bus: bool, has_locks: bool
) -> None:
    """Raises `SettingsError`, with one sentence for each thing that is missing."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown or not parts:
        raise ValueError(f"a process runs some of {', '.join(PARTS)}, not {', '.join(unknown) or 'nothing'}")
    errors: dict[str, str] = {}
    for name in _elsewhere(parts, settings):
        if not settings.copies(name):
            who = f"a gateway without the {name} service" if name != GATEWAY else "a service by itself"
            errors[f"HOUSEFUL_{name.upper()}_URL"] = f"is missing: {who} has to know where one runs"
    if _elsewhere(parts, settings):
        runs_services = set(parts) != {GATEWAY}
        if runs_services and not has_bus and not factory.is_shared(settings.store_url):
            errors["HOUSEFUL_STORE_URL"] = (
                "a service by itself needs a store for all copies of it: mongodb://…"
            )
        if runs_services and not has_bus and not factory.is_shared(settings.bus_url):
            errors["HOUSEFUL_BUS_URL"] = (
                "a service by itself needs a bus that the others reach too: kafka://…"
            )
        if not has_locks and not factory.is_shared(settings.coordination_url):
            errors["HOUSEFUL_COORDINATION_URL"] = (
                "a part by itself needs locks, limits and signals that the others see too: redis://…"
            )
    if errors:
        raise SettingsError(errors)


def _elsewhere(parts: Collection[str], settings: Settings) -> list[str]:
    """What a process with these parts needs and does not run itself."""
    if GATEWAY in parts:
        left_out = {name for name in OPTIONAL_SERVICES if not settings.copies(name)}
        return [name for name in SERVICES if name not in parts and name not in left_out]
    return [GATEWAY]


def _proxy(name: str, settings: Settings, clock: Clock, stack: AsyncExitStack) -> ServiceProxy:
    proxy = (
        ServiceProxy(name, settings.copies(name), clock=clock)
        if name != GATEWAY
        else ServiceProxy(name, settings.copies(name), clock=clock, answer_seconds=CALL_SECONDS)
    )
    proxy.start()
    stack.push_async_callback(proxy.close)
    return proxy


def platform_of(
    settings: Settings,
    secrets: Secrets,
    store: Store,
    coordination: Coordination,
    clock: Clock,
    ids: Ids,
    client: ServiceClient,
    mailer: Mailer,
    workers: Workers,
) -> Platform:
    return Platform(
        settings=settings,
        secrets=secrets,
        store=store,
        coordination=coordination,
        clock=clock,
        ids=ids,
        client=client,
        payment_gateway=HttpPaymentGateway(client, secrets.payments_key),
        mailer=mailer,
        workers=workers,
    )


def _access_log(settings: Settings, stack: AsyncExitStack) -> AccessLog | None:
    if settings.log_level not in ("debug", "info"):
        return None
    access_log = AccessLog(settings.log_style)
    stack.callback(access_log.flush)
    return access_log


async def _start_delivery(app: Running, manifests: Sequence[Manifest[Any]], stack: AsyncExitStack) -> None:
    """Relays and consumers, which stop after everything else has, and the services' jobs."""
    if app.bus is None:
        return
    delivery: set[asyncio.Task[None]] = set()
    stack.push_async_callback(_stop_all, delivery)
    for manifest in manifests:
        name, store, service = manifest.name, app.stores[manifest.name], app.services[manifest.name]
        handlers = _handlers(manifest, service)
        work = {"consumer": Consumer(store, app.bus, app.clock, app.ids, service=name, handlers=handlers).run}
        if app.settings.relay == "on":
            work["relay"] = Relay(store, app.bus, app.coordination, app.clock, app.ids, service=name).run
            work["outbox watch"] = store.watch_outbox
        for what, run in work.items():
            delivery.add(asyncio.create_task(app.jobs.supervise(f"{name} {what}", run)))
        for job in manifest.jobs:
            app.start(f"{name} {job.__name__}", partial(job, service))


def _handlers(manifest: Manifest[Any], service: Any) -> dict[type[Message], Handler]:
    return {message: partial(handle, service) for message, handle in manifest.handlers.items()}


async def _stop_all(tasks: "set[asyncio.Task[None]]") -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
