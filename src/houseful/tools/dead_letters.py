"""Dead-letter operations over all services of an installation: list, unpark, retry, replay."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from houseful.adapters import factory
from houseful.administration import Administration
from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Bus, Store
from houseful.manifests import MANIFESTS
from houseful.messages import Message
from houseful.messaging import DeadLetter, Handler, Parked, list_dead, list_parked
from houseful.settings import Settings
from houseful.tools.offline import open_service_offline
from houseful.webapi.audit import COMMAND_LINE
from houseful.webapi.manifest import Manifest


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


async def unpark_key(settings: Settings, service: str, key: str, *, accept_gap: bool) -> None:
    """Mark a parked key for another attempt, which the running server makes.

    Raises `DomainError` where no such key is parked.
    """
    async with _opened(settings, _manifest(service)) as store:
        await _administration(service, store).unpark(key, COMMAND_LINE, accept_gap=accept_gap)


async def retry_dead_letter(settings: Settings, service: str, id: str) -> None:
    """Apply a dead letter in one transaction. Safe while the server runs.

    Raises `DomainError` where there is no such letter or this version can't parse it.
    """
    manifest = _manifest(service)
    async with open_service_offline(settings, manifest) as built, _opened(settings, manifest) as store:
        handlers = {kind: partial(handle, built) for kind, handle in manifest.handlers.items()}
        await _administration(service, store, handlers=handlers).retry_dead(id, COMMAND_LINE)


async def replay_outbox(
    settings: Settings, service: str, *, aggregate: tuple[str, str] | None, since_hours: float | None
) -> int:
    """Publish outbox rows again. Returns the number of messages.

    Raises `FolderInUse` where a server runs on an embedded bus, which has one writer.
    """
    manifest = _manifest(service)
    if manifest not in await _with_stores(settings):
        return 0
    with factory.folder_if_needed(settings):
        async with (
            _opened(settings, manifest) as store,
            factory.opened_bus(settings, clock=SystemClock()) as bus,
        ):
            return await _administration(service, store, bus).replay(
                COMMAND_LINE, lambda count: count, aggregate=aggregate, since_hours=since_hours
            )


def _administration(
    service: str,
    store: Store,
    bus: Bus | None = None,
    handlers: Mapping[type[Message], Handler] | None = None,
) -> Administration:
    return Administration(service, store, bus, SystemClock(), SystemIds(), handlers=handlers or {})


def _manifest(service: str) -> Manifest[Any]:
    return next(manifest for manifest in MANIFESTS if manifest.name == service)


async def _with_stores(settings: Settings) -> list[Manifest[Any]]:
    return [manifest for manifest in MANIFESTS if await factory.store_exists(settings, manifest.name)]


def _opened(
    settings: Settings, manifest: Manifest[Any], *, read_only: bool = False
) -> AbstractAsyncContextManager[Store]:
    return opened_store(settings, manifest, clock=SystemClock(), ids=SystemIds(), read_only=read_only)
