"""What each part and each engine of a split installation spends on a piece of an on-sale's work.

    python -m bench demands [--seconds=12] [--clients=100] [--into=bench/demands.json]

Every service by itself, on MongoDB, Kafka and Redis. The pieces: a purchase of two seats (hold, order, pay,
confirmed), a look at a line, joining it, and a seat map's look at what has changed. CPU of each process while
many do the same at once; what the processes use while nobody asks is measured first, taken off, and told
apart. `bench scale` computes with the file.
"""

import asyncio
import json
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.engines import Engines
from bench.holds import cpu_seconds
from bench.hops import ARRANGEMENTS, Installation
from bench.load import Tokens, request, run
from bench.sale import Sale, SaleBuyers
from houseful.tools.sample_venues import stadium

FILE = Path(__file__).with_name("demands.json")
SEATS = 60_000
_IDLE_SECONDS = 5.0
_WARM_SECONDS = 3.0
_CONNECTIONS = 16
_REQUESTS = 3_000


class Demands(msgspec.Struct, frozen=True):
    """Milliseconds of CPU of one piece of work, by station: a part, or an engine. `idle_share` is the share
    of a core that a station uses while nobody asks."""

    idle_share: dict[str, float]
    work_ms: dict[str, dict[str, float]]


def read(file: Path = FILE) -> Demands:
    return msgspec.json.decode(file.read_bytes(), type=Demands)


def main(arguments: Sequence[str]) -> None:
    options = dict(one.removeprefix("--").split("=", 1) for one in arguments)
    seconds, clients = float(options.get("seconds", 12)), int(options.get("clients", 100))
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines(Path(folder) / "engines") as engines,
        Installation(ARRANGEMENTS[-1], engines, Path(folder) / "data", "demands") as installation,
    ):
        found = asyncio.run(_measured(installation, engines, seconds, clients))
    for what, stations in found.work_ms.items():
        print(f"{what}: {_told(stations, ' ms')}; in all {sum(stations.values()):.2f} ms")
    print(f"idle: {_told(found.idle_share, ' of a core')}")
    if "into" in options:
        Path(options["into"]).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def _told(stations: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:.3f}{unit}" for name, value in stations.items())


async def _measured(installation: Installation, engines: Engines, seconds: float, clients: int) -> Demands:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        buyers = SaleBuyers(session, installation)
        await buyers.wait_for_services()
        await buyers.publish(SEATS, hold_seconds=60)
        await buyers.sign_in()
        port = int(installation.url.rpartition(":")[2])
        line = await _lobby(buyers, port)
        cpu = _Cpu(installation, engines)
        idle = await cpu.share(_IDLE_SECONDS)
        work: dict[str, dict[str, float]] = {}

        async def purchases(for_seconds: float) -> int:
            sale, until = Sale(), time.monotonic() + for_seconds
            await asyncio.gather(*(buyers.buy(sale, until) for _ in range(clients)))
            return len(sale.whole_seconds)

        await purchases(_WARM_SECONDS)
        work["purchase"] = await cpu.of_each(lambda: purchases(seconds), idle)
        tokens = Tokens(urlsafe_b64decode(installation.keys["token_key"] + "="))
        path = f"/api/events/{line}/line"
        joins = [request("POST", path, b"", tokens.token(f"usr_line{n}")) for n in range(_REQUESTS)]
        look = [request("GET", path, b"", None)] * _REQUESTS
        seat_map = [request("GET", f"/api/events/{buyers.event_id}/availability", b"", None)] * _REQUESTS
        for what, requests in (("join", joins), ("look at the line", look), ("look at the map", seat_map)):
            work[what] = await cpu.of_each(partial(_sent, port, requests), idle)
        return Demands(idle, work)


async def _sent(port: int, requests: Sequence[bytes]) -> int:
    result = await run(port, requests, _CONNECTIONS)
    assert set(result.statuses) <= {200, 201}, result.statuses
    return len(requests)


async def _lobby(buyers: SaleBuyers, port: int) -> str:
    """An event whose lobby is open."""
    now = datetime.now(UTC)
    plan, _, prices = stadium(2_000)
    body: dict[str, Any] = {
        "title": "Line",
        "venue": "Line",
        "starts_at": (now + timedelta(days=9)).isoformat(),
        "timezone": "UTC",
        "currency": "EUR",
        "plan": plan,
        "prices": prices,
        "on_sale_at": (now + timedelta(days=1)).isoformat(),
        "line": {"mode": "on", "lobby_opens_at": now.isoformat()},
    }
    event = await buyers.call("POST", "/api/events", "usr_olga", body, role="organizer")
    await buyers.call("POST", f"/api/events/{event['id']}/publish", "usr_olga", role="organizer")
    look = [request("GET", f"/api/events/{event['id']}/line", b"", None)]
    while json.loads((await run(port, look, 1)).bodies[0] or b"{}").get("phase") != "lobby":  # noqa: ASYNC110 - it waits for the server
        await asyncio.sleep(0.1)
    return str(event["id"])


class _Cpu:
    def __init__(self, installation: Installation, engines: Engines) -> None:
        self._pids = {parts[0]: pid for parts, pid in installation.pids.items()} | engines.pids

    async def share(self, seconds: float) -> dict[str, float]:
        before = self._now()
        await asyncio.sleep(seconds)
        return {name: (used - before[name]) / seconds for name, used in self._now().items()}

    async def of_each(self, work: Callable[[], Awaitable[int]], idle: dict[str, float]) -> dict[str, float]:
        """Milliseconds of each of so many pieces as `work` says that it did."""
        before, began = self._now(), time.monotonic()
        pieces = await work()
        after, seconds = self._now(), time.monotonic() - began
        return {
            name: round(max(0.0, after[name] - before[name] - idle[name] * seconds) * 1000 / pieces, 4)
            for name in self._pids
        }

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()}
