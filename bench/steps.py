"""What each step of a purchase costs the process that answers: hold, order, pay, and what follows by itself.

    python -m bench steps [COMMIT] [--rounds=40] [--purchases=96] [--clients=64]

One process with everything embedded. All buyers take a step before any takes the next, so that the CPU
between two steps is that of one. What follows a payment (webhook, confirmation, capture, messages) is counted
until the process is quiet again; what an idle process uses is taken off. E-mails and sweeps are off: no step
waits for them. Beside a COMMIT both versions take turns, and each step is compared pair by pair. Times are
the lower quartile of the rounds, since what else the machine does makes rounds dearer, never cheaper.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import aiohttp

from bench.hops import ARRANGEMENTS, Buyers, Installation
from bench.load import Result, Tokens, request
from bench.load import run as send
from bench.sources import sources_of

SEATS = 60_000
STEPS = ("hold", "order", "pay and what follows", "look at the order")
_QUIET_SECONDS = 0.05
_QUIET_SHARE = 0.1
_IDLE_SECONDS = 1.0
_CARD = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}


def main(arguments: Sequence[str]) -> None:
    options = dict(one.removeprefix("--").split("=", 1) for one in arguments if one.startswith("--"))
    commits = [one for one in arguments if not one.startswith("--")]
    with tempfile.TemporaryDirectory() as name, ExitStack() as cleanup:
        folder = Path(name)
        sources: list[Path | None] = [None]
        if commits:
            sources.append(sources_of(commits[0], folder / "source"))
        os.sched_setaffinity(0, {0})  # which those have that are started now
        running = [
            cleanup.enter_context(
                Installation(
                    ARRANGEMENTS[0], None, folder / str(number), f"bench{number}", source,
                    {"HOUSEFUL_SWEEPERS": "off"},
                )
            )
            for number, source in enumerate(sources)
        ]  # fmt: skip
        os.sched_setaffinity(0, {1})
        asyncio.run(
            _measure(
                running,
                int(options.get("rounds", 40)),
                int(options.get("purchases", 96)),
                int(options.get("clients", 64)),
            )
        )


async def _measure(running: Sequence[Installation], rounds: int, purchases: int, clients: int) -> None:
    async with AsyncExitStack() as cleanup:
        sales = [await _sale(cleanup, one, purchases, clients) for one in running]
        for sale in sales:
            await sale.round()  # warms up
        found: list[list[dict[str, float]]] = [[] for _ in sales]
        for number in range(rounds):
            order = range(len(sales)) if number % 2 else reversed(range(len(sales)))
            for which in order:
                found[which].append(await sales[which].round())
    for step in (*STEPS, "all"):
        print(_told(step, [[one[step] for one in its] for its in found]), flush=True)


def _told(step: str, micros: Sequence[Sequence[float]]) -> str:
    here = statistics.quantiles(micros[0], n=4)[0]
    if len(micros) == 1:
        return f"{step}: {here:,.0f} µs"
    before = statistics.quantiles(micros[1], n=4)[0]
    low, middle, high = statistics.quantiles([one / other for one, other in zip(*micros, strict=True)], n=4)
    return (
        f"{step}: {here:,.0f} µs here, {before:,.0f} µs before, {here / before:.3f}; in pairs {middle:.3f} "
        f"({low:.2f} to {high:.2f} in half of {len(micros[0])})"
    )


async def _sale(cleanup: AsyncExitStack, installation: Installation, purchases: int, clients: int) -> "_Sale":
    session = await cleanup.enter_async_context(aiohttp.ClientSession())
    buyers = Buyers(session, installation)
    await buyers.wait_for_services()
    await buyers.publish(SEATS)
    sale = _Sale(installation, buyers, purchases, clients)
    await sale.measure_idle()
    return sale


class _Sale:
    def __init__(self, installation: Installation, buyers: Buyers, purchases: int, clients: int) -> None:
        self._installation = installation
        self._buyers = buyers
        self._purchases = purchases
        self._clients = clients
        self._port = int(installation.url.rpartition(":")[2])
        self._tokens = Tokens(urlsafe_b64decode(installation.keys["token_key"] + "="))
        self._sold = 0
        self._idle_share = 0.0

    async def measure_idle(self) -> None:
        await asyncio.sleep(1)
        before = self._installation.own_cpu()
        await asyncio.sleep(_IDLE_SECONDS)
        self._idle_share = (self._installation.own_cpu() - before) / _IDLE_SECONDS

    async def round(self) -> dict[str, float]:
        """Microseconds of CPU of each step of a purchase."""
        buyers, first = self._buyers, self._sold
        numbers = range(first, first + self._purchases)
        self._sold += self._purchases
        who = [self._tokens.token(f"usr_{number}") for number in numbers]
        await self._all(200, [request("GET", "/api/holds", b"", token) for token in who])
        micros: dict[str, float] = {}

        async def step(name: str, status: int, requests: list[bytes]) -> list[Any]:
            result, seconds = await self._spent(lambda: self._all(status, requests))
            micros[name] = seconds / self._purchases * 1e6
            return [json.loads(body) for body in result.bodies]

        holds = await step(
            "hold",
            201,
            [
                request(
                    "POST",
                    f"/api/events/{buyers.event_id}/holds",
                    json.dumps({"seats": buyers.pairs[number]}).encode(),
                    token,
                    f"hold{number}",
                )
                for number, token in zip(numbers, who, strict=True)
            ],
        )
        buyer = {"name": "Bea Brandt", "email": "bea@example.org"}
        orders = await step(
            "order",
            201,
            [
                request(
                    "POST",
                    "/api/orders",
                    json.dumps({"hold_id": hold["hold_id"], "buyer": buyer}).encode(),
                    token,
                    f"order{number}",
                )
                for number, token, hold in zip(numbers, who, holds, strict=True)
            ],
        )
        await step(
            "pay and what follows",
            200,
            [
                request(
                    "POST",
                    f"/api/payments/intents/{order['payment']['intent_id']}/confirm",
                    json.dumps({"client_secret": order["payment"]["client_secret"], "card": _CARD}).encode(),
                    None,
                )
                for order in orders
            ],
        )
        shown = await step(
            "look at the order",
            200,
            [
                request("GET", f"/api/orders/{order['id']}", b"", token)
                for token, order in zip(who, orders, strict=True)
            ],
        )
        assert {one["status"] for one in shown} == {"confirmed"}, {one["status"] for one in shown}
        micros["all"] = sum(micros.values())
        return micros

    async def _all(self, status: int, requests: list[bytes]) -> Result:
        result = await send(self._port, requests, self._clients)
        assert dict(result.statuses) == {status: len(requests)}, (result.statuses, result.bodies[:1])
        return result

    async def _spent(self, work: Callable[[], Awaitable[Result]]) -> tuple[Result, float]:
        """Seconds of CPU, until nothing is done any more."""
        began, before = time.monotonic(), self._installation.own_cpu()
        result = await work()
        while True:
            since, spent = time.monotonic(), self._installation.own_cpu()
            await asyncio.sleep(_QUIET_SECONDS)
            share = (self._installation.own_cpu() - spent) / (time.monotonic() - since)
            if share < self._idle_share + _QUIET_SHARE:
                break
        idle = self._idle_share * (time.monotonic() - began)
        return result, self._installation.own_cpu() - before - idle
