"""What a crowd in front of a seat map asks for: requests a second, on one core.

    python -m bench reads

A hall of 12,000 seats. The server has a core and the load another; each page is asked for in turn, in rounds,
so that all have the same moods of the machine. What counts is requests for each second of the server's CPU,
which nobody else on the machine takes from it. Nothing is sold meanwhile.
"""

import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from typing import Any

import brotli
import msgspec

from bench.holds import cpu_seconds, serving
from bench.load import run

SEATS = 12_000
ROUNDS = 8
REQUESTS = 3_000
CONNECTIONS = 32
BROWSER = {"accept-encoding": "gzip, deflate, br"}


def main(_options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(folder, SEATS) as server:
        os.sched_setaffinity(0, {1})
        assert server.stdout is not None
        made: dict[str, Any] = json.loads(server.stdout.readline())
        asyncio.run(_measure(server.pid, made["port"], made["event_id"]))


async def _measure(pid: int, port: int, event_id: str) -> None:
    event = f"/api/events/{event_id}"
    _, _, body = await _once(port, event, {})
    version = msgspec.json.decode(body)["plan_hash"]
    _, _, body = await _once(port, f"{event}/sections", {})
    section = msgspec.json.decode(body)["items"][0]["id"]
    paths = {
        "geometry": f"{event}/geometry?v={version}",
        "sections": f"{event}/sections",
        "categories": f"{event}/categories",
        "seats of a section": f"{event}/sections/{section}/seats",
        "availability": f"{event}/availability",
        "event": event,
        "events": "/api/events",
        "API document": "/api/openapi.json",
    }
    requests: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for name, path in paths.items():
        await _once(port, path, BROWSER)
        _, headers, body = await _once(port, path, BROWSER)
        requests[name], sizes[name] = _get(path, BROWSER), len(body)
        if headers.get("content-encoding") == "br":
            brotli.decompress(body)
        if "etag" in headers:
            known = BROWSER | {"if-none-match": headers["etag"]}
            assert (await _once(port, path, known))[0] == 304, path
            requests[f"{name}, known"], sizes[f"{name}, known"] = _get(path, known), 0
    rates: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            before = cpu_seconds(pid)
            result = await run(port, [request] * REQUESTS, CONNECTIONS)
            assert set(result.statuses) == {304 if name.endswith(", known") else 200}, (name, result.statuses)
            rates[name].append(REQUESTS / (cpu_seconds(pid) - before))
    for name, measured in rates.items():
        print(
            f"{name}: {statistics.median(measured):,.0f} a second of CPU, {sizes[name]:,} bytes", flush=True
        )


def _get(path: str, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "host: localhost",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _once(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_get(path, {**headers, "connection": "close"}))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, body
