"""A whole sale: hold, order, pay, confirmed, by many buyers, each the next as soon as the last is through.

    python -m bench sale [--only=single|split] [--clients=200] [--seconds=20] [--hold-seconds=5]
                         [--beside=SRC]

In one process, and split with every service by itself on MongoDB, Kafka and Redis. It tells purchases a
second, the time from the answer to the card to the confirmed order, CPU of a purchase, and what became of
those who paid before their order's deadline. `--beside` names the `src` of another checkout, which is
measured first.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bench.engines import Engines
from bench.hops import ARRANGEMENTS, BUYERS, Buyers, Installation

SEATS = 60_000
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
LOST = ("expired", "refunding", "refunded")
_CARD = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}
_TOPOLOGIES = {"single": ARRANGEMENTS[0], "split": ARRANGEMENTS[-1]}


@dataclass
class Sale:
    """What happened to the buyers."""

    confirmed_seconds: list[float] = field(default_factory=list)
    whole_seconds: list[float] = field(default_factory=list)
    in_time: int = 0
    """Who paid before the deadline, by the time of the answer."""
    lost: int = 0
    """Of those."""
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def main(arguments: Sequence[str]) -> None:
    options = dict(one.removeprefix("--").split("=", 1) for one in arguments)
    names = [options["only"]] if "only" in options else list(_TOPOLOGIES)
    sources: list[Path | None] = [Path(options["beside"]).resolve(), None] if "beside" in options else [None]
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for number, source in enumerate(sources):
                data = Path(folder) / f"{name}{number}"
                label = f"{name}{'' if source is None else ', beside'}"
                if name == "single":
                    _run(label, None, data, source, options)
                else:
                    with Engines(data.with_suffix(".engines")) as engines:
                        _run(label, engines, data, source, options)


def _run(
    label: str, engines: Engines | None, data: Path, source: Path | None, options: dict[str, str]
) -> None:
    arrangement = _TOPOLOGIES["single" if engines is None else "split"]
    clients, seconds = int(options.get("clients", 200)), float(options.get("seconds", 20))
    hold_seconds = int(options.get("hold-seconds", 5))
    with Installation(arrangement, engines, data, "sale", source) as installation:
        sale, cpu_seconds = asyncio.run(_measure(installation, clients, seconds, hold_seconds))
    bought = len(sale.whole_seconds)
    print(
        f"{label}: {clients} clients, hold_seconds {hold_seconds}: {bought / sale.seconds:,.0f} purchases/s, "
        f"{cpu_seconds / max(1, bought) * 1000:.1f} ms of CPU each; "
        f"pay to confirmed p50 {_at(sale.confirmed_seconds, 0.5):.2f} s, "
        f"p99 {_at(sale.confirmed_seconds, 0.99):.2f} s; whole p50 {_at(sale.whole_seconds, 0.5):.2f} s, "
        f"p99 {_at(sale.whole_seconds, 0.99):.2f} s; {sale.in_time} paid in time, {sale.lost} of them lost "
        f"their seats; refused {dict(sale.refused)}",
        flush=True,
    )


def _at(seconds: list[float], share: float) -> float:
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)] if seconds else float("nan")


async def _measure(
    installation: Installation, clients: int, seconds: float, hold_seconds: int
) -> tuple[Sale, float]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        buyers = SaleBuyers(session, installation)
        await buyers.wait_for_services()
        await buyers.publish(SEATS, hold_seconds=hold_seconds)
        await buyers.sign_in()
        before, began = installation.own_cpu(), time.monotonic()
        sale = Sale()
        until = began + seconds
        await asyncio.gather(*(buyers.buy(sale, until) for _ in range(clients)))
        sale.seconds = time.monotonic() - began
        return sale, installation.own_cpu() - before


class SaleBuyers(Buyers):
    """Who buys, pays, and looks until the order is confirmed."""

    async def buy(self, sale: Sale, until: float) -> None:
        while time.monotonic() < until:
            try:
                await self._buy_once(sale)
            except _Refused as refused:
                sale.refused[str(refused)] += 1

    async def _buy_once(self, sale: Sale) -> None:
        began = time.monotonic()
        self._count += 1
        who, seats = f"usr_{self._count % BUYERS}", self.pairs[self._count]
        hold = await self._ask("POST", f"/api/events/{self.event_id}/holds", who, {"seats": seats})
        buyer = {"name": "Bea Brandt", "email": "bea@example.org"}
        order = await self._ask("POST", "/api/orders", who, {"hold_id": hold["hold_id"], "buyer": buyer})
        payment = order["payment"]
        pay = {"client_secret": payment["client_secret"], "card": _CARD}
        await self._ask("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", None, pay)
        paid = time.monotonic()
        in_time = datetime.now(UTC) < datetime.fromisoformat(order["expires_at"])
        sale.in_time += in_time
        while time.monotonic() < paid + PATIENCE_SECONDS:
            status = (await self._ask("GET", f"/api/orders/{order['id']}", who))["status"]
            if status == "confirmed":
                sale.confirmed_seconds.append(time.monotonic() - paid)
                sale.whole_seconds.append(time.monotonic() - began)
                return
            if status in LOST[1:]:
                break
            await asyncio.sleep(LOOK_SECONDS)
        sale.lost += in_time

    async def _ask(self, method: str, path: str, who: str | None, body: Any = None) -> Any:
        try:
            return await self.call(method, path, who, body)
        except AssertionError as error:
            raise _Refused(f"{method} {path.split('/')[2]} {error.args[0][0]}") from None
        except aiohttp.ClientError as error:
            raise _Refused(f"{method} {path.split('/')[2]} {type(error).__name__}") from None


class _Refused(Exception):
    pass
