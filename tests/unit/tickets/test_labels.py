"""What seats are called in every kind of hall: on tickets, on the map, and who sits next to whom."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from houseful.seating.parsing import StandingArea, plan_from_obj
from houseful.tickets.domain.best import best_seats
from houseful.tickets.domain.geometry import geometry
from houseful.tickets.domain.layout import Layout, compile_layout
from tests.support.plans import Json, aisle_theatre, bare, seats_of, tables, twin_zones


def layout_of(plan: Json) -> Layout:
    return compile_layout(plan_from_obj(plan))


def metadata(layout: Layout) -> Mapping[str, Any]:
    data = geometry(layout)
    (length,) = struct.unpack_from("<I", data, 8)
    return json.loads(data[12 : 12 + length])  # type: ignore[no-any-return]


def places(plan: Json) -> list[str]:
    layout = layout_of(plan)
    return [layout.place(ordinal) for ordinal in range(layout.seats_total)]


def test_tables_are_called_as_the_plan_says() -> None:
    layout = layout_of(tables())
    ordinal = layout.ordinal_of("t5-1")
    assert ordinal is not None
    assert layout.place(ordinal) == "Tisch 5, Platz 1"
    assert (layout.row_of(ordinal), layout.row_label(ordinal)) == ("5", "Tisch 5")
    assert (layout.number_of(ordinal), layout.seat_label(ordinal)) == ("1", "Platz 1")
    assert len(set(places(tables()))) == 40


def test_what_a_plan_leaves_out_is_left_out() -> None:
    assert places(bare()) == [
        "Sofa",
        "Sofa",
        "Seat 1",
        "Stool 2 (wheelchair)",
        "Gallery, row Box",
    ]


def test_a_seat_without_any_name_is_called_by_its_id() -> None:
    plan = bare()
    plan["zones"][0]["rows"][0]["row_label"] = ""
    assert places(plan)[:2] == ["sofa-1", "sofa-2"]


def test_plain_rows_are_called_as_before() -> None:
    assert places(aisle_theatre())[0] == "Parquet, row 1, seat 1"
    floor = StandingArea(zone="Parquet", name="Floor", category="Seat", capacity=3)
    layout = compile_layout(plan_from_obj(aisle_theatre()), [floor])
    assert layout.place(layout.seats_total - 1) == "Floor, place 3"


@pytest.mark.parametrize("make", [aisle_theatre, twin_zones, tables, bare])
def test_every_seat_has_its_id_its_block_and_its_point(make: Callable[[], Json]) -> None:
    layout = layout_of(make())
    assert list(layout.seat_ids) == [seat["seat_guid"] for seat in seats_of(make())]
    assert [layout.ordinal_of(id) for id in layout.seat_ids] == list(range(layout.seats_total))
    covered = [
        ordinal
        for block in layout.blocks
        for ordinal in range(block.first_ordinal, block.first_ordinal + block.count)
    ]
    assert covered == list(range(layout.seats_total))
    assert len({layout.position_of(ordinal) for ordinal in covered}) == layout.seats_total
    assert len({section.id for section in layout.sections}) == len(layout.sections)


def test_sections_of_one_name_have_their_own_ids() -> None:
    assert [(section.id, section.name) for section in layout_of(twin_zones()).sections] == [
        ("balcony", "Balcony"),
        ("balcony-2", "Balcony"),
    ]
    assert [(section.id, section.name) for section in layout_of(bare()).sections] == [
        ("section", ""),
        ("gallery", "Gallery"),
    ]


def test_the_map_has_the_labels_and_plain_rows_are_as_short_as_ever() -> None:
    runs = metadata(layout_of(tables()))["runs"]
    assert runs[0] == [0, "1", 0, 8, 0, 1, 1, "Tisch 1", "Platz %s"]
    assert metadata(layout_of(aisle_theatre()))["runs"][0] == [0, "1", 0, 5, 0, 1, 1]
    assert metadata(layout_of(bare()))["runs"] == [
        [0, "", 0, 1, 0, "", 0, "Sofa", ""],
        [0, "", 1, 1, 0, "", 0, "Sofa", ""],
        [0, "", 2, 1, 0, 1, 1],
        [0, "", 3, 1, 0, 2, 1, "", "Stool %s (wheelchair)"],
        [1, "Box", 4, 1, 0, "", 0],
    ]


def test_a_text_lies_where_the_plan_puts_it() -> None:
    (stage,) = metadata(layout_of(aisle_theatre()))["shapes"]
    assert (stage["text"], stage["x"], stage["y"]) == ("Stage", 170, 50)


def best_ids(plan: Json, quantity: int) -> list[str]:
    layout = layout_of(plan)
    best = best_seats(layout, bytes(layout.seats_total), quantity)
    assert best is not None
    return [layout.seat_id(ordinal) for ordinal in best]


def test_nobody_is_seated_across_an_aisle_within_one_row() -> None:
    """Six fit only into the last row, whose two halves touch."""
    assert best_ids(aisle_theatre(), 6) == [f"L-4-{n}" for n in range(3, 6)] + [
        f"R-4-{n}" for n in range(6, 9)
    ]
    assert len({id[:3] for id in best_ids(aisle_theatre(), 5)}) == 1


def test_zones_of_one_name_are_two_places() -> None:
    assert len({id.split("-")[0] for id in best_ids(twin_zones(), 6)}) == 1


def test_rows_without_numbers_are_offered_too() -> None:
    assert set(best_ids(bare(), 5)) == {"sofa-1", "sofa-2", "stool-1", "stool-2", "box"}
