"""The result as JSON: what the page is made of, and what programs read."""

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import StatisticsError, correlation
from typing import Literal

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.line.domain.admission import GOOD_P95_SECONDS
from houseful.tools.rush.people import Person
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.recording import SHARES, Recording, percentile
from houseful.tools.rush.rehearsal import Rehearsed, outcomes
from houseful.tools.rush.verdict import Verdict

BINS = 120
"""At most so many points of a series."""
_DOTS = 1_500
BOARD_SEATS = 20_000
BOARD_WAITING = 100_000


class Bin(msgspec.Struct, frozen=True, array_like=True):
    """Of a stretch of time: its begin in seconds, and percentiles in seconds."""

    at: float
    count: int
    p50: float
    p95: float
    p99: float


class StepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`percentiles` are the 50th, 90th, 99th and 99.9th, in seconds from the scheduled start."""

    count: int
    percentiles: list[float]
    longest: float
    over_time: list[Bin]


class Fairness(msgspec.Struct, frozen=True, kw_only=True):
    """`order` is the rank correlation of number and moment of admission: 1 is the line's own order.
    `early` is that of the moment of joining the lobby and the number: 0 is a draw in which it did not count.
    `admissions` are some (number, second)."""

    order: float | None
    early: float | None
    admissions: list[tuple[int, float]]


class Bots(msgspec.Struct, frozen=True, kw_only=True):
    people: int
    seats: int
    share_of_people: float
    share_of_seats: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`buyers_per_minute` is the pace of the middle of the sale; `is_limit` says whether it was the
    installation that set it. `visitors_per_second` is what the line's admission starts from."""

    version: Literal[1] = 1
    at: str
    machine: str
    plan: Plan
    event_id: str
    sentence: str
    buyers_per_minute: float
    visitors_per_second: float
    seats_per_buyer: float
    is_limit: bool
    sold_out: bool
    seats: int
    seats_sold: int
    seconds: float
    steps: dict[str, StepFigures]
    per_second: dict[str, list[tuple[float, float]]]
    levels: dict[str, list[tuple[float, float]]]
    marks: list[tuple[float, str]]
    refusals: list[tuple[str, str, int]]
    retries: list[tuple[str, str, int]]
    outcomes: dict[str, dict[str, int]]
    fairness: Fairness | None
    bots: Bots
    verdicts: list[Verdict]

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.verdicts)


def figures(seen: Rehearsed, verdicts: Sequence[Verdict], now: Millis) -> Figures:
    recording = seen.recording
    buyers, sold = recording.total("orders"), seen.ledger.seats_sold
    per_minute = pace(recording.counts["orders"]) * 60
    visits = "admitted" if seen.venue.has_line else "arrived"
    per_buyer = sold / buyers if buyers else 0.0
    is_limit = _is_limit(recording)
    return Figures(
        at=rfc3339(now),
        machine=machine(),
        plan=seen.plan,
        event_id=seen.venue.event_id,
        sentence=sentence(per_minute, per_buyer, is_limit=is_limit),
        buyers_per_minute=per_minute,
        visitors_per_second=pace(recording.counts[visits]) if buyers else 0.0,
        seats_per_buyer=per_buyer,
        is_limit=is_limit,
        sold_out=seen.sold_out,
        seats=seen.venue.seats,
        seats_sold=sold,
        seconds=max((at for at, _ in recording.levels), default=0.0),
        steps={name: _step(recording, name) for name in recording.steps},
        per_second={name: _per_second(counter) for name, counter in recording.counts.items()},
        levels=_levels(recording),
        marks=recording.marks,
        refusals=_ranked(recording.refusals),
        retries=_ranked(recording.retries),
        outcomes={kind: dict(found.most_common()) for kind, found in outcomes(seen.people).items()},
        fairness=_fairness(seen.people, recording.zero) if seen.venue.has_line else None,
        bots=_bots(seen.people),
        verdicts=list(verdicts),
    )


def sentence(buyers_per_minute: float, seats_per_buyer: float, *, is_limit: bool) -> str:
    """What one tells a board."""
    if not buyers_per_minute or not seats_per_buyer:
        return "Nobody bought anything: this rehearsal says nothing about this machine."
    minutes = BOARD_SEATS / seats_per_buyer / buyers_per_minute
    at_least = "" if is_limit else "at least "
    at_most = "" if is_limit else " at most"
    return (
        f"This machine serves {at_least}{buyers_per_minute:,.0f} buyers a minute; {BOARD_SEATS:,} seats with "
        f"{BOARD_WAITING:,} waiting sell out in{at_most} {minutes:,.1f} minutes."
    )


def pace(by_second: Mapping[int, int]) -> float:
    """How many a second in the middle of it: without the first and the last tenth of them."""
    total = sum(by_second.values())
    done, first, last = 0, None, None
    for second in sorted(by_second):
        before, done = done, done + by_second[second]
        if first is None and done > total * 0.1:
            first = (second, before)
        if done >= total * 0.9:
            last = (second, done)
            break
    if first is None or last is None:
        return 0.0
    return (last[1] - first[1]) / (last[0] + 1 - first[0])


def machine() -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} processors, {system}, Python {platform.python_version()}"


def _is_limit(recording: Recording) -> bool:
    """Whether the installation was at its limit: a hold of twenty took longer than admission lets it."""
    holds = recording.steps["hold"].seconds
    return bool(holds) and percentile(sorted(holds), 0.95) >= GOOD_P95_SECONDS


def _step(recording: Recording, name: str) -> StepFigures:
    step = recording.steps[name]
    ordered = sorted(step.seconds)
    began, ended = min(step.started), max(step.started)
    width = max((ended - began) / BINS, 1.0)
    bins: dict[int, list[float]] = {}
    for started, seconds in zip(step.started, step.seconds, strict=True):
        bins.setdefault(int((started - began) / width), []).append(seconds)
    over_time = []
    for number, values in sorted(bins.items()):
        values.sort()
        p50, p95, p99 = (_rounded(percentile(values, share)) for share in (0.5, 0.95, 0.99))
        over_time.append(Bin(round(began + number * width, 1), len(values), p50, p95, p99))
    return StepFigures(
        count=len(ordered),
        percentiles=[_rounded(percentile(ordered, share)) for share in SHARES],
        longest=_rounded(ordered[-1]),
        over_time=over_time,
    )


def _per_second(counter: Mapping[int, int]) -> list[tuple[float, float]]:
    """In stretches of some seconds, so that a long rehearsal has as many points as a short one."""
    if not counter:
        return []
    began, ended = min(counter), max(counter)
    width = max(1, -(-(ended + 1 - began) // BINS))
    sums: Counter[int] = Counter()
    for second, count in counter.items():
        sums[(second - began) // width] += count
    last = (ended - began) // width
    return [(float(began + n * width), round(sums[n] / width, 2)) for n in range(last + 1)]


def _levels(recording: Recording) -> dict[str, list[tuple[float, float]]]:
    step = max(1, len(recording.levels) // BINS)
    found: dict[str, list[tuple[float, float]]] = {}
    for at, values in recording.levels[::step] + recording.levels[-1:]:
        for name, value in values.items():
            found.setdefault(name, []).append((round(at, 1), value))
    return found


def _ranked(counter: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    return [
        (step, reason, count) for (step, reason), count in sorted(counter.items(), key=lambda one: -one[1])
    ]


def _fairness(people: Sequence[Person], zero: float) -> Fairness:
    admitted = [
        (person.number, person.passed_at - zero)
        for person in people
        if person.number is not None and person.passed_at is not None
    ]
    drawn = [(person.index, person.number) for person in people if person.in_lobby and person.number]
    return Fairness(
        order=ranked_correlation(admitted),
        early=ranked_correlation([(float(index), float(number)) for index, number in drawn]),
        admissions=[(n, round(at, 1)) for n, at in admitted[:: max(1, len(admitted) // _DOTS)]],
    )


def ranked_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's; None where there is nothing to compare."""
    try:
        left, right = zip(*pairs, strict=True)
        return round(correlation(_ranks(left), _ranks(right)), 4)
    except (StatisticsError, ValueError):
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """Equal values share the middle of their ranks."""
    ranks = [0.0] * len(values)
    done = 0
    for _, group in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        indexes = list(group)
        for index in indexes:
            ranks[index] = done + (len(indexes) + 1) / 2
        done += len(indexes)
    return ranks


def _bots(people: Sequence[Person]) -> Bots:
    bots = [person for person in people if person.kind == "bots"]
    seats, all_seats = sum(one.seats for one in bots), sum(one.seats for one in people)
    return Bots(
        people=len(bots),
        seats=seats,
        share_of_people=len(bots) / len(people),
        share_of_seats=seats / all_seats if all_seats else 0.0,
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 5)
