"""This checkout beside a version before, in turn, so that both have the same moods of the machine.

    python -m bench before COMMIT [--only=WHAT] [--engines]

What counts is the CPU of the processes that answer, pair by pair: this checkout's as a share of the other's.
Rates and times are shown too, and depend on who else uses the machine. Printing tickets is not in it: that is
other processes' work. The servers have one core, the load the other. With `--engines` both use MongoDB, Kafka
and Redis instead of what is embedded. The version before runs on the packages that are installed here.
"""

import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import aiohttp

from bench import hops
from bench.engines import Engines
from bench.hops import ARRANGEMENTS, Buyers, Installation
from bench.load import Tokens, request
from bench.load import run as send
from bench.sources import sources_of

SEATS = 30_000
PAIRS = 20
HOLDS_PER_BUYER = 5
PURCHASES = 100
_MAIL_PATIENCE_SECONDS = 120.0

Work = Callable[[], Awaitable[None]]


class Version(NamedTuple):
    """One of the two, running. `data` is where it keeps its mail."""

    installation: Installation
    buyers: Buyers
    tokens: Tokens
    data: Path

    @property
    def port(self) -> int:
        return int(self.installation.url.rpartition(":")[2])


class Measure(NamedTuple):
    """`prepare` makes an event of its own, and the work of a round, which is so many `pieces`."""

    name: str
    pieces: int
    prepare: Callable[[Version], Awaitable[Work]]


class Figures(NamedTuple):
    """Of one round, for each piece."""

    cpu_micros: float
    seconds: float


def main(arguments: Sequence[str]) -> None:
    commits = [one for one in arguments if not one.startswith("--")]
    chosen = [one.removeprefix("--only=") for one in arguments if one.startswith("--only=")]
    if len(commits) != 1:
        sys.exit("Name the version before: python -m bench before COMMIT [--only=WHAT] [--engines]")
    measures = [one for one in MEASURES if not chosen or any(name in one.name for name in chosen)]
    arrangement = ARRANGEMENTS[3 if "--engines" in arguments else 0]
    with tempfile.TemporaryDirectory() as name, ExitStack() as cleanup:
        folder = Path(name)
        sources = (None, sources_of(commits[0], folder / "source"))
        engines = Engines(folder / "engines")
        if arrangement.engines:
            cleanup.enter_context(engines)
        running = []
        os.sched_setaffinity(0, {0})  # which those have that are started now
        for which, source in zip(("here", "before"), sources, strict=True):
            installation = Installation(arrangement, engines, folder / which, f"bench{which}", source)
            cleanup.enter_context(installation)
            running.append((installation, folder / which))
        os.sched_setaffinity(0, {1})
        print(f"{arrangement.name}, beside {commits[0]}", flush=True)
        asyncio.run(_compare(running, measures))


async def _compare(running: Sequence[tuple[Installation, Path]], measures: Sequence[Measure]) -> None:
    async with AsyncExitStack() as cleanup:
        versions = [await _version(cleanup, installation, data) for installation, data in running]
        for measure in measures:
            works = [await measure.prepare(version) for version in versions]
            for version, work in zip(versions, works, strict=True):
                await _round(measure, version, work)  # warms up
            pairs: list[tuple[Figures, Figures]] = []
            for number in range(PAIRS):
                found = {}
                for which in (0, 1) if number % 2 else (1, 0):
                    found[which] = await _round(measure, versions[which], works[which])
                pairs.append((found[0], found[1]))
            print(_told(measure.name, pairs), flush=True)


async def _version(cleanup: AsyncExitStack, installation: Installation, data: Path) -> Version:
    connector = aiohttp.TCPConnector(limit=0)
    session = await cleanup.enter_async_context(aiohttp.ClientSession(connector=connector))
    buyers = Buyers(session, installation)
    await buyers.wait_for_services()
    await buyers.sign_in()
    tokens = Tokens(urlsafe_b64decode(installation.keys["token_key"] + "="))
    return Version(installation, buyers, tokens, data)


async def _round(measure: Measure, version: Version, work: Work) -> Figures:
    spent, began = version.installation.own_cpu(), time.perf_counter()
    await work()
    seconds = time.perf_counter() - began
    micros = (version.installation.own_cpu() - spent) * 1e6
    return Figures(micros / measure.pieces, seconds / measure.pieces)


def _told(name: str, pairs: Sequence[tuple[Figures, Figures]]) -> str:
    here, before = zip(*pairs, strict=True)
    cpu = [one.cpu_micros / other.cpu_micros for one, other in pairs]
    low, middle, high = statistics.quantiles(cpu, n=4)
    rate = statistics.median(other.seconds / one.seconds for one, other in pairs)

    def median(figures: Sequence[Figures]) -> str:
        micros = statistics.median(one.cpu_micros for one in figures)
        return f"{micros:,.0f} µs, {1 / statistics.median(one.seconds for one in figures):,.0f}/s"

    return (
        f"{name}: CPU {middle:.3f} of it ({low:.2f} to {high:.2f} in half of {len(pairs)} pairs), "
        f"rate {rate:.2f} of it · {median(here)} here, {median(before)} before"
    )


async def _holds(version: Version, *, clients: int, pieces: int) -> Work:
    """Each of two seats that are free."""
    await version.buyers.publish(SEATS)
    bodies = [json.dumps({"seats": pair}).encode() for pair in version.buyers.pairs]
    return await _sent(version, bodies, clients, pieces)


async def _best(version: Version, *, clients: int, pieces: int) -> Work:
    await version.buyers.publish(SEATS)
    body = b'{"best_available":{"quantity":2}}'
    return await _sent(version, [body] * len(version.buyers.pairs), clients, pieces)


async def _sent(version: Version, bodies: Sequence[bytes], clients: int, pieces: int) -> Work:
    path = f"/api/events/{version.buyers.event_id}/holds"
    holders = [version.tokens.token(f"usr_holder{n}") for n in range(len(bodies) // HOLDS_PER_BUYER + 1)]
    shown = [request("GET", "/api/holds", b"", token) for token in holders]
    await send(version.port, shown, clients)  # has the tokens verified once
    holds = (
        request("POST", path, body, holders[n % len(holders)], f"{clients}-{n}")
        for n, body in enumerate(bodies)
    )

    async def work() -> None:
        result = await send(version.port, list(itertools.islice(holds, pieces)), clients)
        assert dict(result.statuses) == {201: pieces}, result.statuses

    return work


async def _purchases(version: Version, *, pieces: int) -> Work:
    """Hold, order, pay, until the order is confirmed and its tickets are in the mail."""
    await version.buyers.publish(SEATS)
    version.buyers.look_seconds = 0.25

    def letters() -> int:
        return sum(1 for _ in version.data.rglob("confirmed-*.eml"))

    async def work() -> None:
        expected = letters() + pieces
        await hops.many(version.buyers.purchase, pieces)
        async with asyncio.timeout(_MAIL_PATIENCE_SECONDS):
            while letters() < expected:  # noqa: ASYNC110 - another process writes them
                await asyncio.sleep(0.1)

    return work


MEASURES = (
    Measure("holds by 64", 500, partial(_holds, clients=64, pieces=500)),
    Measure("holds by 256", 500, partial(_holds, clients=256, pieces=500)),
    Measure("best seats by 64", 500, partial(_best, clients=64, pieces=500)),
    Measure("purchases", PURCHASES, partial(_purchases, pieces=PURCHASES)),
)
