"""From publishing an event to its last seat, in the single process, for halls of three sizes; and a start to
its first answer.

python -m bench generation
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.server import make_event
from houseful import app as wiring
from houseful.settings import load_settings

SIZES = (10_000, 60_000, 100_000)


def main(_arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"start to ready: {start_seconds(Path(folder) / 'start'):.2f} s", flush=True)
        asyncio.run(generate(Path(folder) / "generate"))


def start_seconds(data: Path) -> float:
    """An empty folder; the second start is measured, when Python's own files are in the cache."""
    taken = 0.0
    for _ in range(2):
        began = time.perf_counter()
        command = [sys.executable, "-m", "houseful", "up", "--data", str(data), "--port", "0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout is not None
            server.stdout.readline()
            taken = time.perf_counter() - began
            server.terminate()
    return taken


async def generate(data: Path) -> None:
    settings = load_settings({}, data=str(data), rate_limits="off", log_level="error")
    async with wiring.running(settings) as app:
        base = 0.0
        for seats in SIZES:
            event_id, _, seconds = await make_event(app, seats)
            answer = await app.client.request("GET", f"/api/events/{event_id}/inventory")
            assert msgspec.json.decode(answer.body)["generated"] == seats
            base = base or seconds
            print(
                f"{seats:>7,} seats: publish to ready {seconds:.2f} s, {seconds / base:.1f} × the first",
                flush=True,
            )
