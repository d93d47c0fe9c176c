"""Admission by measurement: how far the line is called, a pure function of measurements and time.

    front += rate · dt,  rate = min(load, pay, seats, cap)

**load** is found by additive increase and multiplicative decrease. **pay** is the card processor's limit
over its calls for a purchase. **seats**: nobody is called for whom no seat can be left. **cap** is the
organizer's. How many are inside is bounded too, by Little's law: the rate times the time that a visit was
measured to take.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis

Reason = Literal["load", "pay", "seats", "cap", "inside", "nobody_waits", "unmeasured", "not_open"]

GOOD_P95_SECONDS = 0.25
GOOD_LAG_SECONDS = 0.1
GOOD_OUTBOX_SECONDS = 5.0
START_RATE = 10.0
LEAST_RATE = 0.5
INCREASE = 1.0
"""Persons a second, each second."""
DECREASE = 0.7
DECREASE_MILLIS = 3_000
CLAIM_MILLIS = 120_000
"""Who does not claim a pass in this time makes room."""
LONGEST_VISIT_MILLIS = 600_000
STALE_MILLIS = 5_000
LONGEST_STEP_SECONDS = 2.0
CALLS_PER_PURCHASE = 3
LEAST_INSIDE = 10
FIRST_VISIT_SECONDS = 120.0
_WEIGHT = 0.05
_PACE_MILLIS = 10_000
_PACES = 60


class Measurements(msgspec.Struct, frozen=True, kw_only=True):
    """Of the shop, over the last second or so. `seats_left` are free, by category; `seats_held` may come
    back. `fresh` is False where none arrived lately, and the values are the last ones."""

    hold_p95_seconds: float = 0.0
    unavailable: int = 0
    holds: int = 0
    event_holds: int = 0
    lag_seconds: float = 0.0
    outbox_age_seconds: float = 0.0
    seats_left: Mapping[str, int] | None = None
    seats_held: int = 0
    fresh: bool = True

    @property
    def in_trouble(self) -> bool:
        return (
            self.hold_p95_seconds >= GOOD_P95_SECONDS
            or self.unavailable > 0
            or self.lag_seconds >= GOOD_LAG_SECONDS
            or self.outbox_age_seconds >= GOOD_OUTBOX_SECONDS
        )


class Call(msgspec.Struct, frozen=True, array_like=True):
    """How far the line was called at a moment, and how many had claimed a pass."""

    at: Millis
    front: int
    claims: int


class Admission(Document, frozen=True, kw_only=True):
    """How far a line is called, and all that decides how it goes on: after a restart it goes on from here.
    `front` only grows. `load_rate` is what the shop was last seen to bear, in persons a second."""

    collection: ClassVar[str] = "line_admissions"

    front: int = 0
    credit: float = 0.0
    load_rate: float = START_RATE
    rate: float = 0.0
    reason: Reason = "not_open"
    inside: int = 0
    bound: int = LEAST_INSIDE
    expected: int = 0
    claims: int = 0
    visit_seconds: float = FIRST_VISIT_SECONDS
    party: float = 2.0
    conversion: float = 1.0
    decreased_at: Millis = 0
    stepped_at: Millis = 0
    calls: tuple[Call, ...] = ()
    paces: tuple[Call, ...] = ()
    seats_left: Mapping[str, int] | None = None
    seats_held: int = 0
    measured_at: Millis | None = None


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What else a step depends on. `visits` are those that ended since the last step: seconds, seats
    bought."""

    length: int
    inside: int
    claims: int
    is_open: bool
    seats_total: int
    rate_cap: float | None = None
    pay_calls_per_second: float = 0.0
    visits: tuple[tuple[float, int], ...] = ()


def step(admission: Admission, measured: Measurements, now: Situation, at: Millis) -> Admission:
    """The admission a moment later. The clock may jump in either direction: a step is never longer than two
    seconds, and never goes back."""
    seconds = min(max(at - admission.stepped_at, 0) / 1000, LONGEST_STEP_SECONDS)
    learned = _with_calls(_learned(admission, measured, now, at), now.claims, at)
    expected = _expected(learned, now.claims, at)
    if not now.is_open:
        return replace(
            learned, rate=0.0, credit=0.0, reason="not_open", inside=now.inside, expected=expected,
            claims=now.claims, stepped_at=at,
        )  # fmt: skip
    others: list[tuple[float, Reason]] = []
    if now.pay_calls_per_second:
        others.append((now.pay_calls_per_second / CALLS_PER_PURCHASE, "pay"))
    if now.rate_cap is not None:
        others.append((now.rate_cap, "cap"))
    # What does not limit is not tried out: it would grow without being proven.
    is_tried = learned.reason in ("load", "inside") and all(learned.load_rate <= rate for rate, _ in others)
    load_rate = _load_rate(learned, measured, seconds if is_tried else 0, at)
    decreased = load_rate < learned.load_rate
    by_load: tuple[float, Reason] = (load_rate, "load" if measured.fresh else "unmeasured")
    rate, reason = min(by_load, *others, key=lambda limit: limit[0]) if others else by_load
    bound = max(LEAST_INSIDE, math.ceil(rate * learned.visit_seconds)) if rate else 0
    by_seats = seats_bound(learned, now.seats_total)
    inside = now.inside if measured.fresh else min(now.inside, _lately_claimed(learned, now.claims, at))
    room = room_inside(bound - inside, by_seats - now.inside, expected)
    waiting = now.length - learned.front
    credit = learned.credit + rate * seconds
    called = min(int(credit), room, waiting)
    if waiting <= 0:
        reason = "nobody_waits"
    elif room < int(credit):
        reason = "seats" if by_seats < bound else "inside"
    front = learned.front + max(called, 0)
    return replace(
        learned,
        front=front,
        credit=min(credit - called, 1.0),
        load_rate=load_rate,
        rate=rate if reason not in ("seats", "inside") else called / seconds if seconds else 0.0,
        reason=reason,
        inside=now.inside,
        bound=min(bound, by_seats),
        expected=expected + called,
        claims=now.claims,
        decreased_at=at if decreased else min(learned.decreased_at, at),
        stepped_at=at,
        calls=_noted(learned.calls, Call(at, front, now.claims), at - _remembered_millis(learned)),
        paces=_paced(learned.paces, Call(at, front, now.claims)),
    )


def room_inside(by_pace: int, by_seats: int, expected: int) -> int:
    """How many more can be let in; who was called and is on the way has a place already."""
    return max(0, min(by_pace, by_seats) - expected)


def seats_bound(admission: Admission, seats_total: int) -> int:
    """How many can be inside so that there is a seat for each who buys. Held seats are of some who are
    inside."""
    if admission.seats_left is None:
        free = seats_total
    else:
        free = sum(admission.seats_left.values()) + admission.seats_held
    return math.ceil(free / max(admission.party * admission.conversion, 0.1))


def is_at_limit(measured: Measurements) -> bool:
    """The shop is in trouble, and buyers of this event are among those who ask for seats."""
    return measured.fresh and measured.in_trouble and measured.event_holds > 0


def is_needed(admission: Admission, measured: Measurements, length: int) -> bool:
    """Somebody waits, or would have to if the line were not there. What is not known is no quiet."""
    return not measured.fresh or measured.in_trouble or admission.front < length


def woken(admission: Admission, measured: Measurements, length: int, at: Millis) -> Admission:
    """Of a line that wakes: all who have a number were called before, and the shop is known to bear less than
    it was just asked for."""
    rate = max(LEAST_RATE, measured.holds * DECREASE)
    return replace(
        admission, front=length, credit=0.0, load_rate=rate, decreased_at=at, stepped_at=at, paces=()
    )


def is_sold_out(measured: Measurements) -> bool:
    """Nothing is free, and nothing is held that could come back."""
    return (
        measured.fresh
        and measured.seats_left is not None
        and not any(measured.seats_left.values())
        and not measured.seats_held
    )


def has_seats(measured: Measurements) -> bool:
    return measured.fresh and measured.seats_left is not None and any(measured.seats_left.values())


def per_minute(admission: Admission) -> tuple[int, int, int] | None:
    """How many were called in a minute lately: the tenth, the half and the ninth tenth of what was measured.
    None in the first minute."""
    paces = admission.paces
    if len(paces) < 2 or paces[-1].at - paces[0].at < 60_000:
        return None
    rates = sorted(
        (after.front - before.front) * 60_000 / (after.at - before.at) for before, after in pairwise(paces)
    )
    p10, p50, p90 = (rates[min(len(rates) - 1, round(share * (len(rates) - 1)))] for share in (0.1, 0.5, 0.9))
    return round(p10), round(p50), round(p90)


def _learned(admission: Admission, measured: Measurements, now: Situation, at: Millis) -> Admission:
    """With what the visits and the measurements tell."""
    visit, party, conversion = admission.visit_seconds, admission.party, admission.conversion
    for seconds, seats in now.visits:
        visit += _WEIGHT * (seconds - visit)
        conversion += _WEIGHT * ((1.0 if seats else 0.0) - conversion)
        if seats:
            party += _WEIGHT * (seats - party)
    known = measured.fresh and measured.seats_left is not None
    return replace(
        admission,
        visit_seconds=max(visit, 1.0),
        party=party,
        conversion=conversion,
        seats_left=measured.seats_left if known else admission.seats_left,
        seats_held=measured.seats_held if known else admission.seats_held,
        measured_at=at if measured.fresh else admission.measured_at,
    )


def _load_rate(admission: Admission, measured: Measurements, seconds: float, at: Millis) -> float:
    rate = admission.load_rate
    if not measured.fresh:
        return rate  # the last safe one
    if measured.in_trouble:
        since = abs(at - admission.decreased_at)
        return max(LEAST_RATE, rate * DECREASE) if since >= DECREASE_MILLIS else rate
    return rate + INCREASE * seconds


def _with_calls(admission: Admission, claims: int, at: Millis) -> Admission:
    """Its calls of the last minutes. A clock that was set back makes later ones as old as now."""
    calls = tuple(Call(min(call.at, at), call.front, call.claims) for call in admission.calls)
    since = at - _remembered_millis(admission)
    return replace(admission, calls=_noted(calls, Call(at, admission.front, claims), since))


def _remembered_millis(admission: Admission) -> int:
    return max(CLAIM_MILLIS, min(round(admission.visit_seconds * 1000), LONGEST_VISIT_MILLIS))


def _last_call(admission: Admission, since: Millis) -> Call:
    """The last one until then, or the first that is remembered."""
    return next((call for call in reversed(admission.calls) if call.at <= since), admission.calls[0])


def _noted(calls: tuple[Call, ...], latest: Call, since: Millis) -> tuple[Call, ...]:
    """With the latest, and of those before `since` the last only. What says the same as the one before it is
    left out."""
    if calls and (calls[-1].front, calls[-1].claims) == (latest.front, latest.claims):
        kept = calls
    else:
        kept = (*calls, latest)
    first = max((index for index, call in enumerate(kept) if call.at <= since), default=0)
    return kept[first:]


def _lately_claimed(admission: Admission, claims: int, at: Millis) -> int:
    """Who has claimed a pass within the time that a visit takes: so many are inside by Little's law, where
    nobody tells who leaves."""
    return max(0, claims - _last_call(admission, at - round(admission.visit_seconds * 1000)).claims)


def _expected(admission: Admission, claims: int, at: Millis) -> int:
    """Who was called in the last two minutes and has not claimed a pass."""
    first = _last_call(admission, at - CLAIM_MILLIS)
    return max(0, admission.front - first.front - (claims - first.claims))


def _paced(paces: tuple[Call, ...], latest: Call) -> tuple[Call, ...]:
    """A mark each ten seconds, for ten minutes."""
    if paces and 0 <= latest.at - paces[-1].at < _PACE_MILLIS:
        return paces
    if paces and latest.at < paces[-1].at:
        return (latest,)
    return (*paces, latest)[-_PACES:]
