"""Best available seats, held against a search that tries everything."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.seating.parsing import StandingArea, plan_from_obj
from houseful.tickets.domain.best import best_seats
from houseful.tickets.domain.layout import Layout, compile_layout
from houseful.tools.sample_venues import arena, theatre
from tests.support.examples import examples

# Rows of the small hall: seats by letter of their category, a space is an aisle.
HALL = {"Left": ["AAAA AAAA", "AABBBB", "B"], "Right": ["AAAAAA", "BBB BBB", "BBBBBB"]}


def build(zones: dict[str, list[str]], standing: dict[str, int] | None = None) -> Layout:
    made: list[dict[str, Any]] = []
    for index, (name, rows) in enumerate(zones.items()):
        rows_made = []
        for j, text in enumerate(rows):
            seats = [
                {
                    "seat_guid": f"{name}-{j + 1}-{i + 1}",
                    "seat_number": str(i + 1),
                    "position": {"x": 20 * i, "y": 0},
                    "category": letter,
                }
                for i, letter in enumerate(text)
                if letter != " "
            ]
            rows_made.append({"row_number": str(j + 1), "position": {"x": 0, "y": 30 * j}, "seats": seats})
        made.append({"name": name, "position": {"x": 300 * index, "y": 100}, "rows": rows_made})
    stage = {"position": {"x": 200, "y": 0}, "width": 60, "height": 20, "text": "Stage"}
    made.append({"name": "Floor", "position": {"x": 0, "y": 0}, "rows": [], "areas": [stage]})
    plan = {"name": "Hall", "categories": [{"name": name} for name in "ABC"], "zones": made}
    areas = [
        StandingArea(zone="Floor", name=name, category="C", capacity=places)
        for name, places in (standing or {}).items()
    ]
    return compile_layout(plan_from_obj(plan), areas)


SMALL = build(HALL)
WITH_PIT = build(HALL, {"Pit": 12})


def distance(layout: Layout, ordinal: int) -> int:
    return round(1000 * math.dist(layout.position_of(ordinal), layout.focal))


def neighbours(layout: Layout, a: int, b: int) -> bool:
    """In these halls the usual spacing is 20, and an aisle is a seat wide."""
    return (
        a + 1 == b
        and layout.row_index[a] == layout.row_index[b]
        and math.dist(layout.position_of(a), layout.position_of(b)) < 1.6 * 20
    )


def left_alone(layout: Layout, statuses: bytes, first: int, last: int) -> int:
    def free(seat: int, beside: int) -> bool:
        low, high = sorted((seat, beside))
        return low >= 0 and high < len(statuses) and neighbours(layout, low, high) and not statuses[seat]

    left = free(first - 1, first) and not free(first - 2, first - 1)
    right = free(last + 1, last) and not free(last + 2, last + 1)
    return left + right


def by_trying_all(layout: Layout, statuses: bytes, quantity: int, fits: list[bool]) -> list[int] | None:
    windows = []
    for first in range(layout.seats_total - quantity + 1):
        seats = list(range(first, first + quantity))
        if any(statuses[seat] or not fits[seat] for seat in seats):
            continue
        if all(neighbours(layout, a, b) for a, b in pairwise(seats)):
            far = sum(distance(layout, seat) for seat in seats)
            windows.append((left_alone(layout, statuses, first, seats[-1]), far, seats))
    return min(windows)[2] if windows else None


def groups_of(layout: Layout, seats: list[int]) -> list[list[int]]:
    groups: list[list[int]] = []
    for seat in seats:
        if groups and neighbours(layout, groups[-1][-1], seat):
            groups[-1].append(seat)
        else:
            groups.append([seat])
    return groups


STATUSES = st.lists(
    st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=SMALL.seats_total, max_size=SMALL.seats_total
)


@examples(300)
@given(
    statuses=STATUSES.map(bytes),
    quantity=st.integers(1, 8),
    category=st.sampled_from([None, 0, 1]),
    section=st.sampled_from([None, 0, 1]),
)
def test_the_choice_is_the_best_there_is(
    statuses: bytes, quantity: int, category: int | None, section: int | None
) -> None:
    fits = [
        category in (None, SMALL.category_of(seat)) and section in (None, SMALL.section_of(seat).index)
        for seat in range(SMALL.seats_total)
    ]
    free = [seat for seat in range(SMALL.seats_total) if fits[seat] and not statuses[seat]]
    chosen = best_seats(SMALL, statuses, quantity, category=category, section=section)
    if len(free) < quantity:
        assert chosen is None
        return
    assert chosen is not None
    assert chosen == sorted(set(chosen))
    assert len(chosen) == quantity
    assert set(chosen) <= set(free)
    together = by_trying_all(SMALL, statuses, quantity, fits)
    if together is not None:
        assert chosen == together
        return
    fewest = min(
        (n for part in (0, 1) if (n := fewest_groups(statuses, quantity, fits, part)) is not None),
        default=None,
    )
    if fewest is not None:
        assert len(groups_of(SMALL, chosen)) <= fewest
        assert len({SMALL.section_of(seat).index for seat in chosen}) == 1


def fewest_groups(statuses: bytes, quantity: int, fits: list[bool], section: int) -> int | None:
    seats = [
        seat
        for seat in range(SMALL.seats_total)
        if fits[seat] and not statuses[seat] and SMALL.section_of(seat).index == section
    ]
    total = 0
    for n, group in enumerate(sorted(groups_of(SMALL, seats), key=len, reverse=True), 1):
        total += len(group)
        if total >= quantity:
            return n
    return None


def taken(layout: Layout, *ids: str) -> bytes:
    """Everything is taken but these."""
    free = {layout.ordinal_of(id) for id in ids}
    assert None not in free
    return bytes(seat not in free for seat in range(layout.seats_total))


def names(layout: Layout, chosen: list[int] | None) -> list[str] | None:
    return None if chosen is None else [layout.seat_id(seat) for seat in chosen]


def test_an_aisle_parts_neighbours() -> None:
    statuses = taken(SMALL, "Left-1-4", "Left-1-6", "Right-3-1", "Right-3-2")
    assert names(SMALL, best_seats(SMALL, statuses, 2)) == ["Right-3-1", "Right-3-2"]


def test_no_single_seat_is_left_alone_if_there_is_another_way() -> None:
    middle = taken(SMALL, "Right-1-1", "Right-1-2", "Right-1-3", "Right-3-4", "Right-3-5")
    assert names(SMALL, best_seats(SMALL, middle, 2)) == ["Right-3-4", "Right-3-5"]
    assert names(SMALL, best_seats(SMALL, middle, 3)) == ["Right-1-1", "Right-1-2", "Right-1-3"]
    only = taken(SMALL, "Right-1-1", "Right-1-2", "Right-1-3")
    assert names(SMALL, best_seats(SMALL, only, 2)) == ["Right-1-1", "Right-1-2"]


def test_a_party_is_split_in_one_row_before_two_rows_and_in_near_rows_before_far_ones() -> None:
    same = taken(SMALL, "Right-1-1", "Right-1-2", "Right-1-4", "Right-1-5", "Right-2-1", "Right-2-2")
    assert names(SMALL, best_seats(SMALL, same, 4)) == ["Right-1-1", "Right-1-2", "Right-1-4", "Right-1-5"]
    near = taken(SMALL, "Right-1-1", "Right-1-2", "Right-2-1", "Right-2-2", "Right-3-5", "Right-3-6")
    assert names(SMALL, best_seats(SMALL, near, 4)) == ["Right-1-1", "Right-1-2", "Right-2-1", "Right-2-2"]


def test_nobody_sits_alone_when_a_party_can_be_split_otherwise() -> None:
    statuses = taken(SMALL, *(f"Right-{row}-{seat}" for row in (1, 3) for seat in (1, 2, 3)))
    chosen = best_seats(SMALL, statuses, 4)
    assert chosen is not None
    assert [len(group) for group in groups_of(SMALL, chosen)] == [2, 2]


def test_a_party_is_split_over_sections_as_the_last_resort() -> None:
    statuses = taken(SMALL, "Left-1-1", "Left-2-1", "Right-1-1", "Right-1-2")
    assert names(SMALL, best_seats(SMALL, statuses, 4)) == ["Left-1-1", "Left-2-1", "Right-1-1", "Right-1-2"]
    assert best_seats(SMALL, statuses, 5) is None
    assert best_seats(SMALL, statuses, 3, section=0) is None


def test_a_category_is_kept_to() -> None:
    chosen = best_seats(SMALL, bytes(SMALL.seats_total), 4, category=1, section=0)
    assert names(SMALL, chosen) == ["Left-2-3", "Left-2-4", "Left-2-5", "Left-2-6"]


def test_standing_places_are_the_lowest_free_ones() -> None:
    pit = WITH_PIT.sections[-1]
    statuses = bytearray(WITH_PIT.seats_total)
    statuses[pit.first + 1] = 2
    assert names(WITH_PIT, best_seats(WITH_PIT, statuses, 3, section=pit.index)) == [
        "pit-1",
        "pit-3",
        "pit-4",
    ]
    assert names(WITH_PIT, best_seats(WITH_PIT, statuses, 2, category=2)) == ["pit-1", "pit-3"]
    assert best_seats(WITH_PIT, statuses, 12, section=pit.index) is None


def test_seats_come_before_places_and_places_fill_up() -> None:
    pit = WITH_PIT.sections[-1]
    seats = pit.first
    chosen = best_seats(WITH_PIT, bytes(WITH_PIT.seats_total), 10)
    assert chosen is not None
    assert max(chosen) < seats
    statuses = bytes([1]) * (seats - 1) + bytes(13)
    assert names(WITH_PIT, best_seats(WITH_PIT, statuses, 2)) == ["pit-1", "pit-2"]
    everything = best_seats(WITH_PIT, statuses, 13)
    assert everything == list(range(seats - 1, seats + 12))
    assert best_seats(WITH_PIT, statuses, 14) is None


def test_the_best_of_a_theatre_is_in_the_middle_of_the_front() -> None:
    plan, _, _ = theatre(900)
    layout = compile_layout(plan_from_obj(plan))
    chosen = best_seats(layout, bytes(layout.seats_total), 4)
    assert chosen is not None
    assert {layout.row_of(seat) for seat in chosen} == {"A"}
    boxes = best_seats(layout, bytes(layout.seats_total), 5, category=layout.category_named("Boxes"))
    assert boxes is not None
    assert len({layout.row_of(seat) for seat in boxes}) == 2


def test_an_arena_sells_out_one_party_after_another() -> None:
    plan, areas, _ = arena(500)
    layout = compile_layout(plan_from_obj(plan), [StandingArea(**area) for area in areas])
    statuses = bytearray(layout.seats_total)
    quantities = [1 + i * 7 % 6 for i in range(500)]
    for quantity in quantities:
        chosen = best_seats(layout, statuses, quantity)
        if chosen is None:
            assert statuses.count(0) < quantity
            continue
        assert len(chosen) == quantity
        for seat in chosen:
            assert not statuses[seat]
            statuses[seat] = 2
    assert all(statuses)


@pytest.mark.parametrize("bad", [{"quantity": 0}, {"quantity": -1}, {"quantity": 1, "statuses": b""}])
def test_nonsense_is_refused(bad: dict[str, Any]) -> None:
    statuses = bad.pop("statuses", bytes(SMALL.seats_total))
    with pytest.raises(ValueError, match="best_seats needs"):
        best_seats(SMALL, statuses, **bad)
