"""A hold of this checkout beside one of another, in turn, so that both have the same moods of the machine.

    python -m bench beside --checkout=FOLDER

For one client who waits for each answer, and as CPU of Houseful's processes when many buy at once.
"""

import asyncio
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from bench import hops
from bench.engines import Engines
from bench.hops import ARRANGEMENTS, Buyers, Installation

SEATS = 30_000
PAIRS = 24
ALONE = 40
TOGETHER = 100
"""In each pair; a buyer may have ten holds, which limits them all."""


def main(arguments: list[str]) -> None:
    folders = [option.removeprefix("--checkout=") for option in arguments]
    if len(folders) != 1 or not Path(folders[0], "src", "houseful").is_dir():
        sys.exit("Name the other checkout's folder: python -m bench beside --checkout=FOLDER")
    source = Path(folders[0], "src").resolve()
    with tempfile.TemporaryDirectory() as data, Engines(Path(data) / "engines") as engines:
        for arrangement in (ARRANGEMENTS[0], ARRANGEMENTS[3]):
            with (
                Installation(
                    arrangement, engines, Path(data) / arrangement.name / "here", "benchhere"
                ) as here,
                Installation(
                    arrangement, engines, Path(data) / arrangement.name / "there", "benchthere", source
                ) as there,
            ):
                print(f"{arrangement.name}: {asyncio.run(compare(here, there))}", flush=True)


async def compare(*installations: Installation) -> str:
    async with AsyncExitStack() as cleanup:
        buyers = [await _buyers(cleanup, installation) for installation in installations]
        millis: list[list[float]] = [[], []]
        cpu = [0.0, 0.0]
        for pair in range(PAIRS):
            for which in (0, 1) if pair % 2 else (1, 0):
                seconds = [await hops.timed(buyers[which].hold) for _ in range(ALONE)]
                millis[which].append(statistics.median(seconds) * 1000)
                before = installations[which].cpu()["ours"]
                await hops.many(buyers[which].hold, TOGETHER)
                cpu[which] += installations[which].cpu()["ours"] - before
        here, there = (statistics.median(of_one) for of_one in millis)
        ratio = statistics.median(a / b for a, b in zip(*millis, strict=True))
        micros = [seconds / (PAIRS * TOGETHER) * 1e6 for seconds in cpu]
        return (
            f"one client {here:.2f} ms here, {there:.2f} ms there, in pairs {ratio:.2f} of it; "
            f"of many, CPU {micros[0]:,.0f} µs here, {micros[1]:,.0f} µs there, {cpu[0] / cpu[1]:.2f} of it"
        )


async def _buyers(cleanup: AsyncExitStack, installation: Installation) -> Buyers:
    connector = aiohttp.TCPConnector(limit=0)
    session = await cleanup.enter_async_context(aiohttp.ClientSession(connector=connector))
    buyers = Buyers(session, installation)
    await buyers.wait_for_services()
    await buyers.publish(SEATS)
    await buyers.sign_in()
    await hops.many(buyers.hold, TOGETHER)  # warms up
    return buyers
