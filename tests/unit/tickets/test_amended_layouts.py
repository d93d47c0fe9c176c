"""A hall whose plan was amended: a seat that stays keeps its ordinal, and no ordinal has two seats, ever."""

import random
import struct
from typing import Any

import msgspec
import pytest

from houseful.seating.parsing import PlanError, StandingArea, pack, plan_from_obj
from houseful.tickets.domain.amendments import difference_of_packed
from houseful.tickets.domain.availability import BLOCKED
from houseful.tickets.domain.best import best_seats, index_of
from houseful.tickets.domain.geometry import geometry
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.packed_layouts import unpack_layout
from tests.support.deployment import plan
from tests.unit.tickets.layouts import hall, row, zone

Json = dict[str, Any]


def stored(obj: Json, *areas: StandingArea) -> bytes:
    return pack(plan_from_obj(obj), areas)


def amended(before: bytes, obj: Json, *areas: StandingArea) -> bytes:
    return difference_of_packed(before, stored(obj, *areas)).packed


def kinds(before: bytes, obj: Json, *areas: StandingArea) -> dict[str, tuple[str, ...]]:
    found = difference_of_packed(before, stored(obj, *areas))
    return {one.seat_id: one.kinds for one in found.changes}


def rows_of(obj: Json) -> list[Json]:
    return list(obj["zones"][0]["rows"])


def without(obj: Json, *seat_ids: str) -> Json:
    copy: Json = msgspec.json.decode(msgspec.json.encode(obj))
    for one in copy["zones"]:
        for line in one["rows"]:
            line["seats"] = [seat for seat in line["seats"] if seat["seat_guid"] not in seat_ids]
    return copy


def changed(obj: Json, seat_id: str, **fields: Any) -> Json:
    copy: Json = msgspec.json.decode(msgspec.json.encode(obj))
    for one in copy["zones"]:
        for line in one["rows"]:
            for seat in line["seats"]:
                if seat["seat_guid"] == seat_id:
                    seat.update(fields)
    return copy


def with_seat(obj: Json, line: int, seat_id: str, x: float) -> Json:
    copy: Json = msgspec.json.decode(msgspec.json.encode(obj))
    seat = {"seat_guid": seat_id, "seat_number": "99", "position": {"x": x, "y": 0}, "category": "Standard"}
    copy["zones"][0]["rows"][line]["seats"].append(seat)
    return copy


def test_the_same_plan_changes_nothing() -> None:
    before = stored(plan())
    assert kinds(before, plan()) == {}
    hall = unpack_layout(amended(before, plan()))
    assert (hall.seat_ids, hall.removed) == (unpack_layout(before).seat_ids, frozenset())


def test_each_kind_of_change_is_told_by_the_seat() -> None:
    new = without(plan(), "C-10")
    new = changed(new, "A-1", position={"x": 26, "y": 0})
    new = changed(new, "A-2", seat_number="2a")
    new = changed(new, "A-3", category="Standard")
    new = with_seat(new, 1, "B-99", 400)
    assert kinds(stored(plan()), new) == {
        "A-1": ("moved",),
        "A-2": ("renamed",),
        "A-3": ("category",),
        "C-10": ("removed",),
        "B-99": ("added",),
    }


def test_seats_that_stay_keep_their_ordinals_and_added_ones_come_after() -> None:
    before = stored(plan())
    new = with_seat(without(plan(), "A-4"), 0, "A-99", 400)
    hall = unpack_layout(amended(before, new))
    assert hall.seats_total == 31
    assert hall.seats_left == 30
    assert hall.removed == {3}
    assert hall.ordinal_of("A-4") is None
    assert hall.ordinal_of("A-5") == 4
    assert hall.ordinal_of("A-99") == 30
    assert hall.place(30) == "Stalls, row A, seat 99"
    assert hall.place(3) == "Stalls, row A, seat 4"  # an old order may name it
    assert [(one.first_ordinal, one.count) for one in hall.blocks] == [(0, 10), (10, 10), (20, 10), (30, 1)]


def test_an_ordinal_is_never_given_again() -> None:
    gone = amended(stored(plan()), without(plan(), "A-4"))
    back = unpack_layout(amended(gone, plan()))
    assert back.generation == 2
    assert back.ordinal_of("A-4") == 30
    assert back.removed == {3}
    assert kinds(gone, plan()) == {"A-4": ("added",)}


def test_a_seat_that_changes_its_zone_is_moved_to_a_new_ordinal() -> None:
    old = hall(zone("West", 0, 0, [row("1", 0, "1 2 3")]), zone("East", 300, 0, [row("1", 0, "1 2 3")]))
    new = msgspec.json.decode(msgspec.json.encode(old))
    seat = new["zones"][0]["rows"][0]["seats"].pop()
    seat["position"] = {"x": 100, "y": 0}
    new["zones"][1]["rows"][0]["seats"].append(seat)
    found = difference_of_packed(stored(old), stored(new))
    assert [(one.kinds, one.before, one.after) for one in found.changes] == [
        (("moved",), "West, row 1, seat 3", "East, row 1, seat 3")
    ]
    assert found.touched == (2,)
    assert unpack_layout(found.packed).ordinal_of(seat["seat_guid"]) == 6


def test_a_zone_that_loses_all_its_seats_is_drawn_no_more() -> None:
    old = hall(zone("West", 0, 0, [row("1", 0, "1 2 3")]), zone("East", 300, 0, [row("1", 0, "1 2 3")]))
    new = {**old, "zones": old["zones"][1:]}
    layout = unpack_layout(amended(stored(old), new))
    drawn = drawn_of(layout)
    assert [one["name"] for one in drawn["sections"]] == ["East"]
    assert [(run[0], run[2], run[3]) for run in drawn["runs"]] == [(0, 3, 3)]
    assert layout.place(0) == "West, row 1, seat 1"


def test_a_renamed_zone_keeps_its_section() -> None:
    new = msgspec.json.decode(msgspec.json.encode(plan()))
    new["zones"][0]["name"] = "Parquet"
    layout = unpack_layout(amended(stored(plan()), new))
    [section] = layout.sections
    assert (section.id, section.name) == ("stalls", "Parquet")
    assert set(kinds(stored(plan()), new).values()) == {("renamed",)}


def test_standing_places_stay_and_their_ids_are_not_taken() -> None:
    area = StandingArea(zone="Stalls", name="Floor", category="Standard", capacity=20)
    before = stored(plan(), area)
    layout = unpack_layout(amended(before, with_seat(plan(), 2, "C-99", 400), area))
    assert layout.ordinal_of("floor-20") == 49
    assert layout.ordinal_of("C-99") == 50
    with pytest.raises(PlanError, match="standing place"):
        amended(before, with_seat(plan(), 2, "floor-3", 400), area)


def test_a_category_that_is_gone_names_what_is_gone_with_it() -> None:
    new = without(plan(), *(f"A-{n}" for n in range(1, 11)))
    new["categories"] = [one for one in new["categories"] if one["name"] != "Premium"]
    layout = unpack_layout(amended(stored(plan()), new))
    assert layout.category_name(0) == "Premium"
    assert layout.category_name(10) == "Standard"


def test_best_seats_are_no_neighbours_across_a_removed_one() -> None:
    layout = unpack_layout(amended(stored(plan(rows=1)), without(plan(rows=1), "A-3", "A-8")))
    statuses = bytearray(layout.seats_total)
    for ordinal in layout.removed:
        statuses[ordinal] = BLOCKED
    found = best_seats(layout, statuses, 4)
    assert found == [3, 4, 5, 6]
    assert best_seats(layout, statuses, 9) is None


def drawn_of(layout: Layout) -> Json:
    body = geometry(layout)
    count, length = struct.unpack_from("<II", body, 4)
    assert count == layout.seats_total
    drawn: Json = msgspec.json.decode(body[12 : 12 + length])
    return drawn


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_amended_how_often_all_that_hold_by_ordinals_still_does(seed: int) -> None:
    chance = random.Random(seed)
    obj, packed = plan(4, 12), stored(plan(4, 12))
    names: dict[int, str] = dict(enumerate(unpack_layout(packed).seat_ids))
    for step in range(6):
        ids = [seat["seat_guid"] for line in rows_of(obj) for seat in line["seats"]]
        new = without(obj, *chance.sample(ids, 3))
        for number in range(chance.randrange(4)):
            new = with_seat(new, chance.randrange(4), f"new-{step}-{number}", 400 + 30 * (4 * step + number))
        packed = amended(packed, new)
        layout = unpack_layout(packed)
        wanted = {seat["seat_guid"] for line in rows_of(new) for seat in line["seats"]}
        assert {id for id in layout.seat_ids if layout.ordinal_of(id) is not None} == wanted
        for ordinal, seat_id in names.items():
            assert layout.seat_id(ordinal) == seat_id
        names = dict(enumerate(layout.seat_ids))
        drawn = sorted(n for run in drawn_of(layout)["runs"] for n in range(run[2], run[2] + run[3]))
        assert drawn == [n for n in range(layout.seats_total) if n not in layout.removed]
        covered = [
            n for one in layout.blocks for n in range(one.first_ordinal, one.first_ordinal + one.count)
        ]
        assert covered == list(range(layout.seats_total))
        assert sum(one.count for one in layout.rows) == layout.seats_total
        obj = new


def test_a_removed_seat_parts_its_neighbours_and_hides_no_aisle() -> None:
    line = row("A", 0, "1 2 3 4 5 6")
    for seat, x in zip(line["seats"], (20, 40, 60, 200, 220, 240), strict=True):
        seat["position"]["x"] = x
    ids = [seat["seat_guid"] for seat in line["seats"]]
    obj = hall(zone("Stalls", 0, 0, [line, row("B", 40, "1 2 3 4 5 6")]))
    layout = unpack_layout(amended(stored(obj), without(obj, ids[1], ids[4])))
    found = [(first, count) for first, count, _ in index_of(layout).stretches]
    assert found == [(0, 1), (2, 1), (3, 1), (5, 1), (6, 6)]
