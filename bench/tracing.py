"""What recording spans costs a durable two-seat hold: CPU of a server that records none, one trace in a
hundred, and every one, by turns.

    python -m bench tracing

Each server has the one core in turn, the load and the Collector the other. A round is some holds of each
server; a figure is the median of the rounds, and of their differences from the same round's "off".
"""

import asyncio
import base64
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.holds import HOLDS_PER_BUYER, cpu_seconds, serving
from bench.load import Tokens, request
from bench.load import run as send
from engines import PROGRAMS
from engines.collector import Collector, obtain

SEATS = 30_000
ROUNDS = 20
PER_ROUND = 400
CONNECTIONS = 64

OFF = "off"
SAMPLING: Mapping[str, Mapping[str, str]] = {
    OFF: {},
    "1 %": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "100 %": {"OTEL_TRACES_SAMPLER": "always_on"},
}


class Server:
    """One that serves, with the holds that it is still to be asked for."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        event: dict[str, Any] = json.loads(process.stdout.readline())
        self._pid = process.pid
        self._port = event["port"]
        tokens = Tokens(base64.urlsafe_b64decode(event["token_key"] + "="))
        pairs = [row[at : at + 2] for row in event["rows"] for at in range(0, len(row) - 1, 2)]
        spread = [pair for start in range(25) for pair in pairs[start::25]]
        count = (ROUNDS + 1) * PER_ROUND
        buyers = [tokens.token(f"usr_{number}") for number in range(count // HOLDS_PER_BUYER + 1)]
        path = f"/api/events/{event['event_id']}/holds"
        self._holds = [
            request("POST", path, json.dumps({"seats": spread[n]}).encode(), buyers[n % len(buyers)], f"k{n}")
            for n in range(count)
        ]

    async def round(self) -> float:
        """Microseconds of CPU a hold."""
        before = cpu_seconds(self._pid)
        held = await send(self._port, [self._holds.pop() for _ in range(PER_ROUND)], CONNECTIONS)
        assert held.statuses == {201: PER_ROUND}, held.statuses
        return (cpu_seconds(self._pid) - before) / PER_ROUND * 1e6


def main(options: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        collector = stack.enter_context(Collector(obtain(PROGRAMS), Path(folder, "collector")))
        assert collector.life is not None
        os.sched_setaffinity(collector.life.pid, {1})
        servers: dict[str, Server] = {}
        for name, sampling in SAMPLING.items():
            exporting = dict(sampling)
            if sampling:
                exporting["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
            data = Path(folder, name.partition(" ")[0])
            data.mkdir()
            process = stack.enter_context(serving(str(data), SEATS, environment=exporting))
            servers[name] = Server(process)
        asyncio.run(_measure(servers))


async def _measure(servers: Mapping[str, Server]) -> None:
    os.sched_setaffinity(0, {1})
    rounds: list[dict[str, float]] = []
    for number in range(ROUNDS + 1):
        names = sorted(servers, reverse=number % 2 == 0)
        measured = {name: await servers[name].round() for name in names}
        if number:  # the first warms up
            rounds.append(measured)
            print(
                f"round {number}: " + " · ".join(f"{name} {measured[name]:.0f} µs" for name in servers),
                flush=True,
            )
    for name in servers:
        middle = statistics.median(one[name] for one in rounds)
        more = [one[name] - one[OFF] for one in rounds]
        low, high = sorted(more)[len(more) // 4], sorted(more)[len(more) * 3 // 4]
        print(
            f"{name:>6}: {middle:.0f} µs of CPU a hold, {statistics.median(more):+.0f} µs"
            f" (half of the pairs {low:+.0f} to {high:+.0f})"
        )
