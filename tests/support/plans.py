"""Seating plans of our own as editors draw them: rows that an aisle splits, zones of one name, tables."""

from typing import Any

Json = dict[str, Any]

GREY = "slategray"


def _seat(guid: str, number: str, x: float, y: float = 0, category: str = "Seat", **more: Any) -> Json:
    position = {"x": x, "y": y}
    return {"seat_guid": guid, "seat_number": number, "position": position, "category": category, **more}


def _row(
    prefix: str, number: str, count: int, y: float, *, x: float = 0, first: int = 1, **more: Any
) -> Json:
    seats = [
        _seat(f"{prefix}-{number}-{n}", str(n), 25 * i) for i, n in enumerate(range(first, first + count))
    ]
    return {"row_number": number, "position": {"x": x, "y": y}, "seats": seats, **more}


def _plan(name: str, zones: list[Json], color: str = "#4C35C7") -> Json:
    size = {"width": 800, "height": 500}
    return {"name": name, "size": size, "categories": [{"name": "Seat", "color": color}], "zones": zones}


def aisle_theatre() -> Json:
    """Four rows of ten, each drawn as two rows of one number with an aisle between 5 and 6. The last row's
    halves touch."""
    rows = []
    for number in range(1, 5):
        gap = 0 if number == 4 else 50
        rows.append(_row("L", str(number), 5, 30 * number, row_number_position="start"))
        rows.append(_row("R", str(number), 5, 30 * number, x=125 + gap, first=6, row_number_position="end"))
    stage = {
        "shape": "text",
        "text": {"text": "Stage", "position": {"x": 120, "y": 0}, "color": GREY, "size": 16},
    }
    zone = {"name": "Parquet", "zone_id": "P", "position": {"x": 50, "y": 50}, "rows": rows, "areas": [stage]}
    return _plan("Theatre with an aisle", [zone])


def twin_zones() -> Json:
    """Two balconies of one name, on two sides, with the same rows and numbers in both."""
    return _plan(
        "Two balconies",
        [
            {
                "name": "Balcony",
                "position": {"x": x, "y": 0},
                "rows": [_row(side, "1", 6, 0), _row(side, "2", 6, 30)],
            }
            for side, x in (("left", 0), ("right", 400))
        ],
        "rgb(76, 53, 199)",
    )


def tables() -> Json:
    """Five tables of eight in a zone without a name; what the rows and seats are called is in the labels."""
    rows, areas = [], []
    for table in range(1, 6):
        x = 150 * (table - 1)
        seats = [_seat(f"t{table}-{n}", str(n), 30 * (n % 4), 60 * (n // 5), radius=10) for n in range(1, 9)]
        seats[0]["start_direction"] = "<>"
        rows.append(
            {
                "row_number": str(table),
                "row_label": "Tisch %s",
                "seat_label": "Platz %s",
                "position": {"x": x, "y": 100},
                "seats": seats,
                "uuid": f"0000000{table}",
            }
        )
        areas.append(
            {
                "shape": "circle",
                "circle": {"radius": 40},
                "position": {"x": x + 45, "y": 130},
                "color": "burlywood",
                "border_color": "rgba(0, 0, 0, 0.5)",
                "rotation": 0,
                "text": {"text": f"Tisch\n{table}", "color": "#333", "position": {"x": 0, "y": 0}},
            }
        )
    return _plan("Gala", [{"position": {"x": 20, "y": 20}, "rows": rows, "areas": areas}], "Tomato")


def bare() -> Json:
    """What the schema allows and people leave out: names of zones, numbers of rows and seats."""
    sofa = {"row_number": "", "row_label": "Sofa", "seats": [_seat("sofa-1", "", 0), _seat("sofa-2", "", 25)]}
    stools = {
        "row_number": "",
        "row_label": None,
        "position": {"x": 0, "y": 60},
        "seats": [_seat("stool-1", "1", 0), _seat("stool-2", "2", 25, seat_label="Stool %s (wheelchair)")],
    }
    single = {"row_number": "Box", "position": {"x": 0, "y": 120}, "seats": [_seat("box", "", 0)]}
    zones: list[Json] = [
        {"name": "", "position": {"x": 10, "y": 10}, "rows": [sofa, stools]},
        {"name": "Gallery", "position": {"x": 300, "y": 10}, "rows": [single]},
    ]
    return _plan("", zones, "transparent")


def seats_of(plan: Json) -> list[Json]:
    return [seat for zone in plan["zones"] for row in zone["rows"] for seat in row["seats"]]
