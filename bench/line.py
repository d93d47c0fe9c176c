"""What a line costs: joins a second of a core, memory of who waits, and what their looks take from a sale.

    python -m bench line [--entries=100000]

One process with everything embedded, on one core; the load has another. Accounts join the lobby of an event,
once with an access token that is new to the server and once with one that it has seen. Then holds of another
event are made by themselves and, in turns, between the looks of those who wait, as many as `poll_seconds`
lets them make meanwhile. Rates are for each second of the server's CPU, which nobody else on the machine
takes from it.
"""

import asyncio
import base64
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import msgspec

from bench.holds import cpu_seconds, serving
from bench.load import Tokens, request, run
from houseful.tools.sample_venues import stadium

ENTRIES = 100_000
AT_ONCE = 2_000
CONNECTIONS = 32
LOOKING = 16
SEATS = 12_000
ROUNDS = 5
HOLDS = 500


def main(options: list[str]) -> None:
    entries = next((int(one.removeprefix("--entries=")) for one in options if "--entries=" in one), ENTRIES)
    with tempfile.TemporaryDirectory() as folder, serving(folder, SEATS) as server:
        os.sched_setaffinity(0, {1})
        asyncio.run(Run(server).all(entries))


class Run:
    def __init__(self, server: "subprocess.Popen[str]") -> None:
        assert server.stdout is not None
        made: dict[str, Any] = json.loads(server.stdout.readline())
        self._pid, self._port = server.pid, int(made["port"])
        self._tokens = Tokens(base64.urlsafe_b64decode(made["token_key"] + "="))
        self._sale, self._rows = str(made["event_id"]), made["rows"]
        self._keys = count()

    async def all(self, entries: int) -> None:
        event_id = await self._lobby()
        await self._joins(event_id, entries)
        await self._looks(event_id, entries)

    async def _lobby(self) -> str:
        """An event whose lobby is open."""
        organizer, now = self._tokens.token("usr_bench", "organizer"), datetime.now(UTC)
        plan, _, prices = stadium(2_000)
        body = {
            "title": "Line", "venue": "Line", "starts_at": (now + timedelta(days=9)).isoformat(),
            "timezone": "UTC", "currency": "EUR", "plan": plan, "prices": prices,
            "on_sale_at": (now + timedelta(days=1)).isoformat(),
            "line": {"mode": "on", "lobby_opens_at": now.isoformat()},
        }  # fmt: skip
        made = await self._call(request("POST", "/api/events", msgspec.json.encode(body), organizer, "event"))
        await self._call(request("POST", f"/api/events/{made['id']}/publish", b"", organizer, "publish"))
        while (await self._call(self._get(f"/api/events/{made['id']}/line"))).get("phase") != "lobby":  # noqa: ASYNC110 - it waits for the server
            await asyncio.sleep(0.1)
        return str(made["id"])

    async def _joins(self, event_id: str, entries: int) -> None:
        path = f"/api/events/{event_id}/line"
        memory = self._memory_bytes()
        new: list[float] = []
        seen: list[float] = []
        for turn, start in enumerate(range(0, entries, AT_ONCE)):
            tokens = [self._tokens.token(f"usr_{number}") for number in range(start, start + AT_ONCE)]
            if turn % 2:
                await self._cpu([self._get(f"{path}/me", token) for token in tokens], {404})
            joins = [request("POST", path, b"", token) for token in tokens]
            (seen if turn % 2 else new).append(AT_ONCE / await self._cpu(joins, {201}))
        grown = (self._memory_bytes() - memory) / entries
        print(
            f"joins for each second of a core: {statistics.median(seen):,.0f}, with a token that is new to"
            f" the server {statistics.median(new):,.0f}; {entries:,} entries,"
            f" {grown:,.0f} bytes of memory each",
            flush=True,
        )

    async def _looks(self, event_id: str, entries: int) -> None:
        path = f"/api/events/{event_id}/line"
        line = await self._call(self._get(path))
        per_second = looks_per_second(line["poll_seconds"], entries)
        look = self._get(path)
        alone: list[float] = []
        beside: list[float] = []
        costs: list[float] = []
        await self._cpu(self._holds(), {201})
        for _ in range(ROUNDS):
            alone.append(await self._cpu(self._holds(), {201}) / HOLDS)
            costs.append(await self._cpu([look] * HOLDS, {200}) / HOLDS)
            # In the second in which a core makes r holds beside n looks: r × hold + n × look = 1.
            holds_a_second = (1 - per_second * costs[-1]) / alone[-1]
            holds = self._holds()
            looks = [look] * round(HOLDS * per_second / holds_a_second)
            before = cpu_seconds(self._pid)
            held, seen = await asyncio.gather(
                run(self._port, holds, CONNECTIONS), run(self._port, looks, LOOKING)
            )
            assert set(held.statuses) | set(seen.statuses) == {200, 201}
            beside.append((cpu_seconds(self._pid) - before) / HOLDS)
        loss = statistics.median(1 - one / mixed for one, mixed in zip(alone, beside, strict=True))
        print(
            f"{entries:,} who wait look {per_second:,.0f} times a second,"
            f" {statistics.median(costs) * 1e6:,.0f} µs each; a sale beside them makes {loss:.1%} fewer holds"
            f" ({1 / statistics.median(alone):,.0f} a second of a core without them)"
        )

    def _holds(self) -> list[bytes]:
        path = f"/api/events/{self._sale}/holds"
        pairs = [row[at : at + 2] for row in self._rows for at in range(0, len(row) - 1, 2)]
        holds = []
        for _ in range(HOLDS):
            number = next(self._keys)
            body = msgspec.json.encode({"seats": pairs[number % len(pairs)]})
            token = self._tokens.token(f"usr_buyer{number}")
            holds.append(request("POST", path, body, token, f"hold-{number}"))
        return holds

    def _get(self, path: str, token: str | None = None) -> bytes:
        return request("GET", path, b"", token)

    async def _call(self, sent: bytes) -> dict[str, Any]:
        result = await run(self._port, [sent], 1)
        return dict(json.loads(result.bodies[0] or b"{}"))

    async def _cpu(self, requests: Sequence[bytes], expected: set[int]) -> float:
        """The server's seconds for them."""
        before = cpu_seconds(self._pid)
        result = await run(self._port, requests, CONNECTIONS)
        assert set(result.statuses) <= expected, result.statuses
        return cpu_seconds(self._pid) - before

    def _memory_bytes(self) -> int:
        time.sleep(1)
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def looks_per_second(poll_seconds: Sequence[tuple[int, float]], waiting: int) -> float:
    """Of so many, one in each place, who ask as often as they are told."""
    steps = [*((distance, seconds) for distance, seconds in poll_seconds), (waiting, 1.0)]
    return sum(
        (min(until, waiting) - distance) / seconds
        for (distance, seconds), (until, _) in pairwise(steps)
        if distance < waiting
    )
