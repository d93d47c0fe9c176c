"""Venues of our own making: exact, sound, the same every time, and drawn without overlaps."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.seating.parsing import StandingArea, check_prices, plan_from_obj
from houseful.tools.sample_venues import Venue, arena, stadium, theatre
from tests.support.examples import examples

COLORS = {"#391B65", "#184F19", "#4C35C7", "#AC5B81", "#6889F9", "#D9770F"}


def places(venue: Venue) -> int:
    """Checks what must hold of every venue; returns how many people it holds."""
    obj, dicts, prices = venue
    plan = plan_from_obj(obj)
    areas = [StandingArea(**area) for area in dicts]
    assert check_prices(plan, prices, areas) == {}
    assert list(prices) == [category.name for category in plan.categories]
    colors = [category.color for category in plan.categories]
    assert len(set(colors)) == len(colors)
    assert set(colors) <= COLORS
    assert plan.size is not None
    points = set()
    for zone in plan.zones:
        for row in zone.rows:
            x, y = zone.position.x + row.position.x, zone.position.y + row.position.y
            for seat in row.seats:
                assert len(seat.seat_guid) <= 16
                points.add((x + seat.position.x, y + seat.position.y))
    seats = sum(len(row.seats) for zone in plan.zones for row in zone.rows)
    assert len(points) == seats
    assert all(x == int(x) and y == int(y) for x, y in points)
    assert all(0 < x < plan.size.width and 0 < y < plan.size.height for x, y in points)
    return seats + sum(area.capacity for area in areas)


def closest(venue: Venue) -> float:
    """The smallest distance between two seats."""
    grid: dict[tuple[int, int], list[tuple[float, float]]] = {}
    nearest = math.inf
    for zone in plan_from_obj(venue[0]).zones:
        for row in zone.rows:
            for seat in row.seats:
                x = zone.position.x + row.position.x + seat.position.x
                y = zone.position.y + row.position.y + seat.position.y
                cell = int(x // 30), int(y // 30)
                for dx in (-1, 0, 1):
                    for dy in (-1, 0, 1):
                        for other in grid.get((cell[0] + dx, cell[1] + dy), ()):
                            nearest = min(nearest, math.dist((x, y), other))
                grid.setdefault(cell, []).append((x, y))
    return nearest


@examples(30)
@given(st.integers(50, 5_000))
def test_a_theatre_has_exactly_the_seats_asked_for(seats: int) -> None:
    assert places(theatre(seats)) == seats


@examples(10)
@given(st.integers(500, 12_000))
def test_an_arena_has_exactly_the_places_asked_for(seats: int) -> None:
    venue = arena(seats)
    assert places(venue) == seats
    standing = sum(area["capacity"] for area in venue[1])
    assert 0.15 * seats <= standing <= 0.25 * seats


@examples(5)
@given(st.integers(2_000, 20_000))
def test_a_stadium_has_exactly_the_seats_asked_for(seats: int) -> None:
    assert places(stadium(seats)) == seats


@pytest.mark.parametrize(
    ("make", "seats"),
    [
        (theatre, 50),
        (theatre, 900),
        (theatre, 5_000),
        (arena, 500),
        (arena, 12_000),
        (stadium, 2_000),
        (stadium, 60_000),
    ],
)
def test_no_seats_overlap(make: Callable[[int], Venue], seats: int) -> None:
    venue = make(seats)
    assert places(venue) == seats
    assert closest(venue) >= 18


@pytest.mark.parametrize(("make", "seats"), [(arena, 40_000), (stadium, 120_000)])
def test_the_largest_fit_the_map(make: Callable[[int], Venue], seats: int) -> None:
    assert places(make(seats)) == seats


def test_defaults() -> None:
    assert places(theatre()) == 900
    assert places(arena()) == 12_000
    venue = stadium()
    assert places(venue) == 60_000
    assert 60 <= sum(bool(zone["rows"]) for zone in venue[0]["zones"]) <= 100


def test_the_same_number_makes_the_same_venue() -> None:
    for make in (theatre, arena, stadium):
        assert make(2_345) == make(2_345)


def test_guids_say_where_a_seat_is() -> None:
    stalls = theatre(900)[0]["zones"][0]
    assert stalls["rows"][0]["seats"][11]["seat_guid"] == "ST-A-12"
    assert stadium(2_000)[0]["zones"][0]["rows"][2]["seats"][0]["seat_guid"] == "101-3-1"


def test_a_theatre_has_aisles_in_its_rows() -> None:
    for row in theatre(900)[0]["zones"][0]["rows"]:
        xs = [(seat["position"]["x"], seat["position"]["y"]) for seat in row["seats"]]
        gaps = sorted(math.dist(a, b) for a, b in pairwise(xs))
        assert gaps[-3] * 1.6 < gaps[-2] <= gaps[-1]


@pytest.mark.parametrize(
    ("make", "seats"),
    [(theatre, 49), (theatre, 5_001), (arena, 499), (arena, 40_001), (stadium, 1_999), (stadium, 120_001)],
)
def test_other_sizes_are_refused(make: Callable[[int], Venue], seats: int) -> None:
    with pytest.raises(ValueError, match=f"not {seats:,}"):
        make(seats)
