"""The wiring, and the only file that knows how an installation is put together.

    settings → adapters → services → gateway → background work

It is decided here, and nowhere else, whether a service is an application in this process or somewhere else,
and which adapter stands behind each port.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from houseful import events, payments, store_consistency, tickets, users
from houseful.adapters import factory
from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.http.payment_gateway import HttpPaymentGateway
from houseful.adapters.http.proxy import ServiceProxy
from houseful.adapters.processes.pool import WorkerProcesses, WorkHere
from houseful.gateway import AccessLog, Gateway, InternalIngress, ManagementEndpoints, WebApp, find_folder
from houseful.kernel.background import Jobs
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Document
from houseful.kernel.ids import SystemIds
from houseful.kernel.network_addresses import own_address
from houseful.kernel.ports import Bus, Clock, Coordination, Ids, Mailer, Store, Workers
from houseful.kernel.store_watermarks import VOUCHING_DOCUMENTS
from houseful.kernel.telemetry import get_logger
from houseful.messaging import DELIVERY_DOCUMENTS, Consumer, Relay
from houseful.settings import SERVICES, Secrets, Settings, SettingsError, load_secrets
from houseful.store_consistency import Vouching
from houseful.webapi.auth import TokenVerifier
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.endpoint import App, Endpoint
from houseful.webapi.manifest import Manifest, Platform
from houseful.webapi.revoked_tokens import EndedTokens

S = TypeVar("S")

log = get_logger(__name__)

MANIFESTS: tuple[Manifest[Any], ...] = (users.MANIFEST, events.MANIFEST, tickets.MANIFEST, payments.MANIFEST)
GATEWAY = "gateway"
PARTS = (GATEWAY, *SERVICES)
"""What a process may run; one that runs them all needs no other."""

_CALL_SECONDS = 15.0


@dataclass
class Running:
    """The started parts of an installation. `entry` answers requests; `client` is the way to the gateway."""

    settings: Settings
    secrets: Secrets
    clock: Clock
    ids: Ids
    client: AsgiClient
    stores: dict[str, Store]
    bus: Bus | None
    coordination: Coordination
    entry: Gateway | InternalIngress
    services: dict[str, Any]
    vouching: Vouching
    jobs: Jobs
    _work: "set[asyncio.Task[None]]" = field(default_factory=set)

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        """Run `work` until it returns or all of this stops; what raises is started again after a pause."""
        task = asyncio.create_task(self.jobs.supervise(name, work), name=name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def documents_of(manifest: Manifest[Any]) -> tuple[type[Document], ...]:
    return tuple(dict.fromkeys((*manifest.documents, *DELIVERY_DOCUMENTS, *VOUCHING_DOCUMENTS)))


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

    A `bus`, a `coordination` and `workers` that are given are shared with others, and stay open. Without
    `background` no relay, consumer or job runs: for tests that take each step themselves. Raises
    `FolderInUse`, `SettingsError`, `StoresDiffer`, and `Unavailable` for what can't be opened.
    """
    _refuse_what_can_not_work(settings, parts, has_bus=bus is not None, has_locks=coordination is not None)
    clock, ids = clock or SystemClock(), ids or SystemIds()
    manifests = [manifest for manifest in MANIFESTS if manifest.name in parts]
    whole = len(manifests) == len(MANIFESTS) and GATEWAY in parts
    async with AsyncExitStack() as stack:
        if manifests:
            stack.enter_context(factory.folder_if_needed(settings))
        secrets = secrets or load_secrets(settings, make=whole)
        if workers is None:
            workers = WorkerProcesses()
            stack.push_async_callback(workers.close)
        mailer = mailer or _mailer(settings, clock, workers)
        own = [manifest.name for manifest in manifests]
        if own:
            await factory.refuse_damaged(settings, own)
            await store_consistency.refuse_doubtful(settings, own)
        stores = {
            manifest.name: await stack.enter_async_context(
                opened_store(settings, manifest, clock=clock, ids=ids)
            )
            for manifest in manifests
        }
        own_bus = bus is None and bool(manifests)
        if own_bus:
            bus = await stack.enter_async_context(factory.opened_bus(settings, clock=clock))
        if coordination is None:
            coordination = factory.open_coordination(settings, clock=clock)
            stack.push_async_callback(coordination.close)

        look = await stack.enter_async_context(store_consistency.looking(settings, stores))
        vouch = Vouching(stores, look, clock, ids, bus=bus)
        if stores:
            await vouch.begin()
            stack.push_async_callback(vouch.end)

        proxies = {name: _proxy(name, settings, clock, stack) for name in _elsewhere(parts)}
        if GATEWAY in parts:
            client = AsgiClient()
        else:
            client = AsgiClient(proxies[GATEWAY], always={"x-internal-key": secrets.gateway_key})
        ended = EndedTokens(client, coordination, clock)
        verifier = TokenVerifier(client, clock, ended)
        services, apps = {}, {}
        for manifest in manifests:
            store = stores[manifest.name]
            platform = _platform(settings, secrets, store, coordination, clock, ids, client, mailer, workers)
            service = services[manifest.name] = manifest.build(platform)
            apps[manifest.name] = ServiceApp(
                manifest.name, service, manifest.endpoints,
                store=store, coordination=coordination, clock=clock, verifier=verifier, workers=workers,
            )  # fmt: skip
        checks = {f"{name} store": store.ready for name, store in stores.items()}
        jobs = Jobs(clock)
        watched = {"coordination": coordination.ready, "stores": vouch.ready, "jobs": jobs.check}
        if bus is not None:
            watched["bus"] = bus.ready  # what is sent waits in its outbox, and sales go on
        for name, proxy in proxies.items():
            watched[name if name == GATEWAY else f"{name} service"] = proxy.ready
        offered: dict[str, tuple[App, tuple[Endpoint, ...]]] = {
            manifest.name: (apps.get(manifest.name) or proxies[manifest.name], manifest.endpoints)
            for manifest in MANIFESTS
            if manifest.name in apps or manifest.name in proxies
        }
        management = ManagementEndpoints(
            [(name, endpoints) for name, (_, endpoints) in offered.items()], checks, watched
        )
        entry: Gateway | InternalIngress
        if GATEWAY in parts:
            entry = _gateway(
                settings, secrets, offered, verifier, coordination, clock, ids, management, workers,
                _access_log(settings, stack) if access_log else None,
            )  # fmt: skip
            client.bind(entry)
        else:
            entry = InternalIngress(offered, settings=settings, management=management)

        app = Running(
            settings, secrets, clock, ids, client, stores, bus, coordination, entry, services, vouch, jobs
        )
        if background:
            await _start_background(app, stack)
            app.start("ended tokens watch", ended.watch)
            app.start("ended tokens listen", ended.listen)
            app.start("load", entry.load.watch)
            if own_bus and bus is not None:
                app.start("bus", bus.keep_house)
            if stores:
                app.start("vouching", vouch.run)
        stack.push_async_callback(_stop_all, app._work)
        stack.callback(entry.stop)
        yield app


def _refuse_what_can_not_work(
    settings: Settings, parts: Collection[str], *, has_bus: bool, has_locks: bool
) -> None:
    """Raises `SettingsError`, with one sentence for each thing that is missing."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown or not parts:
        raise ValueError(f"a process runs some of {', '.join(PARTS)}, not {', '.join(unknown) or 'nothing'}")
    errors: dict[str, str] = {}
    for name in _elsewhere(parts):
        if not settings.copies(name):
            who = f"a gateway without the {name} service" if name != GATEWAY else "a service by itself"
            errors[f"HOUSEFUL_{name.upper()}_URL"] = f"is missing: {who} has to know where one runs"
    if _elsewhere(parts):
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


def _elsewhere(parts: Collection[str]) -> list[str]:
    """What a process with these parts needs and does not run itself."""
    if GATEWAY in parts:
        return [name for name in SERVICES if name not in parts]
    return [GATEWAY]


def _proxy(name: str, settings: Settings, clock: Clock, stack: AsyncExitStack) -> ServiceProxy:
    proxy = (
        ServiceProxy(name, settings.copies(name), clock=clock)
        if name != GATEWAY
        else ServiceProxy(name, settings.copies(name), clock=clock, answer_seconds=_CALL_SECONDS)
    )
    proxy.start()
    stack.push_async_callback(proxy.close)
    return proxy


def _platform(
    settings: Settings,
    secrets: Secrets,
    store: Store,
    coordination: Coordination,
    clock: Clock,
    ids: Ids,
    client: AsgiClient,
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


@asynccontextmanager
async def open_service_offline(settings: Settings, manifest: Manifest[S]) -> AsyncIterator[S]:
    """One service on its store, for a tool that works whether the server runs or not. It can't call the
    others."""
    clock, ids = SystemClock(), SystemIds()
    secrets = load_secrets(settings, make=not factory.is_shared(settings.store_url))
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings, manifest, clock=clock, ids=ids))
        coordination = factory.open_coordination(settings, clock=clock)
        stack.push_async_callback(coordination.close)
        workers = WorkHere()
        mailer = _mailer(settings, clock, workers)
        yield manifest.build(
            _platform(settings, secrets, store, coordination, clock, ids, AsgiClient(), mailer, workers)
        )


@asynccontextmanager
async def gateway_client(settings: Settings) -> AsyncIterator[AsgiClient]:
    """The way to a running installation, for a tool on a machine that is part of it."""
    secrets = load_secrets(settings, make=False)
    urls = settings.copies(GATEWAY) or [_reachable(settings)]
    proxy = ServiceProxy(GATEWAY, urls, clock=SystemClock(), answer_seconds=_CALL_SECONDS)
    try:
        yield AsgiClient(proxy, always={"x-internal-key": secrets.gateway_key})
    finally:
        await proxy.close()


def _gateway(
    settings: Settings,
    secrets: Secrets,
    offered: Mapping[str, tuple[App, tuple[Endpoint, ...]]],
    verifier: TokenVerifier,
    coordination: Coordination,
    clock: Clock,
    ids: Ids,
    management: ManagementEndpoints,
    workers: Workers,
    access_log: AccessLog | None,
) -> Gateway:
    return Gateway(
        offered,
        settings=settings,
        key=secrets.gateway_key,
        metrics_token=secrets.metrics_token,
        verifier=verifier,
        coordination=coordination,
        clock=clock,
        ids=ids,
        management=management,
        web_app=WebApp(find_folder(settings.web_folder), workers),
        access_log=access_log,
    )


def _access_log(settings: Settings, stack: AsyncExitStack) -> AccessLog | None:
    if settings.log_level not in ("debug", "info"):
        return None
    access_log = AccessLog(settings.log_style)
    stack.callback(access_log.flush)
    return access_log


def _mailer(settings: Settings, clock: Clock, workers: Workers) -> Mailer:
    from houseful.adapters.smtp import FolderMailer, SmtpMailer  # the SMTP library takes a while to import

    try:
        if settings.mail_url.startswith("folder:"):
            named = settings.mail_url.removeprefix("folder:")
            folder = Path(named) if named else settings.data_folder / "mail"
            return FolderMailer(folder, sender=settings.mail_from, clock=clock, workers=workers)
        return SmtpMailer(settings.mail_url, sender=settings.mail_from, clock=clock, workers=workers)
    except ValueError as error:
        raise SettingsError({"HOUSEFUL_MAIL_URL / HOUSEFUL_MAIL_FROM": str(error)}) from error


async def _start_background(app: Running, stack: AsyncExitStack) -> None:
    if app.bus is None:
        return
    delivery: set[asyncio.Task[None]] = set()
    stack.push_async_callback(_stop_all, delivery)
    for manifest in MANIFESTS:
        if manifest.name not in app.services:
            continue
        name, store, service = manifest.name, app.stores[manifest.name], app.services[manifest.name]
        handlers = {message: partial(handle, service) for message, handle in manifest.handlers.items()}
        work = {"consumer": Consumer(store, app.bus, app.clock, app.ids, service=name, handlers=handlers).run}
        if app.settings.relay == "on":
            work["relay"] = Relay(store, app.bus, app.coordination, app.clock, app.ids, service=name).run
            work["outbox watch"] = store.watch_outbox
        for what, run in work.items():
            delivery.add(asyncio.create_task(app.jobs.supervise(f"{name} {what}", run)))
        for job in manifest.jobs:
            app.start(f"{name} {job.__name__}", partial(job, service))


async def _stop_all(tasks: "set[asyncio.Task[None]]") -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)


def freeze_gc() -> None:
    """Python's cyclic collector looks at everything that lives, ever again, and next to nothing here is a
    cycle: without this it took an eighth of each hold's time. What was made up to now is left alone for good,
    the rest is looked at less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(
    settings: Settings,
    *,
    parts: Collection[str] = PARTS,
    announce: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """These parts, until a signal ends them. `announce` gets the URL once requests are answered; `say`
    gets what else a person at the terminal wants to know. Raises what `running` does, and `PortTaken`.
    """
    from houseful.adapters.http.server import listen
    from houseful.adapters.http.server import serve as answer_requests

    fresh = settings.demo and not any(
        [await factory.store_exists(settings, manifest.name) for manifest in MANIFESTS]
    )
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        settings = _with_address(settings, listener.getsockname()[1], parts)
        async with running(settings, parts=parts) as app:

            def ready() -> None:
                freeze_gc()
                announce(_reachable(settings))
                if settings.demo:
                    from houseful.tools import demo

                    app.start("demo", partial(demo.fill, app, fresh=fresh, say=say))

            await answer_requests(
                app.entry,
                listener,
                drain_seconds=settings.drain_seconds if _elsewhere(parts) else 0,
                shutdown_seconds=settings.shutdown_seconds,
                on_ready=ready,
                on_draining=app.entry.drain,
                on_stopping=app.entry.stop,
                refuse=app.entry.refuse_unread,
            )


def _with_address(settings: Settings, port: int, parts: Collection[str]) -> Settings:
    """Where nobody says by which address others reach this installation, a usable one is taken for links, and
    said."""
    settings = replace(settings, port=port)
    if settings.public_url:
        return settings
    if GATEWAY in parts and settings.listens_everywhere:
        address = own_address()
        host = f"[{address}]" if ":" in address else address
        settings = replace(settings, public_url=f"http://{host}:{port}")
    elif GATEWAY in parts or "tickets" not in parts:
        return settings
    log.warning(
        "HOUSEFUL_PUBLIC_URL is not set: links in letters lead to an address that buyers may not reach. "
        "Set it to the one that they open",
        extra={"links": settings.base_url},
    )
    return settings


def _reachable(settings: Settings) -> str:
    """A URL for this machine."""
    return replace(settings, public_url="", gateway_url="").base_url
