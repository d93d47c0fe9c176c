"""Small plans row by row, and the layouts that are compiled of them."""

from pathlib import Path
from typing import Any

from houseful.seating.parsing import StandingArea, plan_from_obj
from houseful.tickets.domain.layout import Layout, compile_layout
from houseful.tools.sample_venues import Venue

Json = dict[str, Any]


SPORTS_HALL = Path(__file__).parents[4] / "shared" / "data" / "plans" / "sportshall.json"


def built(venue: Venue) -> Layout:
    plan, areas, _ = venue
    return compile_layout(plan_from_obj(plan), [StandingArea(**area) for area in areas])


def hall(*zones: Json, categories: tuple[str, ...] = ("A", "B"), **more: Any) -> Json:
    return {
        "name": "Hall",
        "categories": [{"name": name} for name in categories],
        "zones": list(zones),
        **more,
    }


def zone(name: str, x: float, y: float, rows: list[Json], **more: Any) -> Json:
    return {"name": name, "position": {"x": x, "y": y}, "rows": rows, **more}


_guids = iter(range(10**9))


def row(name: str, y: float, numbers: str | list[str], *, step: float = 20, categories: str = "A") -> Json:
    """`numbers` such as "1 2 3"; `categories` is repeated as often as needed."""
    names = numbers.split() if isinstance(numbers, str) else numbers
    seats = [
        {
            "seat_guid": f"g{next(_guids)}",
            "seat_number": number,
            "position": {"x": i * step, "y": 0},
            "category": categories[i % len(categories)],
        }
        for i, number in enumerate(names)
    ]
    return {"row_number": name, "position": {"x": 0, "y": y}, "seats": seats}


def of(obj: Json, *areas: StandingArea) -> Layout:
    return compile_layout(plan_from_obj(obj), areas)
