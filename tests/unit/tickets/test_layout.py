"""The compiled hall: every seat is where the plan says, and everybody computes the same."""

import json
import re
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.seating.parsing import StandingArea
from houseful.tickets.domain.geometry import geometry
from houseful.tickets.domain.layout import Layout
from houseful.tools.sample_venues import Venue, arena, stadium, theatre
from tests.support.examples import examples
from tests.unit.tickets.layouts import SPORTS_HALL, Json, built, hall, of, row, zone
from tests.unit.tickets.test_focal_point import BLOCK, shape


def decode_geometry(data: bytes) -> tuple[Json, list[tuple[int, int]]]:
    """What docs/seat-map.md says: the metadata and the place of every seat."""
    magic, seats, length = struct.unpack_from("<4sII", data)
    assert magic == b"HFG1"
    assert length % 4 == 0
    metadata = json.loads(data[12 : 12 + length].decode())
    assert len(data) == 12 + length + 4 * seats
    axes = []
    for start in (12 + length, 12 + length + 2 * seats):
        values, at = [], 0
        for delta in struct.unpack_from(f"<{seats}h", data, start):
            at = (at + delta + 2**15) % 2**16 - 2**15
            values.append(at)
        axes.append(values)
    return metadata, list(zip(*axes, strict=True))


def contains(outline: list[list[int]], x: int, y: int) -> bool:
    """Inside a convex polygon or on its edge."""
    closed = [*outline, outline[0]]
    sides = {(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in pairwise(closed)}
    return min(sides) >= 0 or max(sides) <= 0


VENUES = st.one_of(
    st.builds(theatre, st.integers(50, 600)),
    st.builds(arena, st.integers(500, 1_500)),
    st.builds(stadium, st.integers(2_000, 2_500)),
)


def check(layout: Layout) -> None:
    """All that must hold of any layout."""
    everyone = range(layout.seats_total)
    assert [layout.ordinal_of(layout.seat_id(ordinal)) for ordinal in everyone] == list(everyone)
    for parts in (layout.sections, layout.rows, layout.blocks):
        assert [part.index for part in parts] == list(range(len(parts)))
    for pieces in (layout.rows, layout.blocks):
        ends = [piece.first_ordinal + piece.count for piece in pieces]
        assert [piece.first_ordinal for piece in pieces] == [0, *ends[:-1]]
        assert ends[-1] == layout.seats_total
    for block in layout.blocks:
        assert 1 <= block.count <= 50
        inside = range(block.first_ordinal, block.first_ordinal + block.count)
        assert {layout.block_of(ordinal) for ordinal in inside} == {block.index}
        assert {layout.section_of(ordinal).index for ordinal in inside} == {block.section_index}
        assert {layout.row_of(ordinal) for ordinal in inside} == {block.row}
    ids = [section.id for section in layout.sections]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,45}", id) for id in ids)
    for section in layout.sections:
        assert layout.section_by_id(section.id) is section
        assert {layout.category_of(section.first + i) for i in range(section.count)} == set(
            section.categories
        )


def check_geometry(layout: Layout) -> None:
    """All that the browser gets is what the layout holds."""
    metadata, points = decode_geometry(geometry(layout))
    assert points == [layout.position_of(ordinal) for ordinal in range(layout.seats_total)]
    width, height = metadata["size"]["width"], metadata["size"]["height"]
    next_ordinal = 0
    for section, sent in zip(layout.sections, metadata["sections"], strict=True):
        assert sent["first"] == next_ordinal
        next_ordinal += sent["count"]
        assert (sent["id"], sent["name"], sent["kind"]) == (section.id, section.name, section.kind)
        assert all(contains(sent["outline"], *points[i]) for i in range(sent["first"], next_ordinal))
        assert all(0 <= x <= width and 0 <= y <= height for x, y in sent["outline"])
    assert next_ordinal == layout.seats_total
    next_ordinal = 0
    for section_index, name, first, count, category, number, step in metadata["runs"]:
        assert first == next_ordinal
        next_ordinal += count
        for i in range(count):
            assert layout.section_of(first + i).index == section_index
            assert layout.row_of(first + i) == name
            assert layout.category_of(first + i) == category
            text = number if isinstance(number, str) else str(number + i * step)
            assert layout.number_of(first + i) == text
            assert not isinstance(number, str) or (count == 1 and step == 0)
    assert next_ordinal == layout.seats_total
    assert [category["name"] for category in metadata["categories"]] == [c.name for c in layout.categories]


@examples(25)
@given(VENUES)
def test_a_venue_of_any_size_becomes_a_sound_layout(venue: Venue) -> None:
    layout = built(venue)
    check(layout)
    check_geometry(layout)
    seats = [
        (seat["seat_guid"], seat["seat_number"], row["row_number"], zone["name"], seat["category"])
        for zone in venue[0]["zones"]
        for row in zone["rows"]
        for seat in row["seats"]
    ]
    assert seats == [
        (
            layout.seat_id(i),
            layout.number_of(i),
            layout.row_of(i),
            layout.section_of(i).name,
            layout.categories[layout.category_of(i)].name,
        )
        for i in range(len(seats))
    ]
    assert layout.seats_total == len(seats) + sum(area["capacity"] for area in venue[1])


def test_compiling_again_gives_the_same() -> None:
    first, second = built(arena(700)), built(arena(700))
    assert geometry(first) == geometry(second)
    assert (first.seat_ids, first.blocks, first.sections) == (second.seat_ids, second.blocks, second.sections)


def test_a_real_hall_with_zones_on_top_of_each_other_is_pulled_apart() -> None:
    obj = json.loads(SPORTS_HALL.read_bytes()) if SPORTS_HALL.exists() else theatre(1_252)[0]
    layout = of(obj)
    check(layout)
    check_geometry(layout)
    assert layout.seats_total == 1_252
    assert len(set(zip(layout.x, layout.y, strict=True))) == 1_252


def test_overlapping_zones_keep_their_order_and_distance_between_seats() -> None:
    seats = " ".join(map(str, range(1, 11)))
    layout = of(hall(zone("L", 0, 0, [row("1", 0, seats)]), zone("R", 100, 0, [row("1", 0, seats)])))
    xs = list(layout.x)
    assert [b - a for a, b in pairwise(xs[:10])] == [20] * 9
    assert xs == sorted(xs)
    assert xs[10] - xs[9] >= 20


def test_two_zones_of_the_same_place_stay_as_drawn() -> None:
    layout = of(hall(zone("L", 0, 0, [row("1", 0, "1 2")]), zone("R", 0, 0, [row("1", 0, "1 2")])))
    assert layout.position_of(0) == layout.position_of(2)


def test_positions_add_up_are_rounded_and_moved_into_view() -> None:
    inner = row("1", -30.5, "1 2", step=20.4)
    layout = of(hall(zone("Z", -100, 10, [inner, row("2", 1000, "1")])))
    assert min(layout.y) > 0 < min(layout.x)
    assert layout.x[1] - layout.x[0] == 20
    assert layout.y[2] - layout.y[0] == 1030
    assert all(x >= 0 and y >= 0 for x, y in layout.sections[0].outline)


@given(st.integers(1, 400))
def test_long_rows_are_split_evenly_into_as_few_blocks_as_possible(count: int) -> None:
    layout = of(hall(zone("Z", 0, 0, [row("1", 0, [str(i) for i in range(count)])])))
    sizes = [block.count for block in layout.blocks]
    assert sum(sizes) == count
    assert len(sizes) == -(-count // 50)
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 400))
def test_standing_areas_are_blocks_of_fifty_places(capacity: int) -> None:
    area = StandingArea(zone="Z", name="Pit", category="B", capacity=capacity)
    layout = of(hall(zone("Z", 0, 0, [row("1", 0, "1 2")])), area)
    check(layout)
    check_geometry(layout)
    places = [block.count for block in layout.blocks if block.section_index == 1]
    assert places == [50] * (capacity // 50) + [capacity % 50] * (capacity % 50 > 0)
    assert layout.seat_id(2) == "pit-1"
    assert layout.seat_id(1 + capacity) == f"pit-{capacity}"
    assert layout.row_of(2) == ""
    assert layout.number_of(2) == "1"
    assert layout.sections[1].kind == "standing"


def test_ids_of_places_never_collide_with_those_of_seats() -> None:
    seats = row("1", 0, "1 2")
    seats["seats"][0]["seat_guid"] = "pit-7"
    area = StandingArea(zone="Z", name="Pit", category="B", capacity=10)
    layout = of(hall(zone("Z", 0, 0, [seats]), zone("Pit", 0, 300, [row("1", 0, "1")])), area)
    check(layout)
    assert [section.id for section in layout.sections] == ["z", "pit", "pit-2"]
    assert layout.ordinal_of("pit-7") == 0


@pytest.mark.parametrize(
    ("name", "zone_id", "expected"),
    [
        ("Block A", "A", "block-a"),
        ("Straße, Süd (3)", "", "strasse-sud-3"),
        ("看台", "K1", "k1"),
        ("看台", "", "section"),
        ("x" * 90, "", "x" * 40),
    ],
)
def test_section_ids_come_from_names(name: str, zone_id: str, expected: str) -> None:
    layout = of(hall(zone(name, 0, 0, [row("1", 0, "1")], zone_id=zone_id)))
    assert layout.sections[0].id == expected


def test_zones_without_seats_make_no_section() -> None:
    layout = of(
        hall(
            zone("Empty", 0, 0, []),
            zone("Bare", 0, 0, [row("1", 0, "")]),
            zone("Z", 0, 0, [row("1", 0, "1")]),
        )
    )
    assert [section.name for section in layout.sections] == ["Z"]
    check(layout)


def test_unknown_names_are_none() -> None:
    layout = built(theatre(60))
    assert layout.ordinal_of("nowhere") is None
    assert layout.section_by_id("nowhere") is None
    assert layout.category_named("nothing") is None
    assert layout.category_named("Stalls") == 0 or layout.categories[0].name != "Stalls"


def test_runs_follow_the_numbers() -> None:
    rows = [
        row("1", 0, "1 2 3 4"),
        row("2", 30, "4 3 2 1"),
        row("3", 60, "1 3 5 6 7"),
        row("4", 90, "1 2 2a 007 3 10 11"),
        row("5", 120, "1 2 3 4", categories="AAB"),
        row("6", 150, "9"),
    ]
    layout = of(hall(zone("Z", 0, 0, rows)))
    check_geometry(layout)
    metadata, _ = decode_geometry(geometry(layout))
    assert [run[1:2] + run[3:] for run in metadata["runs"]] == [
        ["1", 4, 0, 1, 1],
        ["2", 4, 0, 4, -1],
        ["3", 3, 0, 1, 2],
        ["3", 2, 0, 6, 1],
        ["4", 2, 0, 1, 1],
        ["4", 1, 0, "2a", 0],
        ["4", 1, 0, "007", 0],
        ["4", 1, 0, 3, 1],
        ["4", 2, 0, 10, 1],
        ["5", 2, 0, 1, 1],
        ["5", 1, 1, 3, 1],
        ["5", 1, 0, 4, 1],
        ["6", 1, 0, 9, 1],
    ]


@given(
    st.lists(
        st.lists(st.text("0123456789aé", min_size=1, max_size=3), min_size=1, max_size=12, unique=True),
        min_size=1,
        max_size=5,
    )
)
def test_any_numbers_come_back(rows: list[list[str]]) -> None:
    check_geometry(
        of(hall(zone("Z", 0, 0, [row(str(i), 30 * i, numbers) for i, numbers in enumerate(rows)])))
    )


def test_coordinates_as_far_apart_as_can_be_come_back() -> None:
    layout = of(hall(zone("Z", -32_768, -32_768, [row("1", 0, "1 2", step=65_535), row("2", 65_535, "1 2")])))
    _, points = decode_geometry(geometry(layout))
    low, high = -32_768, 32_767
    assert points == [(low, low), (high, low), (low, high), (low + 20, high)]


# -----------------------------------------------------------------------------------------------------------
# Standing areas.
@pytest.mark.parametrize(
    "drawn",
    [
        {"rectangle": {"width": 300, "height": 200}},
        {"rectangle": {"width": 300, "height": 200}, "rotation": 30},
        {"shape": "circle", "circle": {"radius": 150}},
        {"shape": "ellipse", "ellipse": {"radius": {"x": 150, "y": 80}}},
        {
            "shape": "polygon",
            "polygon": {"points": [{"x": 0, "y": 0}, {"x": 300, "y": 0}, {"x": 0, "y": 300}]},
        },
    ],
)
def test_a_standing_area_fills_the_shape_of_its_name(drawn: Json) -> None:
    pit = {"position": {"x": 500, "y": 500}, "text": {"text": " PIT "}, **drawn}
    other = zone("Other", 0, 0, [], areas=[shape("Pit", 0, 0)])
    area = StandingArea(zone="Z", name="Pit", category="B", capacity=333)
    layout = of(hall(other, zone("Z", 100, 100, [row("1", 0, BLOCK)], areas=[pit])), area)
    check_geometry(layout)
    assert len({layout.position_of(i) for i in range(6, layout.seats_total)}) == 333
    assert [one.text for one in layout.shapes] == ["Pit"]


def test_standing_areas_that_nobody_drew_get_boxes_of_their_own() -> None:
    areas = [StandingArea(zone="Z", name=name, category="B", capacity=100) for name in "abc"]
    layout = of(hall(zone("Z", 100, 100, [row("1", 0, BLOCK), row("2", 30, BLOCK)])), *areas)
    check_geometry(layout)
    places = [layout.position_of(i) for i in range(layout.seats_total)]
    assert len(set(places)) == len(places)
    boxes = [section.outline for section in layout.sections]
    for one in boxes[1:]:
        assert not any(contains([list(p) for p in one], *place) for place in places[:12])


def test_a_plan_of_standing_areas_alone_works() -> None:
    layout = of(hall(zone("Z", 0, 0, [])), StandingArea(zone="Z", name="Pit", category="B", capacity=120))
    check(layout)
    check_geometry(layout)
    assert layout.seats_total == 120
