"""Rounds of two or more ways to do the same, in turn, and what they cost beside the first."""

import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

Work = Callable[[], Awaitable[None]]


class Round(NamedTuple):
    """Of one piece of work."""

    cpu_micros: float
    wall_micros: float


def own_cpu() -> float:
    """Seconds of this process, all its threads and the kernel's work for them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def alternate(
    works: Mapping[str, Work], *, rounds: int, pieces: int, cpu: Callable[[str], float] = lambda _: own_cpu()
) -> dict[str, list[Round]]:
    """Each round does every work once, each time beginning with the next one. A work does `pieces`; `cpu` is
    asked for the seconds so far of whoever does the work of that name."""
    names = list(works)
    found: dict[str, list[Round]] = {name: [] for name in names}
    for name in names:
        await works[name]()  # warms up
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            spent, began = cpu(name), time.perf_counter()
            await works[name]()
            wall = time.perf_counter() - began
            found[name].append(Round((cpu(name) - spent) / pieces * 1e6, wall / pieces * 1e6))
    return found


def told(what: str, found: Mapping[str, list[Round]]) -> str:
    """Medians, and the medians of the rounds' ratios to the first."""
    base = next(iter(found.values()))
    lines = [what]
    for name, rounds in found.items():
        cpu = statistics.median(one.cpu_micros for one in rounds)
        wall = statistics.median(one.wall_micros for one in rounds)
        ratios = sorted(one.cpu_micros / other.cpu_micros for one, other in zip(rounds, base, strict=True))
        low, middle, high = statistics.quantiles(ratios, n=4)
        rate = statistics.median(
            other.wall_micros / one.wall_micros for one, other in zip(rounds, base, strict=True)
        )
        lines.append(
            f"  {name}: CPU {cpu:.1f} µs, {1e6 / wall:,.0f}/s · in pairs CPU {middle:.2f} "
            f"({low:.2f} to {high:.2f} in half of {len(rounds)}), rate {rate:.2f}"
        )
    return "\n".join(lines)
