"""Where the seats of a hall look."""

from typing import Any

import pytest

from tests.unit.tickets.layouts import Json, hall, of, row, zone

# -----------------------------------------------------------------------------------------------------------
# What the audience looks at.
BLOCK = "1 2 3 4 5 6"


def shape(text: str, x: float, y: float, **more: Any) -> Json:
    return {
        "position": {"x": x, "y": y},
        "width": 100,
        "height": 40,
        "text": text,
        "color": "#123456",
        **more,
    }


@pytest.mark.parametrize(
    "text", ["Stage", "MAIN STAGE", "Bühne", "Hauptbühne", "Scène", "Pitch", "Spielfeld", "Tennis court"]
)
def test_the_stage_or_field_is_the_focal_point(text: str) -> None:
    far = zone("Front", 1000, 500, [], areas=[shape(text, 10, 20), shape("Bar", 0, 0, width=900, height=900)])
    layout = of(hall(zone("Z", 100, 100, [row("1", 0, BLOCK), row("2", 30, BLOCK)]), far))
    assert layout.focal == (1060, 540)
    assert layout.shapes[0].text == text
    assert (layout.shapes[0].x, layout.shapes[0].y, layout.shapes[0].width) == (1010, 520, 100)


def test_a_turned_stage_is_looked_at_in_its_middle() -> None:
    turned = zone("Front", 1000, 500, [], areas=[shape("Stage", 0, 0, rotation=90)])
    layout = of(hall(zone("Z", 100, 100, [row("1", 0, BLOCK)]), turned))
    assert layout.focal == (980, 550)


def test_words_that_only_contain_stage_words_do_not_count() -> None:
    misleading = [shape(text, 500, 500) for text in ("Backstage", "Catering", "Courtyard", "Offstage bar")]
    layout = of(hall(zone("Z", 100, 100, [row("A", 0, BLOCK), row("B", 30, BLOCK)], areas=misleading)))
    assert layout.focal == (150, 100)


@pytest.mark.parametrize(
    ("names", "expected_y"), [("1 2 3", 100), ("3 2 1", 160), ("A B C", 100), ("C B A", 160)]
)
def test_without_a_stage_the_first_rows_tell_where_it_is(names: str, expected_y: int) -> None:
    rows = [row(name, 30 * i, BLOCK) for i, name in enumerate(names.split())]
    assert of(hall(zone("Z", 100, 100, rows))).focal == (150, expected_y)


def test_rows_that_face_each_other_look_at_the_middle() -> None:
    north = zone("N", 100, 100, [row("2", 0, BLOCK), row("1", 30, BLOCK)])
    south = zone("S", 100, 400, [row("1", 0, BLOCK), row("2", 30, BLOCK)])
    assert of(hall(north, south)).focal == (150, 265)
