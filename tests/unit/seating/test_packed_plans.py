"""Plans as they are kept: packed, and known by their hash."""

import json

import msgspec

from houseful.seating import parsing as plans
from houseful.seating.parsing import parse_plan, plan_from_obj
from tests.unit.seating.sample_plan import HALL, fresh, seat, zone
from tests.unit.seating.test_prices_and_areas import FLOOR


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
