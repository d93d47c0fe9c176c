"""Prices and standing areas beside a plan."""

from typing import Any

import msgspec
import pytest

from houseful.seating.parsing import StandingArea, check_prices, plan_from_obj
from tests.unit.seating.sample_plan import HALL, fresh, zone

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
