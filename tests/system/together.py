"""Every service by itself, and all of them in one event loop: each with its store and its port, calling the
others by HTTP through the gateway; the bus and the coordination are shared.

python -m tests.system.together --data FOLDER

starts the same in a process of its own, which says `ready: URL` and ends by SIGTERM.
"""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from houseful.adapters.factory import bus_file, store_file
from houseful.adapters.http.server import listen
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.bus import LocalBus
from houseful.app import GATEWAY, Running, running
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Clock, Coordination
from houseful.kernel.telemetry import configure_logging
from houseful.settings import SERVICES, Secrets, Settings, load_secrets, load_settings
from tests.system.fault_proxy import FaultProxy
from tests.system.serving import Servers, fault_proxy_to, url_of


@asynccontextmanager
async def together(
    settings: Settings,
    *,
    clock: Clock | None = None,
    coordination: Coordination | None = None,
    background: bool = True,
) -> AsyncIterator[tuple[Running, FaultProxy]]:
    """All parts as if they were one, and the fault proxy through which services call the gateway. The URL of
    the gateway is `settings.gateway_url`. The data folder looks as if one process had it: tools work on it.
    """
    clock = clock or SystemClock()
    data = settings.data_folder
    secrets = load_secrets(settings)
    async with AsyncExitStack() as stack:
        listeners = {name: listen("127.0.0.1", 0) for name in (GATEWAY, "fault_proxy", *SERVICES)}
        settings = replace(
            settings,
            port=listeners[GATEWAY].getsockname()[1],
            gateway_url=url_of(listeners[GATEWAY]),
            mail_url=f"folder:{data / 'mail'}",
            **{f"{name}_url": url_of(listeners[name]) for name in SERVICES},
        )
        servers = Servers()
        bus = LocalBus.open(bus_file(data), clock=clock)
        stack.push_async_callback(bus.close)
        if coordination is None:
            coordination = LocalCoordination(clock)
            stack.push_async_callback(coordination.close)

        async def start(part: str, its_settings: Settings) -> Running:
            app = await stack.enter_async_context(
                running(
                    its_settings, parts={part}, clock=clock, secrets=secrets, bus=bus,
                    coordination=coordination, workers=InlineWorkers(), background=background,
                    access_log=False,
                )
            )  # fmt: skip
            await servers.add(app.entry, listeners[part], on_stopping=app.entry.stop)
            return app

        fault_proxy = await stack.enter_async_context(
            fault_proxy_to([settings.gateway_url], listeners["fault_proxy"])
        )
        parts = {name: await start(name, _service(settings, name, listeners)) for name in SERVICES}
        gateway = await start(GATEWAY, settings)
        stack.push_async_callback(servers.close)
        yield _as_one(settings, secrets, clock, parts, gateway, bus, coordination), fault_proxy


def _service(settings: Settings, name: str, listeners: dict[str, Any]) -> Settings:
    """In a data folder of its own, from which a link leads to where tools look for the store."""
    folder = settings.data_folder / "services" / name
    folder.mkdir(parents=True, exist_ok=True)
    link = store_file(folder, name)
    if not link.is_symlink():
        link.symlink_to(store_file(settings.data_folder, name).absolute())
    return replace(
        settings,
        data=str(folder),
        gateway_url=url_of(listeners["fault_proxy"]),
        port=listeners[name].getsockname()[1],
        public_url=settings.base_url,
    )


def _as_one(
    settings: Settings,
    secrets: Secrets,
    clock: Clock,
    parts: dict[str, Running],
    gateway: Running,
    bus: LocalBus,
    coordination: Coordination,
) -> Running:
    return Running(
        settings,
        secrets,
        clock,
        SystemIds(),
        gateway.client,
        gateway.calls,
        {name: part.stores[name] for name, part in parts.items()},
        bus,
        coordination,
        gateway.entry,
        {name: part.services[name] for name, part in parts.items()},
        gateway.consistency,
        gateway.jobs,
    )


async def _run(data: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    settings = load_settings(data=str(data))
    configure_logging(level=settings.log_level, style=settings.log_style)
    async with together(settings) as (app, _):
        print(f"ready: {app.settings.gateway_url}", flush=True)
        await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    asyncio.run(_run(parser.parse_args().data))


if __name__ == "__main__":
    main()
