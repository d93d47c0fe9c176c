"""The wiring, and the only file that knows how an installation is put together.

    settings → adapters → services → gateway → background work

It is decided here, and nowhere else, whether a service is an application in this process or somewhere else,
and which adapter stands behind each port.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from houseful import events, payments, tickets, users
from houseful.adapters import folder_lock
from houseful.adapters.asgi_client import AsgiClient
from houseful.adapters.gateway_client import HttpPaymentGateway
from houseful.adapters.local_bus import LocalBus
from houseful.adapters.local_coordination import LocalCoordination
from houseful.adapters.sqlite import SqliteStore
from houseful.adapters.system import SystemClock, SystemIds
from houseful.common.auth import TokenVerifier
from houseful.common.delivery import DELIVERY_DOCUMENTS, Consumer, Relay
from houseful.common.dispatch import ServiceApp
from houseful.common.documents import Document
from houseful.common.errors import Transient
from houseful.common.http import App, Endpoint
from houseful.common.ports import Clock, Coordination, Ids, Mailer
from houseful.common.service import Manifest, Platform
from houseful.common.telemetry import get_logger
from houseful.gateway import AccessLog, Gateway, Operations, WebApp, find_folder
from houseful.settings import Secrets, Settings, SettingsError, load_secrets

S = TypeVar("S")

log = get_logger(__name__)

MANIFESTS: tuple[Manifest[Any], ...] = (users.MANIFEST, events.MANIFEST, tickets.MANIFEST, payments.MANIFEST)

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_BUS_KEPT_MILLIS = 7 * 24 * 3600 * 1000
_BUS_PRUNE_SECONDS = 3600.0


class WallAndStopwatch(Clock, Protocol):
    """What `SystemClock` and `ManualClock` are."""

    def monotonic(self) -> float: ...


@dataclass
class Running:
    """A started installation. `gateway` answers requests; `client` is the way to it from this process."""

    settings: Settings
    secrets: Secrets
    clock: WallAndStopwatch
    ids: Ids
    client: AsgiClient
    stores: dict[str, SqliteStore]
    bus: LocalBus
    coordination: Coordination
    gateway: Gateway
    services: dict[str, Any]
    _work: "set[asyncio.Task[None]]" = field(default_factory=set)

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        """Run `work` until it returns or all of this stops; what raises is started again after a pause."""
        task = asyncio.create_task(_supervised(name, work, self.clock), name=name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def store_file(data: Path, service: str) -> Path:
    return data / f"{service}.sqlite3"


def bus_file(data: Path) -> Path:
    return data / "bus.sqlite3"


def documents_of(manifest: Manifest[Any]) -> tuple[type[Document], ...]:
    return tuple(dict.fromkeys((*manifest.documents, *DELIVERY_DOCUMENTS)))


def open_store(
    manifest: Manifest[Any], data: Path, clock: Clock, ids: Ids, *, read_only: bool = False
) -> SqliteStore:
    """Raises `Unavailable`."""
    return SqliteStore.open(
        store_file(data, manifest.name), documents_of(manifest), clock=clock, ids=ids, read_only=read_only
    )


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: WallAndStopwatch | None = None,
    ids: Ids | None = None,
    secrets: Secrets | None = None,
    mailer: Mailer | None = None,
    coordination: Coordination | None = None,
    background: bool = True,
    access_log: bool = True,
) -> AsyncIterator[Running]:
    """Start everything, and stop it in the reverse order: background work, messages, stores.

    Without `background` no relay, consumer or job runs: for tests that take each step themselves. Raises
    `FolderInUse`, `SettingsError`, and `Unavailable` for what can't be opened.
    """
    clock, ids = clock or SystemClock(), ids or SystemIds()
    data = settings.data_folder
    async with AsyncExitStack() as stack:
        stack.enter_context(folder_lock.hold(data))
        secrets = secrets or load_secrets(settings)
        mailer = mailer or _mailer(settings, clock)
        stores = {}
        for manifest in MANIFESTS:
            stores[manifest.name] = open_store(manifest, data, clock, ids)
            stack.push_async_callback(stores[manifest.name].close)
        bus = LocalBus.open(bus_file(data), clock=clock)
        stack.push_async_callback(bus.close)
        if coordination is None:
            coordination = LocalCoordination(clock)
            stack.push_async_callback(coordination.close)

        client = AsgiClient()
        verifier = TokenVerifier(client, clock)
        services, apps = {}, {}
        for manifest in MANIFESTS:
            store = stores[manifest.name]
            platform = _platform(settings, secrets, store, coordination, clock, ids, client, mailer)
            service = services[manifest.name] = manifest.build(platform)
            apps[manifest.name] = ServiceApp(
                manifest.name, service, manifest.endpoints,
                store=store, coordination=coordination, clock=clock, verifier=verifier,
            )  # fmt: skip
        checks = {f"{name} store": store.ready for name, store in stores.items()}
        checks |= {"bus": bus.ready, "coordination": coordination.ready}
        log_of_requests = (
            AccessLog(settings.log_style) if access_log and settings.log_level in ("debug", "info") else None
        )
        if log_of_requests is not None:
            stack.callback(log_of_requests.flush)
        gateway = _gateway(settings, apps, verifier, coordination, ids, checks, log_of_requests)
        client.bind(gateway)

        app = Running(settings, secrets, clock, ids, client, stores, bus, coordination, gateway, services)
        if background:
            await _start_background(app, stack)
        stack.push_async_callback(_stop_all, app._work)
        stack.callback(gateway.stop)
        yield app


def _platform(
    settings: Settings,
    secrets: Secrets,
    store: SqliteStore,
    coordination: Coordination,
    clock: Clock,
    ids: Ids,
    client: AsgiClient,
    mailer: Mailer,
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
    )


@asynccontextmanager
async def beside(settings: Settings, manifest: Manifest[S]) -> AsyncIterator[S]:
    """One service on its store, for a tool that works whether the server runs or not. It can't call the
    others."""
    clock, ids = SystemClock(), SystemIds()
    secrets = load_secrets(settings)
    async with AsyncExitStack() as stack:
        store = open_store(manifest, settings.data_folder, clock, ids)
        stack.push_async_callback(store.close)
        coordination = LocalCoordination(clock)
        mailer = _mailer(settings, clock)
        yield manifest.build(
            _platform(settings, secrets, store, coordination, clock, ids, AsgiClient(), mailer)
        )


def _gateway(
    settings: Settings,
    apps: Mapping[str, App],
    verifier: TokenVerifier,
    coordination: Coordination,
    ids: Ids,
    checks: Mapping[str, Callable[[], Awaitable[None]]],
    access_log: AccessLog | None,
) -> Gateway:
    offered: dict[str, tuple[App, tuple[Endpoint, ...]]] = {
        manifest.name: (apps[manifest.name], manifest.endpoints) for manifest in MANIFESTS
    }
    described = [(name, endpoints) for name, (_, endpoints) in offered.items()]
    return Gateway(
        offered,
        settings=settings,
        verifier=verifier,
        coordination=coordination,
        ids=ids,
        operations=Operations(described, checks),
        web_app=WebApp(find_folder(settings.web_folder)),
        access_log=access_log,
    )


def _mailer(settings: Settings, clock: Clock) -> Mailer:
    from houseful.adapters.mail import FolderMailer, SmtpMailer  # the SMTP library takes a while to import

    try:
        if settings.mail_url.startswith("folder:"):
            named = settings.mail_url.removeprefix("folder:")
            folder = Path(named) if named else settings.data_folder / "mail"
            return FolderMailer(folder, sender=settings.mail_from, clock=clock)
        return SmtpMailer(settings.mail_url, sender=settings.mail_from, clock=clock)
    except ValueError as error:
        raise SettingsError({"HOUSEFUL_MAIL_URL / HOUSEFUL_MAIL_FROM": str(error)}) from error


async def _start_background(app: Running, stack: AsyncExitStack) -> None:
    delivery: set[asyncio.Task[None]] = set()
    stack.push_async_callback(_stop_all, delivery)
    for manifest in MANIFESTS:
        name, store, service = manifest.name, app.stores[manifest.name], app.services[manifest.name]
        relay = Relay(store, app.bus, app.coordination, app.clock, app.ids, service=name)
        handlers = {message: partial(handle, service) for message, handle in manifest.handlers.items()}
        consumer = Consumer(store, app.bus, app.clock, app.ids, service=name, handlers=handlers)
        delivery.add(asyncio.create_task(_supervised(f"{name} relay", relay.run, app.clock)))
        delivery.add(asyncio.create_task(_supervised(f"{name} consumer", consumer.run, app.clock)))
        for job in manifest.jobs:
            app.start(f"{name} {job.__name__}", partial(job, service))
    app.start("bus prune", partial(_prune_bus, app))


async def _prune_bus(app: Running) -> None:
    """Messages that everybody has, and that are older than what the outboxes keep, are only in the way."""
    while True:
        await app.clock.sleep(_BUS_PRUNE_SECONDS)
        await app.bus.prune(app.clock.now() - _BUS_KEPT_MILLIS)


async def _supervised(name: str, work: Callable[[], Awaitable[None]], clock: WallAndStopwatch) -> None:
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        began = clock.monotonic()
        try:
            await work()
            return
        except Transient as error:
            log.warning("waiting to start again", extra={"job": name, "error": str(error)})
        except Exception:
            log.exception("a bug ended a job; it is started again", extra={"job": name})
        if clock.monotonic() - began > _LONGEST_PAUSE_SECONDS:
            pause_seconds = _FIRST_PAUSE_SECONDS
        await clock.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)


async def _stop_all(tasks: "set[asyncio.Task[None]]") -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)


def spare_the_collector() -> None:
    """Python's cyclic collector looks at everything that lives, ever again, and next to nothing here is a
    cycle: without this it took an eighth of each hold's time. What was made up to now is left alone for good,
    the rest is looked at less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(settings: Settings, *, announce: Callable[[str], None], say: Callable[[str], None]) -> None:
    """The whole server, until a signal ends it. `announce` gets the URL once requests are answered; `say`
    gets what else a person at the terminal wants to know. Raises what `running` does, and `PortTaken`.
    """
    from houseful.adapters.uvicorn_server import listen
    from houseful.adapters.uvicorn_server import serve as answer_requests

    fresh = not any(store_file(settings.data_folder, manifest.name).exists() for manifest in MANIFESTS)
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        async with running(settings) as app:

            def ready() -> None:
                spare_the_collector()
                announce(_reachable(settings))
                if settings.demo:
                    from houseful import demo

                    app.start("demo", partial(demo.fill, app, fresh=fresh, say=say))

            await answer_requests(
                app.gateway,
                listener,
                shutdown_seconds=settings.shutdown_seconds,
                on_ready=ready,
                on_stopping=app.gateway.stop,
            )


def _reachable(settings: Settings) -> str:
    """A URL for this machine; what listens on all addresses is reached on its own."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - it is compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
