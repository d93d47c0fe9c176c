"""The seating plan: what is refused, and in which words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from houseful.seating import parsing as plans
from houseful.seating.parsing import PlanError, parse_plan, plan_from_obj
from tests.unit.seating.sample_plan import HALL, Json, errors_of, fresh, row, seat, zone

ZONE = f"plan.zones[{zone(HALL)['name']}]"


ROW = f"{ZONE}.rows[{row(HALL)['row_number']}]"


SEAT = f"{ROW}.seats[{seat(HALL)['seat_number']}]"


# What is broken: (how, where it must be reported, what the message must say).
Broken = tuple[Callable[[Json], Any], str, str]


BROKEN: dict[str, Broken] = {
    "no name": (lambda p: p.pop("name"), "plan.name", "missing"),
    "name is no text": (lambda p: p.update(name=None), "plan.name", "not null"),
    "no zones": (lambda p: p.pop("zones"), "plan.zones", "missing"),
    "zones no list": (
        lambda p: p.update(zones={}),
        "plan.zones",
        "must be a list in brackets, not an object",
    ),
    "unknown key": (lambda p: p.update(colour=1), "plan.colour", 'unknown key "colour"'),
    "unknown key of a seat": (
        lambda p: seat(p).update(seat_nummer="1"),
        f"{SEAT}.seat_nummer",
        'did you mean "seat_number"?',
    ),
    "category without name": (
        lambda p: p["categories"][0].pop("name"),
        "plan.categories[#1].name",
        "missing",
    ),
    "category twice": (
        lambda p: p["categories"].append(dict(p["categories"][0])),
        f"plan.categories[#{len(HALL['categories']) + 1}].name",
        "defined twice",
    ),
    "bad colour": (
        lambda p: p["categories"][0].update(color="redd"),
        f"plan.categories[{HALL['categories'][0]['name']}].color",
        '"redd" is not a colour',
    ),
    "size is text": (
        lambda p: p.update(size={"width": "9", "height": 1}),
        "plan.size.width",
        "must be a number, not text",
    ),
    "zone is null": (lambda p: p["zones"].append(None), f"plan.zones[#{len(HALL['zones']) + 1}]", "not null"),
    "zone without position": (lambda p: zone(p).pop("position"), f"{ZONE}.position", "missing"),
    "control character": (
        lambda p: zone(p).update(name="Block\n"),
        "plan.zones[#1].name",
        "control characters",
    ),
    "row number is a number": (
        lambda p: row(p).update(row_number=13),
        f"{ZONE}.rows[#2].row_number",
        "must be text in quotes, not a number",
    ),
    "row without number": (lambda p: row(p).pop("row_number"), f"{ZONE}.rows[#2].row_number", "missing"),
    "empty guid": (lambda p: seat(p).update(seat_guid=" "), f"{SEAT}.seat_guid", "empty"),
    "seat is a number": (lambda p: row(p)["seats"].__setitem__(2, 3), f"{ROW}.seats[#3]", "not a number"),
    "no guid": (lambda p: seat(p).pop("seat_guid"), f"{SEAT}.seat_guid", 'the key "seat_guid" is missing'),
    "long guid": (lambda p: seat(p).update(seat_guid="x" * 101), f"{SEAT}.seat_guid", "at most 100"),
    "guid twice": (
        lambda p: seat(p).update(seat_guid=zone(p, 1)["rows"][0]["seats"][0]["seat_guid"]),
        f"plan.zones[{zone(HALL, 1)['name']}].rows[{zone(HALL, 1)['rows'][0]['row_number']}]"
        f".seats[{zone(HALL, 1)['rows'][0]['seats'][0]['seat_number']}].seat_guid",
        f'already the seat_guid of zone "{zone(HALL)["name"]}", row {row(HALL)["row_number"]}, '
        f"seat {seat(HALL)['seat_number']}",
    ),
    "unknown category": (
        lambda p: seat(p).update(category="VIPP"),
        f"{SEAT}.category",
        'unknown category "VIPP"; the plan defines "',
    ),
    "category is null": (lambda p: seat(p).update(category=None), f"{SEAT}.category", "not null"),
    "no position": (lambda p: seat(p).pop("position"), f"{SEAT}.position", "missing"),
    "half a position": (lambda p: seat(p)["position"].pop("y"), f"{SEAT}.position.y", "missing"),
    "position is true": (lambda p: seat(p)["position"].update(x=True), f"{SEAT}.position.x", "not true"),
    "position is infinite": (
        lambda p: seat(p)["position"].update(x=1e999),
        f"{SEAT}.position.x",
        "out of range",
    ),
    "position is no number": (
        lambda p: seat(p)["position"].update(x=float("nan")),
        f"{SEAT}.position.x",
        "out of range",
    ),
    "position is far away": (lambda p: seat(p)["position"].update(x=32_768), f"{SEAT}.position", "add up to"),
    "two seats in one place": (
        lambda p: seat(p).update(position=seat(p, 1)["position"]),
        f"{SEAT}.position",
        "lies on top of",
    ),
    "unknown shape": (
        lambda p: zone(p).update(areas=[{"position": {"x": 0, "y": 0}, "shape": "star", "text": "Bar"}]),
        f"{ZONE}.areas[Bar].shape",
        'unknown shape "star"',
    ),
    "circle without radius": (
        lambda p: zone(p).update(areas=[{"position": {"x": 0, "y": 0}, "shape": "circle"}]),
        f"{ZONE}.areas[#1].circle",
        "needs the key",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_reported_at_its_place_in_plain_words(name: str) -> None:
    break_it, place, words = BROKEN[name]
    broken = fresh()
    break_it(broken)
    errors = errors_of(broken)
    assert place in errors
    assert words in errors[place]
    if place.startswith(SEAT):
        named = (
            f'Zone "{zone(HALL)["name"]}", row {row(HALL)["row_number"]}, seat {seat(HALL)["seat_number"]}: '
        )
        assert errors[place].startswith(named)


def test_one_fault_makes_one_error() -> None:
    for name, (break_it, _, _) in BROKEN.items():
        broken = fresh()
        break_it(broken)
        # A category that goes takes its seats' category with it.
        if name not in ("category without name",):
            assert len(errors_of(broken)) == 1, name


def test_every_fault_is_reported_at_once() -> None:
    together = [
        name
        for name in BROKEN
        if name in ("no name", "bad colour", "unknown category", "row without number", "no guid")
    ]
    broken = fresh()
    for name in together:
        BROKEN[name][0](broken)
    errors = errors_of(broken)
    assert len(errors) == len(together)
    assert {"plan.name", BROKEN["bad colour"][1]} <= errors.keys()


def test_after_a_hundred_errors_the_rest_is_counted() -> None:
    broken = fresh()
    seats = [seat for zone in broken["zones"] for row in zone["rows"] for seat in row["seats"]]
    for one in seats:
        one["category"] = "nowhere"
    errors = errors_of(broken)
    assert len(errors) == 101
    assert f"{len(seats) - 100:,} more" in errors["plan.more"]


def test_too_many_seats_are_refused_before_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_SEATS", 100)
    assert "at most 100" in errors_of(fresh())["plan.zones"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b'{\n "name": "a",,}', "line 2, column 14"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "must be an object in braces, not a list"),
        (b"1e999", "not valid JSON"),
    ],
)
def test_what_is_no_plan_at_all_is_refused(raw: bytes, words: str) -> None:
    if raw == b"\xff\xfe{}":
        raw = b'{"name": "\xff"}'
    with pytest.raises(PlanError) as caught:
        parse_plan(raw)
    assert words in caught.value.errors["plan"]


def test_a_good_plan_is_read() -> None:
    plan = parse_plan(json.dumps(HALL).encode())
    seats = [seat for zone in HALL["zones"] for row in zone["rows"] for seat in row["seats"]]
    read = [seat for zone in plan.zones for row in zone.rows for seat in row.seats]
    assert [seat.seat_guid for seat in read] == [seat["seat_guid"] for seat in seats]
    assert [seat.position.x for seat in read] == [seat["position"]["x"] for seat in seats]
    assert [category.name for category in plan.categories] == [c["name"] for c in HALL["categories"]]


def test_the_keys_of_exports_are_read_past() -> None:
    exported = fresh()
    for one in (exported, zone(exported), row(exported), seat(exported), exported["categories"][0]):
        one["uuid"] = "00000000-0000-0000-0000-000000000000"
    zone(exported).update(displayed=True, zone_id="Z")
    row(exported).update(
        row_number_position="both", row_label="Row", seat_label=None, start_at=1, seats_spacing=25
    )
    row(exported)["number_of_seats"] = len(row(exported)["seats"])
    seat(exported).update(seat_label="Seat", start_at=None)
    zone(exported)["areas"] = [
        {"position": {"x": 0, "y": 0}, "width": 10, "height": 20, "text": "Bar", "rotation": 45.5},
        {
            "position": {"x": 0, "y": 0},
            "shape": "circle",
            "uuid": "1",
            "circle": {"radius": 5},
            "color": "#fff8",
            "border_color": "rgba(0, 0, 0, 0.5)",
            "text": {"position": {"x": 0, "y": 0}, "color": "#000000", "text": "Sound", "size": 16},
        },
        {"position": {"x": 0, "y": 0}, "shape": "ellipse", "ellipse": {"radius": {"x": 5, "y": 7.5}}},
        {"position": {"x": 0, "y": 0}, "shape": "polygon", "polygon": {"points": [{"x": 1, "y": 2}] * 3}},
        {"position": {"x": 0, "y": 0}, "shape": "text", "text": {"text": "Exit"}},
    ]
    plan = plan_from_obj(exported)
    assert [shape.label for shape in plan.zones[0].areas] == ["Bar", "Sound", "", "", "Exit"]
    plain = fresh()
    zone(plain)["areas"] = zone(exported)["areas"]
    zone(plain)["zone_id"] = "Z"
    row(plain).update(number_of_seats=row(exported)["number_of_seats"], row_label="Row")
    seat(plain)["seat_label"] = "Seat"
    assert plan_from_obj(plain) == plan


def test_a_zone_for_shapes_needs_no_name() -> None:
    plan = fresh()
    plan["zones"] += [
        {"position": {"x": 0, "y": 0}, "rows": []},
        {"name": "", "position": {"x": 0, "y": 0}, "rows": []},
    ]
    assert len(plan_from_obj(plan).zones) == len(HALL["zones"]) + 2
