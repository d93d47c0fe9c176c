"""From publishing an event to its last seat, for halls of three sizes, in the single process and in the split
with one and with two copies of the ticket service; and the single process' start to its first answer.

python -m bench generation
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec

from bench.server import make_event
from houseful import app as wiring
from houseful.settings import load_settings
from houseful.tools.sample_venues import stadium
from tests.chaos.own_engines import Engines
from tests.system.harness import event_body
from tests.system.outside_client import Client
from tests.system.split import Split

SIZES = (10_000, 60_000, 100_000)
ROUNDS = 5
"""Of each size, in the split."""
COPIES = (1, 2)


def main(_arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"start to ready: {start_seconds(folder / 'start'):.2f} s", flush=True)
        asyncio.run(generate(folder / "generate"))
        with Engines(folder / "engines", mongo_members=1) as engines:
            for copies in COPIES:
                generate_in_split(folder / f"split-{copies}", engines, copies)


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


def generate_in_split(folder: Path, engines: Engines, copies: int) -> None:
    """Each in a hall that nobody has seen before."""
    wanted = {"users": 1, "events": 1, "payments": 0, "tickets": copies, "gateway": 1}
    settings = engines.settings() | {"HOUSEFUL_RATE_LIMITS": "off"}
    with Split(folder, settings, copies=wanted) as split:
        email, password = "organizer@example.org", "correct horse battery"
        made = split.houseful(
            "create-admin", "--email", email, "--role", "organizer", HOUSEFUL_PASSWORD=password
        )
        assert made.returncode == 0, made.stderr
        organizer = Client(split.running("gateway")[0].url)
        organizer.login(email, password)
        for seats in SIZES:
            plan, areas, prices = stadium(seats)
            taken = []
            for number in range(ROUNDS):
                hall = plan | {"name": f"Stadium {number}"}
                body = event_body(plan=hall, areas=areas, prices=prices)
                event_id = organizer.call("POST", "/api/events", body).ok(201)["id"]
                began = time.perf_counter()
                organizer.call("POST", f"/api/events/{event_id}/publish").ok(202)
                organizer.until(partial(is_ready, organizer, event_id))
                taken.append(time.perf_counter() - began)
            median = f"{statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})"
            print(f"{seats:>7,} seats, split, {copies} × tickets: publish to ready {median}", flush=True)


def is_ready(organizer: Client, event_id: str) -> bool:
    return bool(organizer.get(f"/api/events/{event_id}/inventory")["state"] == "ready")
