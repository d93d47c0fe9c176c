"""One service without its server, and a client of a running gateway, for commands."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from houseful.adapters import factory
from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import CALL_SECONDS, GATEWAY, GATEWAY_KEY_HEADER, opened_store, platform_of
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.settings import Settings, load_secrets
from houseful.webapi.manifest import Manifest

S = TypeVar("S")


@asynccontextmanager
async def open_service_offline(settings: Settings, manifest: Manifest[S]) -> AsyncIterator[S]:
    """Open one service on its store, whether a server runs or not. It cannot call other services."""
    clock, ids = SystemClock(), SystemIds()
    shared = factory.is_shared(settings.store_url)
    secrets = load_secrets(settings, parts=[manifest.name], make=not shared)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings, manifest, clock=clock, ids=ids))
        coordination = factory.open_coordination(settings, clock=clock)
        stack.push_async_callback(coordination.close)
        workers = InlineWorkers()
        mailer = factory.open_mailer(settings, clock=clock, workers=workers)
        yield manifest.build(
            platform_of(settings, secrets, store, coordination, clock, ids, AsgiClient(), mailer, workers)
        )


@asynccontextmanager
async def gateway_client(settings: Settings) -> AsyncIterator[AsgiClient]:
    """A client of a running installation's gateway, for a command on a machine of that installation."""
    from houseful.adapters.http.proxy import ServiceProxy

    secrets = load_secrets(settings, parts=[GATEWAY], make=False)
    urls = settings.copies(GATEWAY) or [settings.local_url]
    proxy = ServiceProxy(GATEWAY, urls, clock=SystemClock(), answer_seconds=CALL_SECONDS)
    try:
        yield AsgiClient(proxy, always={GATEWAY_KEY_HEADER: secrets.gateway_key})
    finally:
        await proxy.close()
