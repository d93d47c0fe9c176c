"""The server process: some parts of an installation behind the HTTP server, until a signal."""

import contextlib
import gc
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from msgspec.structs import replace

from houseful.adapters import factory
from houseful.app import GATEWAY, PARTS, Running, running
from houseful.kernel.network_addresses import own_address
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.settings import SERVICES, Settings

log = get_logger(__name__)

Fill = Callable[[Running, bool], Awaitable[None]]
"""Fills an installation with content; the second argument says whether its stores were empty at the start."""


async def serve(
    settings: Settings,
    *,
    parts: Collection[str] = PARTS,
    announce: Callable[[str], None],
    fill: Fill | None = None,
    clock: Clock | None = None,
) -> None:
    """Run these parts until SIGTERM or SIGINT.

    `announce` gets the URL once requests are answered. `fill` runs in the background from then on. `clock` is
    the machine's by default. Raises the errors of `running`, and `PortTaken`.
    """
    from houseful.adapters.http.server import listen
    from houseful.adapters.http.server import serve as answer_requests

    fresh = fill is not None and not any([await factory.store_exists(settings, name) for name in SERVICES])
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        settings = _with_address(settings, listener.getsockname()[1], parts)
        async with running(settings, parts=parts, clock=clock) as app:

            def ready() -> None:
                freeze_gc()
                announce(settings.local_url)
                if fill is not None:
                    app.start("fill", partial(fill, app, fresh))

            await answer_requests(
                app.entry,
                listener,
                drain_seconds=app.drain_seconds,
                shutdown_seconds=settings.shutdown_seconds,
                on_ready=ready,
                on_draining=app.entry.drain,
                on_stopping=app.entry.stop,
                refuse=app.entry.refuse_unread,
            )


def freeze_gc() -> None:
    """Exempt all objects made so far from garbage collection, and collect less often.

    A full collection walks every live object, and next to nothing here is a cycle: without this it took an
    eighth of each hold's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _with_address(settings: Settings, port: int, parts: Collection[str]) -> Settings:
    """The settings with the port that was bound. Without HOUSEFUL_PUBLIC_URL, links lead to an address of
    this machine, and a warning says so."""
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
