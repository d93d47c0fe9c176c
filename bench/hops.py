"""What each hop costs a hold and a purchase: one part is taken out of the process at a time.

    python -m bench hops

The same work is done by real processes in different arrangements, one after the other; what an arrangement
costs more than the one before is the price of the hop that it adds. CPU is that of all processes of Houseful
and of each engine, read from the operating system, so that it hardly depends on what else the machine does;
milliseconds are those of one client who waits for each answer.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from bench.engines import Engines
from bench.holds import cpu_seconds
from bench.load import Tokens
from engines.server import free_port
from houseful.settings import SERVICES, new_secrets, own_environment
from houseful.tools.sample_venues import stadium

SEATS = 30_000
ALONE = 100
"""So many by one client, one after the other."""
TOGETHER = 1_000
CLIENTS = 16
BUYERS = 400
"""Each has shown its token before, so that what is counted is the hop and not the look at a new token."""
_CARD = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}
_PATIENCE_SECONDS = 60.0


class Arrangement(NamedTuple):
    name: str
    engines: tuple[str, ...]
    processes: tuple[tuple[str, ...], ...]


_STORE, _BUS, _LOCKS = "HOUSEFUL_STORE_URL", "HOUSEFUL_BUS_URL", "HOUSEFUL_COORDINATION_URL"
_ALL = ("gateway", *SERVICES)

ARRANGEMENTS = (
    Arrangement("one process, embedded", (), (_ALL,)),
    Arrangement("with Redis", (_LOCKS,), (_ALL,)),
    Arrangement("with Redis, Kafka", (_LOCKS, _BUS), (_ALL,)),
    Arrangement("with Redis, Kafka, MongoDB", (_LOCKS, _BUS, _STORE), (_ALL,)),
    Arrangement("and the gateway by itself", (_LOCKS, _BUS, _STORE), (("gateway",), SERVICES)),
    Arrangement("and every service by itself", (_LOCKS, _BUS, _STORE), tuple((part,) for part in _ALL)),
)


class Figures(NamedTuple):
    """Milliseconds of one client's work, and microseconds of CPU for each when many work at once."""

    median_ms: float
    ours: float
    engines: dict[str, float]


def main(_arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, Engines(Path(folder) / "engines") as engines:
        for number, arrangement in enumerate(ARRANGEMENTS):
            data = Path(folder) / str(number)
            with Installation(arrangement, engines, data, f"bench{number}") as installation:
                figures = asyncio.run(measure(installation))
            for what, found in figures.items():
                spent = " · ".join(f"{name} {micros:,.0f}" for name, micros in found.engines.items())
                print(
                    f"{arrangement.name}: {what} {found.median_ms:.1f} ms, "
                    f"Houseful {found.ours:,.0f} µs of CPU · {spent}",
                    flush=True,
                )


class Installation:
    """An arrangement that runs. `url` is its gateway's; `source` where its code is, if not here;
    `changes` are settings."""

    def __init__(
        self,
        arrangement: Arrangement,
        engines: Engines | None,
        data: Path,
        name: str,
        source: Path | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.engines = engines
        known_keys, services = _known_to(source)
        self.keys = {key: value for key, value in new_secrets().items() if key in known_keys}
        processes = [
            tuple(part for part in parts if part in ("gateway", *services)) for parts in arrangement.processes
        ]
        ports = {parts: free_port() for parts in processes if parts}
        urls = {part: f"http://127.0.0.1:{port}" for parts, port in ports.items() for part in parts}
        self.url = urls["gateway"]
        self._ports = ports
        self._environment = (
            {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
            | {variable: engines.environment[variable] for variable in arrangement.engines if engines}
            | {f"HOUSEFUL_{key.upper()}": value for key, value in self.keys.items()}
            | {f"HOUSEFUL_{part.upper()}_URL": url for part, url in urls.items()}
            | {"HOUSEFUL_DATA": str(data), "HOUSEFUL_INSTALLATION": name, "HOUSEFUL_PUBLIC_URL": self.url}
            | {"HOUSEFUL_RATE_LIMITS": "off", "HOUSEFUL_LOG_LEVEL": "warning"}
            | ({} if source is None else {"PYTHONPATH": str(source)})
            | dict(changes or {})
        )
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Installation":
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            for parts, port in self._ports.items():
                command = ["up"] if len(self._ports) == 1 else ["serve", *parts]
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "houseful", *command, "--port", str(port)],
                        env=own_environment(self._environment, parts),
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                )
            for process in self._processes:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line.startswith("ready"), line
            cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            process.wait()

    def cpu(self) -> dict[str, float]:
        """Seconds so far: "ours", and each engine's."""
        pids = self.engines.pids if self.engines is not None else {}
        return {"ours": self.own_cpu()} | {name: cpu_seconds(pid) for name, pid in pids.items()}

    @property
    def pids(self) -> dict[tuple[str, ...], int]:
        """The processes by the parts that they run."""
        return {parts: process.pid for parts, process in zip(self._ports, self._processes, strict=True)}

    def own_cpu(self) -> float:
        """Seconds so far of the processes that answer; those that they start for other work are not in it."""
        return sum(cpu_seconds(process.pid) for process in self._processes)


def _known_to(source: Path | None) -> tuple[Sequence[str], Sequence[str]]:
    """The keys and the services of the version in `source`; it refuses to be told of others."""
    if source is None:
        return tuple(new_secrets()), SERVICES
    asked = (
        "import json; from houseful.settings import SERVICES, new_secrets; "
        "print(json.dumps([list(new_secrets()), list(SERVICES)]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | {"PYTHONPATH": str(source)},
        check=True,
        capture_output=True,
    )
    keys, services = json.loads(told.stdout)
    return keys, services


class Buyers:
    """Anybody who buys here, over one session of kept connections."""

    def __init__(self, session: aiohttp.ClientSession, installation: Installation) -> None:
        from base64 import urlsafe_b64decode

        self._session = session
        self._url = installation.url
        self._tokens = Tokens(urlsafe_b64decode(installation.keys["token_key"] + "="))
        self.event_id = ""
        self.look_seconds = 0.01
        """How long a buyer waits before looking again whether the order is confirmed."""
        self._known: dict[str, str] = {}
        self.pairs: list[list[str]] = []
        """Seats beside each other, of the event that was published last."""
        self._count = 0

    async def call(
        self, method: str, path: str, who: str | None, body: Any = None, *, role: str = "buyer"
    ) -> Any:
        headers = {"idempotency-key": f"k{time.monotonic_ns()}"}
        if who is not None:
            if who not in self._known:
                self._known[who] = self._tokens.token(who, role)
            headers["authorization"] = f"Bearer {self._known[who]}"
        async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, (answer.status, await answer.text())
            return await answer.json(content_type=None)

    async def wait_for_services(self) -> None:
        """The gateway may have looked for them before they were there."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while set((await self.call("GET", "/readyz", None))["checks"].values()) != {"ready"}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def publish(self, seats: int, **changes: Any) -> None:
        plan, _, prices = stadium(seats)
        body = {
            "title": "Benchmark",
            "max_seats_per_order": 50,  # nobody pays, and who has not yet may hold no more than that
            "venue": "Benchmark",
            "starts_at": "2049-01-01T20:00:00Z",
            "timezone": "UTC",
            "currency": "EUR",
            "plan": plan,
            "prices": prices,
        } | changes
        event = await self.call("POST", "/api/events", "usr_olga", body, role="organizer")
        self.event_id = event["id"]
        self._count = 0
        await self.call("POST", f"/api/events/{self.event_id}/publish", "usr_olga", role="organizer")
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (await self.call("GET", f"/api/events/{self.event_id}", None))["state"] != "on_sale":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        rows = [
            [seat["seat_guid"] for seat in row["seats"]]
            for zone in plan["zones"]
            for row in zone.get("rows", [])
        ]
        self.pairs = [row[at : at + 2] for at in range(0, 24, 2) for row in rows if len(row) >= at + 2]

    async def sign_in(self) -> None:
        for number in range(BUYERS):
            await self.call("GET", "/api/holds", f"usr_{number}")

    async def hold(self) -> tuple[str, str]:
        """Two seats that are free; who holds them, and the hold's id."""
        self._count += 1
        who = f"usr_{self._count % BUYERS}"
        seats = self.pairs[self._count]
        hold = await self.call("POST", f"/api/events/{self.event_id}/holds", who, {"seats": seats})
        return who, hold["hold_id"]

    async def purchase(self) -> None:
        who, hold_id = await self.hold()
        buyer = {"name": "Bea Brandt", "email": "bea@example.org"}
        order = await self.call("POST", "/api/orders", who, {"hold_id": hold_id, "buyer": buyer})
        payment = order["payment"]
        pay = {"client_secret": payment["client_secret"], "card": _CARD}
        await self.call("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", None, pay)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (await self.call("GET", f"/api/orders/{order['id']}", who))["status"] != "confirmed":  # noqa: ASYNC110
                await asyncio.sleep(self.look_seconds)


async def measure(installation: Installation) -> dict[str, Figures]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        buyers = Buyers(session, installation)
        await buyers.wait_for_services()
        await buyers.publish(SEATS)
        await buyers.sign_in()
        found = {}
        for what, work, share in (("a hold", buyers.hold, 1), ("a purchase", buyers.purchase, 4)):
            await many(work, CLIENTS * 4)  # warms up
            buyers.look_seconds = 0.01
            seconds = [await timed(work) for _ in range(ALONE // share)]
            buyers.look_seconds = 0.25
            before = installation.cpu()
            await many(work, TOGETHER // share)
            found[what] = _figures(seconds, before, installation.cpu(), TOGETHER // share)
        return found


async def many(work: Any, count: int) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        for _ in numbers:
            await work()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def timed(work: Any) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _figures(
    seconds: Iterable[float], before: Mapping[str, float], after: Mapping[str, float], count: int
) -> Figures:
    micros = {name: (after[name] - before[name]) / count * 1e6 for name in after}
    ours = micros.pop("ours")
    return Figures(statistics.median(seconds) * 1000, ours, micros)
