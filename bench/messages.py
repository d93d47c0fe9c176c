"""How long a message takes from the commit that sent it to the commit that applied it, and how far the relay
is behind, at ten and at two hundred messages a second.

    python -m bench messages

Once in the single process, once from one process to another over MongoDB and Kafka.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.engines import Engines
from houseful import app as wiring
from houseful.messages import EventChanged
from houseful.messaging import metrics
from houseful.settings import load_secrets, load_settings, new_secrets

RATES = ((10, 200), (200, 4_000))
"""Messages a second, and how many."""
KEYS = 500
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0


def main(_arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(single(Path(folder)))
        with Engines(Path(folder) / "engines") as engines:
            asyncio.run(split(Path(folder), engines))


class Applied:
    """Stands in for the histogram, and keeps each figure."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def labels(self, _service: str) -> "Applied":
        return self

    def observe(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def single(folder: Path) -> None:
    applied = metrics.APPLIED_SECONDS = Applied()  # type: ignore[assignment]
    settings = load_settings({}, data=str(folder / "single"), log_level="error")
    async with wiring.running(settings, access_log=False) as app:
        for rate, count in RATES:
            applied.seconds.clear()
            behind = await send(app, rate, count)
            await until_so_many(applied.seconds, count)
            report("one process", rate, applied.seconds, behind)


async def split(folder: Path, engines: Engines) -> None:
    environment = engines.environment | {
        "HOUSEFUL_DATA": str(folder / "split"),
        "HOUSEFUL_GATEWAY_URL": "http://127.0.0.1:9",  # nobody is called
        "HOUSEFUL_LOG_LEVEL": "error",
        **{f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()},
    }
    settings = load_settings(environment)
    secrets = load_secrets(settings, environment)
    async with (
        receiver(environment) as lines,
        wiring.running(settings, parts={"events"}, secrets=secrets) as app,
    ):
        await send(app, 10, 20)  # until both have joined and everything is connected
        await received(lines, 20)
        for rate, count in RATES:
            behind = await send(app, rate, count)
            report("MongoDB and Kafka", rate, await received(lines, count), behind)


async def send(app: wiring.Running, rate: int, count: int) -> list[float]:
    """How many seconds the oldest unpublished message was old, each time that one looked."""
    behind: list[float] = []
    looking = asyncio.create_task(_look(app, behind))
    loop = asyncio.get_running_loop()
    began = loop.time()
    sending: set[asyncio.Task[None]] = set()
    for number in range(count):
        await asyncio.sleep(max(0, began + number / rate - loop.time()))
        sending.add(asyncio.create_task(_send_one(app, number)))
    await asyncio.gather(*sending)
    looking.cancel()
    return behind


async def _send_one(app: wiring.Running, number: int) -> None:
    async with app.stores["events"].begin() as tx:
        tx.send(
            EventChanged(
                event_id=f"evt_{number % KEYS}",
                title="Benchmark",
                on_sale_at=None,
                max_seats_per_order=10,
                refundable_until=None,
            )
        )


async def _look(app: wiring.Running, behind: list[float]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        oldest = (await app.stores["events"].outbox.stats()).oldest_unpublished_at
        behind.append(0.0 if oldest is None else max(0, app.clock.now() - oldest) / 1000)


@asynccontextmanager
async def receiver(environment: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.messages",
        env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        yield child.stdout
    finally:
        child.terminate()
        await child.wait()


async def received(lines: asyncio.StreamReader, count: int) -> list[float]:
    seconds: list[float] = []
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while len(seconds) < count:
            seconds += json.loads(await lines.readline())
    return seconds


async def receive() -> None:
    """The other process: prints, line by line, how long what it applied has taken."""
    applied = metrics.APPLIED_SECONDS = Applied()  # type: ignore[assignment]
    settings = load_settings()
    async with wiring.running(settings, parts={"tickets"}):
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if applied.seconds:
                taken, applied.seconds = applied.seconds, []
                print(json.dumps(taken), flush=True)


async def until_so_many(found: list[Any], count: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while len(found) < count:  # noqa: ASYNC110 - it is nobody's to tell
            await asyncio.sleep(0.01)


def report(where: str, rate: int, applied: list[float], behind: list[float]) -> None:
    ordered = sorted(applied)
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    print(
        f"{where}, {rate}/s: {len(applied):,} messages, commit to applied median "
        f"{statistics.median(ordered) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms; the relay's oldest "
        f"median {statistics.median(behind) * 1000:.0f} ms, at most {max(behind) * 1000:.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(receive())
