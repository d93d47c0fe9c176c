"""Holds of the best available seats by many at once, while the hall fills up.

    python -m bench best

The server has one core, the load the other.
"""

import asyncio
import base64
import json
import os
import subprocess
import tempfile
from typing import Any

from bench.holds import serving
from bench.load import Tokens, request
from bench.load import run as send

SEATS = 60_000
ROUNDS = 10
CONNECTIONS = 64
HOLDS_PER_BUYER = 5
_BODY = b'{"best_available":{"quantity":2}}'


def main(_arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(folder, SEATS) as server:
        asyncio.run(measure(server))


async def measure(server: "subprocess.Popen[str]") -> None:
    os.sched_setaffinity(0, {1})
    assert server.stdout is not None
    event: dict[str, Any] = json.loads(server.stdout.readline())
    tokens = Tokens(base64.urlsafe_b64decode(event["token_key"] + "="))
    count = sum(map(len, event["rows"])) // 2
    buyers = [tokens.token(f"usr_{i}") for i in range(count // HOLDS_PER_BUYER + 1)]
    path = f"/api/events/{event['event_id']}/holds"
    await send(event["port"], [request("POST", "/api/empty", b"{}", token) for token in buyers], CONNECTIONS)
    holds = [request("POST", path, _BODY, buyers[i % len(buyers)], f"k{i}") for i in range(count)]
    size = count // ROUNDS
    for number in range(ROUNDS):
        held = await send(event["port"], holds[number * size : (number + 1) * size], CONNECTIONS)
        print(
            f"from {number / ROUNDS:.0%} sold: {held.rate:,.0f} holds/s, {dict(held.statuses)} "
            f"p50 {held.percentile(0.5) * 1000:.0f} ms p99 {held.percentile(0.99) * 1000:.0f} ms",
            flush=True,
        )
