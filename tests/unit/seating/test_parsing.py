"""The seating plan: what is refused, in which words, and that nothing else ever comes out of the parser."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houseful.seating import parsing as plans
from houseful.seating.parsing import Plan, PlanError, StandingArea, check_prices, parse_plan, plan_from_obj
from houseful.tools.sample_venues import arena, theatre

Json = dict[str, Any]

SPORTS_HALL = Path(__file__).parents[4] / "shared" / "data" / "plans" / "sportshall.json"


def _hall() -> Json:
    """A real hall where its file is at hand, else one of our own."""
    if SPORTS_HALL.exists():
        return dict(json.loads(SPORTS_HALL.read_bytes()))
    return theatre(900)[0]


HALL = _hall()


def fresh() -> Json:
    return copy.deepcopy(HALL)


def errors_of(obj: object) -> dict[str, str]:
    with pytest.raises(PlanError) as caught:
        plan_from_obj(obj)
    return caught.value.errors


def zone(plan: Json, index: int = 0) -> Json:
    return dict.__getitem__(plan, "zones")[index]  # type: ignore[no-any-return]


def row(plan: Json, index: int = 1) -> Json:
    return zone(plan)["rows"][index]  # type: ignore[no-any-return]


def seat(plan: Json, index: int = 2) -> Json:
    return row(plan)["seats"][index]  # type: ignore[no-any-return]


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


def _values() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(
        [
            "name",
            "zones",
            "rows",
            "seats",
            "categories",
            "position",
            "x",
            "y",
            "row_number",
            "areas",
            "text",
            "color",
        ]
    )
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(10**400), 10**400)
        | st.floats(width=64)
        | st.text(st.characters(exclude_categories=()), max_size=5)
        | st.just(10**400)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=3), inner, max_size=5)
        ),
    )


def _small() -> Json:
    return theatre(50)[0] | {"zones": [*theatre(200)[0]["zones"][1:], *arena(500)[0]["zones"][-1:]]}


SMALL = _small() | {"categories": theatre(200)[0]["categories"]}


@settings(max_examples=300)
@given(data=st.data(), value=_values())
def test_a_plan_with_anything_anywhere_is_read_or_refused(data: st.DataObject, value: Any) -> None:
    """Replaces, adds or removes one value at a random place; both ways in must give the same answer."""
    broken = copy.deepcopy(SMALL)
    at: Any = broken
    while True:
        key: Any = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[key]
    action = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        at[key] = value
    elif action == "remove":
        del at[key]
    elif isinstance(at, dict):
        at[data.draw(st.text(max_size=4))] = value
    else:
        at.append(value)
    answer = _answer(lambda: plan_from_obj(broken))
    if isinstance(answer, dict):
        assert answer
        assert all(place.isprintable() and message.isprintable() for place, message in answer.items())
    try:
        raw = json.dumps(broken).encode()
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        return  # JSON has no such value
    assert _answer(lambda: parse_plan(raw)) == answer


def _answer(read: Callable[[], Plan]) -> Plan | dict[str, str]:
    try:
        return read()
    except PlanError as error:
        return error.errors


@given(_values())
def test_any_json_is_refused_or_read(value: Any) -> None:
    with pytest.raises(PlanError):
        plan_from_obj(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(PlanError):
        parse_plan(raw)


# -----------------------------------------------------------------------------------------------------------
# Prices and standing areas.

FLOOR = StandingArea(
    zone=zone(HALL)["name"], name="Floor", category=HALL["categories"][0]["name"], capacity=10
)
PRICES = {category["name"]: 1000 for category in HALL["categories"]}


def test_good_prices_and_areas_have_no_errors() -> None:
    assert check_prices(plan_from_obj(HALL), PRICES, [FLOOR]) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nowhere": 1}, "no category"),
        ({FLOOR.category: -1}, "between 0 and"),
        ({FLOOR.category: 10**9 + 1}, "between 0 and"),
        ({FLOOR.category: True}, "whole number"),
        ({FLOOR.category: 1.5}, "whole number"),
        ({FLOOR.category: None}, "whole number"),
    ],
)
def test_a_bad_price_is_reported(change: dict[str, Any], words: str) -> None:
    errors = check_prices(plan_from_obj(HALL), PRICES | change, [])
    assert list(errors) == [f"prices[{next(iter(change))}]"]
    assert words in next(iter(errors.values()))


def test_a_used_category_needs_a_price_and_an_unused_one_does_not() -> None:
    obj = fresh()
    obj["categories"].append({"name": "Spare"})
    plan = plan_from_obj(obj)
    assert check_prices(plan, PRICES, []) == {}
    spare = msgspec.structs.replace(FLOOR, category="Spare")
    assert list(check_prices(plan, PRICES, [spare])) == ["prices[Spare]"]
    assert len(check_prices(plan, {}, [])) == len(
        {s["category"] for z in HALL["zones"] for r in z["rows"] for s in r["seats"]}
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"zone": "nowhere"}, "areas[Floor].zone"),
        ({"category": "nothing"}, "areas[Floor].category"),
        ({"capacity": 0}, "areas[Floor].capacity"),
        ({"capacity": 100_001}, "areas[Floor].capacity"),
        ({"capacity": True}, "areas[Floor].capacity"),
        ({"name": " "}, "areas[#1].name"),
        ({"name": "a\x00"}, "areas[a?].name"),
    ],
)
def test_a_bad_standing_area_is_reported(change: dict[str, Any], place: str) -> None:
    errors = check_prices(plan_from_obj(HALL), PRICES, [msgspec.structs.replace(FLOOR, **change)])
    assert list(errors) == [place]


def test_two_areas_of_one_name_in_a_zone_are_refused() -> None:
    plan = plan_from_obj(HALL)
    assert list(check_prices(plan, PRICES, [FLOOR, FLOOR])) == ["areas[#2].name"]
    elsewhere = msgspec.structs.replace(FLOOR, zone=zone(HALL, 1)["name"])
    assert check_prices(plan, PRICES, [FLOOR, elsewhere]) == {}


def test_a_plan_without_seats_needs_a_standing_area() -> None:
    obj = fresh()
    for one in obj["zones"]:
        one["rows"] = []
    plan = plan_from_obj(obj)
    assert "no seats" in check_prices(plan, PRICES, [])["plan.zones"]
    assert check_prices(plan, PRICES, [FLOOR]) == {}


def test_seats_and_places_together_have_a_limit() -> None:
    areas = [msgspec.structs.replace(FLOOR, name=name, capacity=100_000) for name in "ab"]
    assert list(check_prices(plan_from_obj(HALL), PRICES, areas)) == ["areas"]


# -----------------------------------------------------------------------------------------------------------
# Storage.


def test_what_is_packed_comes_out_equal() -> None:
    plan = plan_from_obj(HALL)
    packed = plans.pack(plan, [FLOOR])
    assert plans.unpack(packed) == (plan, (FLOOR,))
    assert len(packed) < len(json.dumps(HALL)) / 5
    assert parse_plan(msgspec.json.encode(plan)) == plan


def test_equal_plans_have_equal_hashes() -> None:
    """Whether defaults are written out, and whatever strings and numbers are the same objects."""
    short, long = fresh(), fresh()
    zone(short)["areas"] = [
        {"position": {"x": 0, "y": 0}, "width": 10, "height": 20, "text": {"text": "Bar"}}
    ]
    zone(long)["areas"] = [
        {
            "position": {"x": -0.0, "y": 0.0},
            "shape": "rectangle",
            "width": 10.0,
            "height": 20,
            "rotation": 0,
            "color": "",
            "text": {"text": "Bar", "color": "", "size": None},
        }
    ]
    zone(short)["position"]["y"] = zone(long)["position"]["y"] = 0
    plans_read = [plan_from_obj(short), plan_from_obj(long), parse_plan(json.dumps(long).encode())]
    plans_read += [plans.unpack(plans.pack(plan, []))[0] for plan in plans_read]
    plans_read += [parse_plan(msgspec.json.encode(plan)) for plan in plans_read]
    assert all(plan == plans_read[0] for plan in plans_read)
    assert len({plans.plan_hash(plan, []) for plan in plans_read}) == 1


def test_the_hash_is_of_the_content_alone() -> None:
    plan = plan_from_obj(HALL)
    same = json.loads(json.dumps(HALL, indent=3, sort_keys=True))
    seat(same)["position"]["x"] = float(seat(same)["position"]["x"])
    seat(same)["uuid"] = "another"
    digest = plans.plan_hash(plan, [FLOOR])
    assert plans.plan_hash(plan_from_obj(same), (FLOOR,)) == digest
    assert len(digest) == 64
    seat(same)["position"]["x"] += 1
    others = [
        (plan_from_obj(same), [FLOOR]),
        (plan, []),
        (plan, [msgspec.structs.replace(FLOOR, capacity=11)]),
    ]
    assert digest not in {plans.plan_hash(*other) for other in others}
