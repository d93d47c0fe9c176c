"""Messages that wait for a person, over all services of an installation."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from houseful.adapters import factory
from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store
from houseful.manifests import MANIFESTS
from houseful.messaging import DeadLetter, Parked, list_dead, list_parked, replay, retry_dead, unpark
from houseful.settings import Settings
from houseful.tools.offline import open_service_offline
from houseful.webapi.manifest import Manifest

_HOUR_MILLIS = 3_600_000


async def all_parked(settings: Settings) -> list[tuple[str, Parked]]:
    found = []
    for manifest in await _with_stores(settings):
        async with _opened(settings, manifest, read_only=True) as store:
            found += [(manifest.name, parked) for parked in await list_parked(store)]
    return found


async def all_dead(settings: Settings) -> list[tuple[str, DeadLetter]]:
    found = []
    for manifest in await _with_stores(settings):
        async with _opened(settings, manifest, read_only=True) as store:
            found += [(manifest.name, letter) for letter in await list_dead(store)]
    return found


async def try_again(settings: Settings, service: str, key: str, *, accept_gap: bool) -> None:
    """Beside a running server, which does the work. Raises `ProblemError` where nothing waits under that
    key."""
    async with _opened(settings, _manifest(service)) as store:
        await unpark(store, key, accept_gap=accept_gap)


async def apply_dead(settings: Settings, service: str, id: str) -> None:
    """Beside a running server too: a message is applied to documents, in one transaction, and asks nobody
    else. Raises `ProblemError` where there is none or it still can't be understood.
    """
    manifest = _manifest(service)
    async with open_service_offline(settings, manifest) as built, _opened(settings, manifest) as store:
        handlers = {kind: partial(handle, built) for kind, handle in manifest.handlers.items()}
        await retry_dead(store, handlers, id)


async def send_again(
    settings: Settings, service: str, *, aggregate: tuple[str, str] | None, since_hours: float | None
) -> int:
    """How many. Raises `FolderInUse` where a server runs on an embedded bus, which has one writer."""
    manifest = _manifest(service)
    if manifest not in await _with_stores(settings):
        return 0
    clock = SystemClock()
    since = None if since_hours is None else clock.now() - round(since_hours * _HOUR_MILLIS)
    with factory.folder_if_needed(settings):
        async with (
            _opened(settings, manifest, read_only=True) as store,
            factory.opened_bus(settings, clock=clock) as bus,
        ):
            return await replay(store, bus, service, aggregate=aggregate, since=since)


def _manifest(service: str) -> Manifest[Any]:
    return next(manifest for manifest in MANIFESTS if manifest.name == service)


async def _with_stores(settings: Settings) -> list[Manifest[Any]]:
    return [manifest for manifest in MANIFESTS if await factory.store_exists(settings, manifest.name)]


def _opened(
    settings: Settings, manifest: Manifest[Any], *, read_only: bool = False
) -> AbstractAsyncContextManager[Store]:
    return opened_store(settings, manifest, clock=SystemClock(), ids=SystemIds(), read_only=read_only)
