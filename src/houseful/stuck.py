"""Messages that wait for a person, over all services of an installation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from houseful.adapters.sqlite import SqliteStore
from houseful.adapters.system import SystemClock, SystemIds
from houseful.app import MANIFESTS, open_store, running, store_file
from houseful.common.delivery import DeadLetter, Parked, list_dead, list_parked, replay, retry_dead, unpark
from houseful.common.service import Manifest
from houseful.settings import Settings

_HOUR_MILLIS = 3_600_000


async def all_parked(settings: Settings) -> list[tuple[str, Parked]]:
    found = []
    for manifest in _with_stores(settings):
        async with _opened(settings, manifest, read_only=True) as store:
            found += [(manifest.name, parked) for parked in await list_parked(store)]
    return found


async def all_dead(settings: Settings) -> list[tuple[str, DeadLetter]]:
    found = []
    for manifest in _with_stores(settings):
        async with _opened(settings, manifest, read_only=True) as store:
            found += [(manifest.name, letter) for letter in await list_dead(store)]
    return found


async def try_again(settings: Settings, service: str, key: str, *, accept_gap: bool) -> None:
    """Beside a running server, which does the work. Raises `Refusal` where nothing waits under that key."""
    async with _opened(settings, _manifest(service)) as store:
        await unpark(store, key, accept_gap=accept_gap)


async def apply_dead(settings: Settings, service: str, id: str) -> None:
    """Raises `Refusal` where there is none or it still can't be understood, and `FolderInUse` where the
    server runs."""
    manifest = _manifest(service)
    async with running(settings, background=False) as app:
        handlers = {
            kind: partial(handle, app.services[service]) for kind, handle in manifest.handlers.items()
        }
        await retry_dead(app.stores[service], handlers, id)


async def send_again(
    settings: Settings, service: str, *, aggregate: tuple[str, str] | None, since_hours: float | None
) -> int:
    """How many. Raises `FolderInUse` where the server runs: the embedded bus has one writer."""
    async with running(settings, background=False) as app:
        since = None if since_hours is None else app.clock.now() - round(since_hours * _HOUR_MILLIS)
        assert app.bus is not None, "it runs all services"
        return await replay(app.stores[service], app.bus, service, aggregate=aggregate, since=since)


def _manifest(service: str) -> Manifest[Any]:
    return next(manifest for manifest in MANIFESTS if manifest.name == service)


def _with_stores(settings: Settings) -> list[Manifest[Any]]:
    return [manifest for manifest in MANIFESTS if store_file(settings.data_folder, manifest.name).exists()]


@asynccontextmanager
async def _opened(
    settings: Settings, manifest: Manifest[Any], *, read_only: bool = False
) -> AsyncIterator[SqliteStore]:
    store = open_store(manifest, settings.data_folder, SystemClock(), SystemIds(), read_only=read_only)
    try:
        yield store
    finally:
        await store.close()
