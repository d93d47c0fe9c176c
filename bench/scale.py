"""What an installation of so many copies serves, where it saturates first, and what is added then.

    python -m bench scale [--demands=bench/demands.json] [--seed=1]

Computed from measured CPU (`bench demands`): a station, which is the copies of a part or the cores of an
engine's machine, can do no more than its cores allow (the utilization law). A simulation of queues checks
each row: with as many buyers inside as a door lets in it must serve what the bound says, and at 70 % of that
a purchase must not wait long. Exit code 1 where they differ. CPU alone is modelled: no network, no disk.
"""

import math
import random
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import simpy

from bench import demands
from bench.demands import Demands
from bench.line import looks_per_second
from houseful.line.schemas import POLLS, SLOWEST_LOBBY_POLL

STATIONS = ("gateway", "tickets", "payments", "events", "users", "line", "MongoDB", "Kafka", "Redis")
USED = 0.7
"""How far a station is loaded on purpose: beyond it, waiting grows quickly."""
TOLERANCE = 0.05
MAP_LOOKS = 5
"""Looks at the seat map for each purchase. An assumption: people look before they choose, and some leave."""
EDGES = 20
"""Places of a CDN, each of which asks for the state of a line once a second."""
_REQUESTS = 4
"""Of a purchase: hold, order, pay, look at the order."""
_BATCHES_A_SECOND = 20
_PEOPLE = (10_000, 100_000, 1_000_000)
_ADDED = 9
_INSIDE = 60
"""Buyers at once, each the next as soon as the last is through: enough to keep the busiest station busy."""
_LOBBY_SECONDS = 300

Cores = dict[str, int]
Steps = Generator[simpy.Event, Any, None]


class Bound(NamedTuple):
    purchases_a_second: float
    station: str


def main(arguments: Sequence[str]) -> None:
    options = dict(one.removeprefix("--").split("=", 1) for one in arguments)
    found = demands.read(Path(options["demands"])) if "demands" in options else demands.read()
    seed = int(options.get("seed", 1))
    print("Copies and cores, what they serve, and what is added next")
    agrees = True
    for cores in growth(found, _ADDED):
        limit = bound(found, cores)
        served = simulated(found, cores, inside=_INSIDE, seed=seed)
        relaxed = simulated(found, cores, a_second=USED * limit.purchases_a_second, seed=seed)
        fits = abs(served.rate / limit.purchases_a_second - 1) <= TOLERANCE and relaxed.p99_seconds < 1
        agrees = agrees and fits
        differs = "" if fits else " · DIFFERS"
        print(
            f"{told(cores)}: at most {limit.purchases_a_second:,.0f} purchases a second ({limit.station}); "
            f"simulated {served.rate:,.0f}; at {USED:.0%} of it one takes "
            f"p50 {relaxed.p50_seconds * 1000:.0f} ms, p99 {relaxed.p99_seconds * 1000:.0f} ms{differs}",
            flush=True,
        )
    print("People in line: looks a second in the lobby and after the draw, joins a second, and their cores")
    for people in _PEOPLE:
        lobby, drawn, joins = (
            people / SLOWEST_LOBBY_POLL, looks_per_second(POLLS, people), people / _LOBBY_SECONDS
        )  # fmt: skip
        print(
            f"{people:,}: lobby {lobby:,.0f}, {_cores_told(found, 'look at the line', lobby)}; "
            f"drawn {drawn:,.0f}, {_cores_told(found, 'look at the line', drawn)}; behind a CDN {EDGES}; "
            f"joins {joins:,.0f}, {_cores_told(found, 'join', joins)}"
        )
    if not agrees:
        sys.exit("the simulation does not confirm the bounds")


def told(cores: Mapping[str, int]) -> str:
    more = [f"{number} × {name}" for name, number in cores.items() if number > 1]
    return ", ".join(more) if more else "one core for each station"


def _cores_told(found: Demands, what: str, a_second: float) -> str:
    needed = {name: a_second * ms / 1000 / USED for name, ms in found.work_ms[what].items()}
    return (
        ", ".join(f"{math.ceil(cores)} of {name}" for name, cores in needed.items() if cores >= 0.1) or "none"
    )


def purchase_ms(found: Demands) -> dict[str, float]:
    """CPU of a purchase with the looks at the map that lead to it, by station."""
    work = found.work_ms
    return {name: work["purchase"][name] + MAP_LOOKS * work["look at the map"][name] for name in STATIONS}


def bound(found: Demands, cores: Mapping[str, int]) -> Bound:
    """The rate at which the first station has no core left."""
    each = purchase_ms(found)
    rates = {
        name: (cores[name] - found.idle_share[name]) * 1000 / each[name] for name in STATIONS if each[name]
    }
    station = min(rates, key=rates.__getitem__)
    return Bound(rates[station], station)


def growth(found: Demands, steps: int) -> Iterator[Cores]:
    """One core for each station, then each time one more for the station that is saturated first."""
    cores = dict.fromkeys(STATIONS, 1)
    for _ in range(steps):
        yield dict(cores)
        cores[bound(found, cores).station] += 1


class Served(NamedTuple):
    rate: float
    p50_seconds: float
    p99_seconds: float


def simulated(
    found: Demands,
    cores: Mapping[str, int],
    *,
    a_second: float = 0.0,
    inside: int = 0,
    seconds: float = 20.0,
    seed: int = 1,
) -> Served:
    """Purchases that come at random, so many a second, or `inside` at once, each followed by the next. The
    requests of each come one after the other. Each request visits the stations in turn, for times that are
    exponentially distributed. The first third is not counted."""
    chance, env, warm = random.Random(seed), simpy.Environment(), seconds / 3
    stations = {name: simpy.Resource(env, capacity=cores[name]) for name in STATIONS}
    each = purchase_ms(found)
    took: list[float] = []

    def work(name: str, mean_seconds: float) -> Steps:
        with stations[name].request() as turn:
            yield turn
            yield env.timeout(chance.expovariate(1 / mean_seconds))

    def purchase() -> Steps:
        began = env.now
        for _ in range(_REQUESTS):
            for name in STATIONS:
                if each[name]:
                    yield from work(name, each[name] / 1000 / _REQUESTS)
        if env.now >= warm:
            took.append(env.now - began)

    def arrivals() -> Steps:
        while True:
            yield env.timeout(chance.expovariate(a_second))
            env.process(purchase())

    def buyer() -> Steps:
        while True:
            yield from purchase()

    def idle(name: str) -> Steps:
        while True:
            yield env.timeout(chance.expovariate(_BATCHES_A_SECOND))
            yield from work(name, found.idle_share[name] / _BATCHES_A_SECOND)

    if a_second:
        env.process(arrivals())
    for _ in range(inside):
        env.process(buyer())
    for name in STATIONS:
        if found.idle_share[name]:
            env.process(idle(name))
    env.run(until=seconds)
    took.sort()
    return Served(
        len(took) / (seconds - warm), took[len(took) // 2], took[min(int(len(took) * 0.99), len(took) - 1)]
    )
