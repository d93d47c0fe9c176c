"""The bounds of an installation, and the simulation of queues that checks them."""

import pytest

from bench.demands import Demands
from bench.scale import STATIONS, TOLERANCE, bound, growth, simulated


def demands(**purchase_ms: float) -> Demands:
    nothing = dict.fromkeys(STATIONS, 0.0)
    return Demands(nothing, {"purchase": nothing | purchase_ms, "look at the map": nothing})


FOUND = demands(gateway=2.0, tickets=4.0, MongoDB=3.0)


def test_the_station_with_the_most_work_is_the_bound() -> None:
    assert bound(FOUND, dict.fromkeys(STATIONS, 1)) == (250.0, "tickets")
    assert bound(FOUND, dict.fromkeys(STATIONS, 1) | {"tickets": 2}) == pytest.approx((1000 / 3, "MongoDB"))


def test_what_is_used_while_nobody_asks_is_not_there_for_buyers() -> None:
    busy = Demands(FOUND.idle_share | {"tickets": 0.5}, FOUND.work_ms)
    assert bound(busy, dict.fromkeys(STATIONS, 1)) == (125.0, "tickets")


def test_a_core_is_added_where_none_is_left() -> None:
    first, second, third = growth(FOUND, 3)
    assert set(first.values()) == {1}
    assert second == first | {"tickets": 2}
    assert third == second | {"MongoDB": 2}


@pytest.mark.parametrize("copies", [1, 2])
def test_queues_serve_what_the_bound_says(copies: int) -> None:
    cores = dict.fromkeys(STATIONS, 1) | {"tickets": copies}
    served = simulated(FOUND, cores, inside=20, seconds=30.0, seed=3)
    assert served.rate == pytest.approx(bound(FOUND, cores).purchases_a_second, rel=TOLERANCE)


def test_below_the_bound_nobody_waits_long() -> None:
    served = simulated(FOUND, dict.fromkeys(STATIONS, 1), a_second=125.0, seconds=30.0, seed=3)
    assert served.rate == pytest.approx(125.0, rel=TOLERANCE)
    assert served.p50_seconds < 0.03
