"""How far a line is called: a pure function of measurements and time."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from houseful.line.domain import admission
from houseful.line.domain.admission import Admission, Measurements, Situation, step

GOOD = Measurements(seats_left={"Standard": 20_000})
SLOW = replace(GOOD, hold_p95_seconds=0.4)
OPEN = Situation(length=100_000, inside=0, claims=0, is_open=True, seats_total=20_000)
START = 1_800_000_000_000


class Shop:
    """Buyers who claim at once, stay `visit_seconds` and buy `party` seats each."""

    def __init__(self, *, visit_seconds: int = 60, party: int = 2, seats: int = 20_000) -> None:
        self.admission = Admission(id="evt_1", stepped_at=START)
        self.at = START
        self.visit_seconds, self.party, self.seats = visit_seconds, party, seats
        self.claims = 0
        self.visitors: list[int] = []

    def second(self, measured: Measurements = GOOD, **situation: object) -> Admission:
        self.at += 1000
        gone = [entered for entered in self.visitors if self.at - entered >= self.visit_seconds * 1000]
        self.visitors = self.visitors[len(gone) :]
        bought = min(len(gone) * self.party, self.seats)
        self.seats -= bought
        known: dict[str, Any] = {
            "inside": len(self.visitors),
            "claims": self.claims,
            "visits": tuple((float(self.visit_seconds), self.party) for _ in gone),
        }
        now = replace(OPEN, **(known | situation))
        if measured.seats_left is not None:
            measured = replace(measured, seats_left={"Standard": self.seats})
        before = self.admission
        self.admission = step(before, measured, now, self.at)
        assert self.admission.front >= before.front, "the front only grows"
        called = self.admission.front - before.front
        self.claims += called
        self.visitors += [self.at] * called
        return self.admission


def test_the_load_grows_by_steps_and_falls_by_a_share_at_most_once_in_three_seconds() -> None:
    shop = Shop()
    rates = [shop.second().load_rate for _ in range(20)]
    assert rates[-1] == pytest.approx(rates[0] + 19 * admission.INCREASE)
    assert shop.admission.reason == "load"
    high = shop.admission.load_rate
    assert shop.second(SLOW).load_rate == pytest.approx(high * 0.7)
    assert shop.second(SLOW).load_rate == pytest.approx(high * 0.7)
    assert shop.second(SLOW).load_rate == pytest.approx(high * 0.7)
    assert shop.second(SLOW).load_rate == pytest.approx(high * 0.49)


@pytest.mark.parametrize(
    "trouble",
    [{"hold_p95_seconds": 0.25}, {"unavailable": 1}, {"lag_seconds": 0.2}, {"outbox_age_seconds": 9.0}],
)
def test_each_kind_of_trouble_slows_the_line(trouble: dict[str, float]) -> None:
    shop = Shop()
    before = shop.second().load_rate
    assert shop.second(replace(GOOD, **trouble)).load_rate < before


def test_trouble_never_stops_the_line_for_good() -> None:
    shop = Shop()
    for _ in range(300):
        shop.second(SLOW)
    assert shop.admission.load_rate == admission.LEAST_RATE
    front = shop.admission.front
    for _ in range(60):
        shop.second(SLOW)
    assert shop.admission.front > front


def test_the_least_of_the_limits_counts_and_is_the_reason() -> None:
    shop = Shop()
    assert shop.second(rate_cap=2.0).reason == "cap"
    assert shop.admission.rate == 2.0
    assert shop.second(pay_calls_per_second=3.0).reason == "pay"
    assert shop.admission.rate == 1.0
    assert shop.second(rate_cap=0.0).rate == 0


def test_what_does_not_limit_does_not_grow_untried() -> None:
    shop = Shop()
    shop.second(rate_cap=1.0)
    before = shop.admission.load_rate
    for _ in range(60):
        shop.second(rate_cap=1.0)
    assert shop.admission.load_rate == before


def test_inside_stays_within_littles_bound_and_who_leaves_makes_room() -> None:
    """L5."""
    shop = Shop(visit_seconds=300)
    for _ in range(700):
        now = shop.second(rate_cap=5.0)
        assert len(shop.visitors) <= now.bound
    assert now.bound == pytest.approx(5 * now.visit_seconds, abs=1)
    assert now.visit_seconds == pytest.approx(300, rel=0.05)
    assert now.front > 5 * 300


def test_who_does_not_claim_in_two_minutes_makes_room() -> None:
    now, at = Admission(id="evt_1", stepped_at=START), START
    situation = replace(OPEN, rate_cap=1.0)
    fronts = []
    for _ in range(400):
        at += 1000
        now = step(now, GOOD, situation, at)
        fronts.append(now.front)
    assert fronts[118] <= now.bound, "nobody claims: what is called fills the room"
    assert fronts[-1] > fronts[150] > fronts[118], "and after two minutes the next are called"


def test_seats_bound_who_is_inside_and_sold_out_is_when_none_can_come_back() -> None:
    shop = Shop(seats=30)
    for _ in range(40):
        now = shop.second(rate_cap=50.0)
        assert len(shop.visitors) * 2 <= 30 + 1
    assert now.reason == "seats"
    gone = Measurements(seats_left={"Standard": 0})
    assert admission.is_sold_out(gone)
    assert not admission.is_sold_out(replace(gone, seats_held=1))
    assert not admission.is_sold_out(replace(gone, fresh=False))
    assert admission.has_seats(GOOD)
    assert not admission.has_seats(gone)


def test_without_measurements_the_last_safe_rate_is_kept() -> None:
    shop = Shop()
    for _ in range(5):
        shop.second()
    rate = shop.admission.load_rate
    for _ in range(30):
        now = shop.second(Measurements(fresh=False))
    assert (now.load_rate, now.rate, now.reason) == (rate, rate, "unmeasured")
    assert now.seats_left == {"Standard": 20_000}


def test_where_nobody_tells_who_leaves_the_line_goes_on_at_that_rate() -> None:
    """Visits end by themselves after ten minutes then. So long they must not hold the line up."""
    shop = Shop(seats=200_000)
    for _ in range(130):
        shop.second()
    rate, before = shop.admission.rate, shop.admission.front
    for _ in range(400):
        shop.second(Measurements(fresh=False), inside=shop.claims, visits=())
    called = shop.admission.front - before
    assert 0.8 * 400 * rate <= called <= 1.05 * 400 * rate


def test_a_line_that_is_not_open_calls_nobody() -> None:
    shop = Shop()
    shop.second()
    front = shop.admission.front
    for _ in range(10):
        now = shop.second(is_open=False)
    assert (now.front, now.rate, now.reason) == (front, 0.0, "not_open")


def test_nobody_is_called_who_is_not_there() -> None:
    shop = Shop()
    for _ in range(30):
        now = shop.second(length=7)
    assert now.front == 7
    assert now.reason == "nobody_waits"
    now = shop.second(length=8)
    assert now.front == 8, "who comes after the line is empty walks in"


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_jumps_calls_no_crowd_and_stops_nothing(minutes: int) -> None:
    """L8."""
    shop = Shop()
    for _ in range(10):
        shop.second()
    front, rate = shop.admission.front, shop.admission.rate
    shop.at += minutes * 60_000
    assert shop.second().front <= front + 2 * (rate + 2)
    front = shop.admission.front
    for _ in range(10):
        shop.second()
    assert shop.admission.front > front


def test_the_pace_is_not_known_in_the_first_minute() -> None:
    shop = Shop()
    for _ in range(60):
        shop.second(rate_cap=3.0)
        assert admission.per_minute(shop.admission) is None
    for _ in range(60):
        shop.second(rate_cap=3.0)
    assert admission.per_minute(shop.admission) == (180, 180, 180)


def test_whatever_happens_the_front_only_grows_and_nobody_is_called_twice() -> None:
    """L2's half: random measurements, lengths and clocks, with fixed seeds."""
    for seed in range(50):
        chance = random.Random(seed)
        now, at, length = Admission(id="evt_1"), START, 0
        for _ in range(200):
            at += chance.choice((1000, 1000, 250, 5000, -600_000, 600_000))
            length += chance.choice((0, 1, 50))
            measured = Measurements(
                hold_p95_seconds=chance.choice((0.01, 1.0)),
                seats_left=chance.choice((None, {"A": 0}, {"A": 5}, {"A": 5000})),
                fresh=chance.random() < 0.8,
            )
            situation = Situation(
                length=length,
                inside=chance.randrange(40),
                claims=chance.randrange(now.front + 1),
                is_open=chance.random() < 0.9,
                seats_total=5000,
                rate_cap=chance.choice((None, 0.0, 7.0)),
            )
            after = step(now, measured, situation, at)
            assert now.front <= after.front <= length
            assert len(after.calls) < 200
            now = after
