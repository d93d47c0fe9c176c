"""How much of an empty request's rate a durable two-seat hold reaches, on one core, in one run.

    python -m bench holds [--profile]

The server has one core, the load the other. Empty requests and holds alternate in rounds, so that both see
the same machine, by few clients and by many.
"""

import asyncio
import base64
import json
import os
import pstats
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.load import Result, Tokens, request
from bench.load import run as send

SEATS = 60_000
ROUNDS = 28
PER_ROUND = 500
CONNECTIONS = (64, 256)
HOLDS_PER_BUYER = 5


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        profile = str(Path(folder) / "profile") if "--profile" in arguments else None
        with serving(folder, SEATS, profile) as server:
            asyncio.run(measure(server))
        if profile is not None:
            pstats.Stats(profile).sort_stats("cumtime").print_stats(90)


@contextmanager
def serving(
    folder: str, seats: int, profile: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A server on one core, which has not said yet what it serves."""
    command = [sys.executable, "-m", "bench.server", folder, str(seats), *([profile] if profile else [])]
    with Path(folder, "server.log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | dict(environment or {})
        )
    os.sched_setaffinity(server.pid, {0})
    try:
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


async def measure(server: "subprocess.Popen[str]") -> None:
    os.sched_setaffinity(0, {1})
    assert server.stdout is not None
    event: dict[str, Any] = json.loads(server.stdout.readline())
    seed = base64.urlsafe_b64decode(event["token_key"] + "=")
    tokens = Tokens(seed)
    pairs = [row[i : i + 2] for row in event["rows"] for i in range(0, len(row) - 1, 2)]
    pairs = [
        pair for start in range(25) for pair in pairs[start::25]
    ]  # neighbours are not asked for together
    count = ROUNDS * PER_ROUND * len(CONNECTIONS)
    buyers = [tokens.token(f"usr_{i}") for i in range(count // HOLDS_PER_BUYER + 1)]
    bodies = [json.dumps({"seats": pair}).encode() for pair in pairs]
    path = f"/api/events/{event['event_id']}/holds"
    who = [buyers[i % len(buyers)] for i in range(count)]
    empty = [request("POST", "/api/empty", bodies[i], who[i]) for i in range(PER_ROUND)]
    holds = [request("POST", path, bodies[i], who[i], f"k{i}") for i in range(count)]
    await send(event["port"], empty, CONNECTIONS[0])  # warms up, and has the tokens verified once
    tokens_shown = [request("POST", "/api/empty", b"{}", token) for token in buyers]
    await send(event["port"], tokens_shown, CONNECTIONS[0])
    ratios: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
    rates: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
    for number in range(ROUNDS):
        for connections in CONNECTIONS:
            before = cpu_seconds(server.pid)
            nothing = await send(event["port"], empty, connections)
            between = cpu_seconds(server.pid)
            held = await send(event["port"], [holds.pop() for _ in range(PER_ROUND)], connections)
            report(number, connections, nothing, held, between - before, cpu_seconds(server.pid) - between)
            ratios[connections].append(held.rate / nothing.rate)
            rates[connections].append(held.rate)
    for connections in CONNECTIONS:
        rate, ratio = statistics.median(rates[connections]), statistics.median(ratios[connections])
        print(f"{connections} at once: median {rate:,.0f} holds/s, {ratio:.0%} of an empty request's rate")


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, its threads and the kernel's work for it included: its own clock, by
    the number that clock_getcpuclockid(3) makes of its id on Linux."""
    return time.clock_gettime(~pid << 3 | 2)


def report(
    number: int, connections: int, nothing: Result, held: Result, nothing_cpu: float, held_cpu: float
) -> None:
    micros = 1e6 / PER_ROUND
    print(
        f"round {number + 1}, {connections}: empty {nothing.rate:,.0f}/s, {nothing_cpu * micros:.0f} µs CPU"
        f" · hold {held.rate:,.0f}/s, {held_cpu * micros:.0f} µs CPU, {dict(held.statuses)}"
        f" p50 {held.percentile(0.5) * 1000:.1f} ms p99 {held.percentile(0.99) * 1000:.1f} ms"
        f" · {held.rate / nothing.rate:.0%}",
        flush=True,
    )
