"""Plans as editors draw them: taken as they are, with a warning where buyers can't tell seats apart."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from houseful.seating.colours import opaque_hex
from houseful.seating.parsing import Plan, PlanError, StandingArea, pack, plan_from_obj, plan_hash, unpack
from houseful.seating.warnings import plan_warnings
from houseful.tools.sample_venues import arena, theatre
from tests.support.plans import Json, aisle_theatre, bare, seats_of, tables, twin_zones


@pytest.mark.parametrize("make", [aisle_theatre, twin_zones, tables, bare])
def test_what_editors_draw_is_read_whole_and_kept(make: Callable[[], Json]) -> None:
    plan = plan_from_obj(make())
    read = [seat.seat_guid for zone in plan.zones for row in zone.rows for seat in row.seats]
    assert read == [seat["seat_guid"] for seat in seats_of(make())]
    assert unpack(pack(plan, ())) == (plan, ())


def test_labels_are_kept() -> None:
    plan = plan_from_obj(tables())
    assert {(row.row_label, row.seat_label) for row in plan.zones[0].rows} == {("Tisch %s", "Platz %s")}
    assert plan_from_obj(bare()).zones[0].rows[1].seats[1].seat_label == "Stool %s (wheelchair)"


@pytest.mark.parametrize("make", [tables, bare])
def test_a_label_is_part_of_what_a_plan_is(make: Callable[[], Json]) -> None:
    other = make()
    other["zones"][0]["rows"][0]["row_label"] = "Another"
    assert plan_hash(plan_from_obj(other), ()) != plan_hash(plan_from_obj(make()), ())


@pytest.mark.parametrize(
    ("house", "known"),
    [
        (theatre(900), "ad5e22a339bcb49a73932b38a352802d215661b70abd74af01be3d79ed70c63e"),
        (arena(2000), "4859bb76406a53ce27b114ff5588b2a2115fb2593b12f863e1a6108b754722cf"),
    ],
    ids=["theatre", "arena"],
)
def test_a_plan_without_labels_keeps_its_hash_from_version_to_version(house: Any, known: str) -> None:
    plan, areas, _ = house
    assert plan_hash(plan_from_obj(plan), [StandingArea(**area) for area in areas]) == known


def test_a_row_that_an_aisle_splits_is_no_fault() -> None:
    assert plan_warnings(plan_from_obj(aisle_theatre())) == {}


def test_seats_of_one_label_are_named_in_a_warning() -> None:
    warnings = plan_warnings(plan_from_obj(twin_zones()))
    assert set(warnings) == {
        "plan.zones[#2].name",
        "plan.zones[#2].rows[1]",
        "plan.zones[#2].rows[2]",
    }
    assert 'another zone named "Balcony"' in warnings["plan.zones[#2].name"]
    told = warnings["plan.zones[#2].rows[2]"]
    assert told.startswith("Zone #2, row 2: ")
    assert all(f'"Balcony, row 2, seat {n}"' in told for n in range(1, 7))
    assert told.endswith("The first is also zone #1, row 2, seat 1.")


def test_a_row_with_two_seats_of_one_number_is_a_warning() -> None:
    plan = aisle_theatre()
    plan["zones"][0]["rows"][0]["seats"][1]["seat_number"] = "1"
    assert plan_warnings(plan_from_obj(plan)) == {
        "plan.zones[Parquet].rows[#1]": 'Zone "Parquet", row #1: buyers can\'t tell these seats from others '
        'by their labels: "Parquet, row 1, seat 1". The first is also zone "Parquet", row #1, seat #1.'
    }


def test_seats_that_differ_by_number_alone_and_have_one_label_are_told() -> None:
    plan = tables()
    plan["zones"][0]["rows"][2]["seat_label"] = "Platz"
    (told,) = plan_warnings(plan_from_obj(plan)).values()
    assert '"Tisch 3, Platz"' in told


def test_seats_without_any_label_are_told() -> None:
    (told,) = plan_warnings(plan_from_obj(bare())).values()
    assert '"Sofa"' in told


def test_a_wrong_count_is_a_warning() -> None:
    plan = tables()
    plan["zones"][0]["rows"][0]["number_of_seats"] = 5
    assert plan_warnings(plan_from_obj(plan)) == {
        "plan.zones[#1].rows[1].number_of_seats": "Zone #1, row 1: says 5, but the row has 8 seats; "
        "the seats that are there count."
    }


def test_after_a_hundred_warnings_the_rest_is_counted() -> None:
    plan = twin_zones()
    rows = plan["zones"][0]["rows"]
    plan["zones"][0]["rows"] = [
        row
        | {
            "row_number": str(n),
            "number_of_seats": 9,
            "seats": [seat | {"seat_guid": f"{n}{seat['seat_guid']}"}],
        }
        for n in range(150)
        for row in rows[:1]
        for seat in row["seats"][:1]
    ]
    for n, row in enumerate(plan["zones"][0]["rows"]):
        row["position"] = {"x": 0, "y": 30 * n}
    warnings = plan_warnings(plan_from_obj(plan))
    assert len(warnings) == 101
    assert "more" in warnings["plan.more"]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("red", "#ff0000"),
        ("RebeccaPurple", "#663399"),
        ("#abc", "#abc"),
        ("#ABCDEF", "#ABCDEF"),
        ("#abcd", "#aabbcc"),
        ("#11223344", "#112233"),
        ("rgb(1, 2, 3)", "#010203"),
        ("rgba(10%, 20%, 30%, 0.5)", "#1a334c"),
        ("hsl(120, 50%, 50%)", "#40bf40"),
        ("transparent", None),
        ("currentColor", None),
        ("", None),
    ],
)
def test_colours_are_read_as_css_writes_them(written: str, plain: str | None) -> None:
    plan = twin_zones()
    plan["categories"][0]["color"] = written
    assert plan_from_obj(plan).categories[0].color == plain
    assert opaque_hex(written) == plain


@pytest.mark.parametrize("written", ["blurple", "#12345", "red;x", "url(x)", "12"])
def test_what_is_no_colour_is_told_with_its_place(written: str) -> None:
    plan = tables()
    plan["categories"][0]["color"] = plan["zones"][0]["areas"][0]["color"] = written
    plan["zones"][0]["areas"][1]["text"]["color"] = plan["zones"][0]["areas"][2]["border_color"] = written
    with pytest.raises(PlanError) as caught:
        plan_from_obj(plan)
    assert set(caught.value.errors) == {
        "plan.categories[Seat].color",
        "plan.zones[#1].areas[#1].color",
        "plan.zones[#1].areas[#2].text.color",
        "plan.zones[#1].areas[#3].border_color",
    }
    assert "is not a colour" in caught.value.errors["plan.categories[Seat].color"]


def every_key_of_the_schema() -> Json:
    """Each key that pretix's schema has, in each shape, where it may be null also null."""
    plan = copy.deepcopy(tables())
    zone = plan["zones"][0]
    zone.update(zone_id="Z", uuid="z", displayed=False)
    zone["rows"][0].update(row_number_position=None, row_label=None, seat_label=None, seats_spacing=25)
    zone["rows"][1].update(row_number_position="both")
    zone["rows"][1]["seats"][0].update(start_direction=None, uuid="s", radius=12)
    zone["rows"][1]["seats"][1].update(start_direction="<")
    zone["areas"] += [
        {"shape": "polygon", "polygon": {"points": [{"x": 0, "y": 0}, {"x": 9.5, "y": 0}, {"x": 0, "y": 9}]}},
        {"shape": "rectangle", "rectangle": {"width": 10, "height": 20}, "rotation": 45.5, "uuid": "a"},
        {"shape": "ellipse", "ellipse": {"radius": {"x": 3, "y": 4}}, "color": "", "border_color": "#fff8"},
        {
            "shape": "text",
            "text": {"text": "Emergency exit\nthis way", "position": {"x": 1, "y": 2}, "size": 16},
        },
        {"width": 10, "height": 20, "position": {"x": 1, "y": 1}, "text": "Bar", "color": "gold"},
    ]
    return plan


def test_every_key_of_the_schema_is_taken() -> None:
    plan: Plan = plan_from_obj(every_key_of_the_schema())
    labels = [shape.label for shape in plan.zones[0].areas[5:]]
    assert labels == ["", "", "", "Emergency exit this way", "Bar"]
    assert plan.zones[0].areas[8].position.x == 0


@pytest.mark.parametrize(
    ("break_it", "place", "words"),
    [
        (lambda p: p["zones"][0]["rows"][1].update(row_label=5), ".row_label", "must be text"),
        (lambda p: p["zones"][0]["rows"][1].update(seat_label="x" * 101), ".seat_label", "at most 100"),
        (lambda p: p["zones"][0]["rows"][1].update(row_label="a\nb"), ".row_label", "control characters"),
    ],
)
def test_what_is_truly_wrong_in_a_label_is_told(
    break_it: Callable[[Json], Any], place: str, words: str
) -> None:
    plan = tables()
    break_it(plan)
    with pytest.raises(PlanError) as caught:
        plan_from_obj(plan)
    assert words in caught.value.errors[f"plan.zones[#1].rows[2]{place}"]
