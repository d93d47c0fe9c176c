"""Generated venues for demos, tests and benchmarks: a theatre, an arena and a stadium of any size.

Each function returns `(plan, areas, prices)`: a seating plan in pretix's JSON format as plain dicts, standing
areas, and a suggested price in minor units for every category. The number of seats and standing places is
exactly the requested one. The same number always gives the same venue, down to the seat_guids.
One metre is 40 units: a seat is half a metre wide, a pitch 105 metres long.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Venue = tuple[dict[str, Any], list[dict[str, Any]], dict[str, int]]

_COLORS = ("#391B65", "#184F19", "#4C35C7", "#AC5B81", "#6889F9", "#D9770F")  # survive colour blindness
_SEAT = 21.0  # from seat to seat
_LOOSEST = 1.15  # times as far, where a row has seats to spare
_DEPTH = 28.0
_AISLE = 50.0  # between the seats on both sides of it
_MARGIN = 60

_Point = tuple[float, float]
_Row = tuple[str, list[tuple[str, _Point]]]  # the row's name, and category and place of each seat


class _Line(NamedTuple):
    """One row of one section before seats are placed: a curve, its length, and the points along it."""

    length: float
    at: Callable[[float], _Point]

    def holds(self) -> int:
        return max(0, math.floor((self.length - _AISLE) / _SEAT) + 1)

    def seats(self, count: int) -> list[_Point]:
        """`count` seats in the middle, spread a little if there is room."""
        usable = self.length - _AISLE
        step = min(usable / (count - 1), _SEAT * _LOOSEST) if count > 1 else 0.0
        start = (self.length - step * (count - 1)) / 2
        return [self.at(start + step * i) for i in range(count)]


class _Drawing:
    """A plan under construction, in absolute coordinates."""

    def __init__(self, name: str, categories: dict[str, int]) -> None:
        self.name = name
        self.prices = categories
        self.zones: list[tuple[str, str, list[_Row]]] = []
        self.shapes: list[tuple[str, float, float, float, float, str]] = []

    def zone(self, name: str, code: str, rows: Iterable[_Row]) -> None:
        """`rows` are (name, [(category, point), …]). Seats are numbered from 1. Empty rows are left out."""
        kept = [row for row in rows if row[1]]
        if kept:
            self.zones.append((name, code, kept))

    def shape(self, text: str, x: float, y: float, width: float, height: float, color: str) -> None:
        self.shapes.append((text, x, y, width, height, color))

    def finish(self, areas: Sequence[dict[str, Any]] = ()) -> Venue:
        places = [place for _, _, rows in self.zones for _, seats in rows for _, place in seats]
        places += [(x, y) for _, x, y, _, _, _ in self.shapes]
        places += [(x + width, y + height) for _, x, y, width, height, _ in self.shapes]
        left, top = min(x for x, _ in places) - _MARGIN, min(y for _, y in places) - _MARGIN
        right, bottom = max(x for x, _ in places) + _MARGIN, max(y for _, y in places) + _MARGIN
        used = {category for _, _, rows in self.zones for _, seats in rows for category, _ in seats}
        used |= {area["category"] for area in areas}
        prices = {name: price for name, price in self.prices.items() if name in used}
        drawn = [
            {
                "shape": "rectangle",
                "position": {"x": round(x - left), "y": round(y - top)},
                "rectangle": {"width": round(width), "height": round(height)},
                "color": color,
                "text": text,
            }
            for text, x, y, width, height, color in self.shapes
        ]
        floor = {"name": "Floor", "zone_id": "floor", "position": {"x": 0, "y": 0}, "rows": []}
        plan = {
            "name": self.name,
            "categories": [{"name": name, "color": _COLORS[i % 6]} for i, name in enumerate(prices)],
            "zones": [*(self._zone(*zone, left, top) for zone in self.zones), {**floor, "areas": drawn}],
            "size": {"width": math.ceil(right - left), "height": math.ceil(bottom - top)},
        }
        return plan, list(areas), prices

    def _zone(self, name: str, code: str, rows: list[_Row], left: float, top: float) -> dict[str, Any]:
        fixed = [(row, [(c, round(x - left), round(y - top)) for c, (x, y) in seats]) for row, seats in rows]
        zone_x = min(x for _, seats in fixed for _, x, _ in seats)
        zone_y = min(y for _, seats in fixed for _, _, y in seats)
        made = []
        for row, seats in fixed:
            _, row_x, row_y = seats[0]
            made.append(
                {
                    "row_number": row,
                    "position": {"x": row_x - zone_x, "y": row_y - zone_y},
                    "seats": [
                        {
                            "seat_guid": f"{code}-{row}-{number}",
                            "seat_number": str(number),
                            "position": {"x": x - row_x, "y": y - row_y},
                            "category": category,
                        }
                        for number, (category, x, y) in enumerate(seats, 1)
                    ],
                }
            )
        return {"name": name, "zone_id": code, "position": {"x": zone_x, "y": zone_y}, "rows": made}


def theatre(seats: int = 900) -> Venue:
    """Stalls in curved rows with aisles, boxes at the sides, a circle; a large house has an upper circle.

    50 to 5,000 seats; ValueError otherwise.
    """
    _check("theatre", seats, 50, 5_000)
    prices = {
        "Premium": 9500,
        "Stalls": 6900,
        "Rear stalls": 4900,
        "Circle": 5900,
        "Upper circle": 3500,
        "Boxes": 8500,
    }
    drawing = _Drawing(f"Theatre with {seats:,} seats", prices)
    upper = round(seats * 0.2) if seats >= 1_600 else 0
    circle = round(seats * 0.3) if seats >= 150 else 0
    stalls = seats - upper - circle
    width = max(
        6.0, math.sqrt(2 * stalls)
    )  # seats in a row of the stalls, about twice as many as there are rows
    half_angle = 0.52
    radius = max(150.0, (width * _SEAT + 2 * _AISLE) / (2 * half_angle) - width / 4 * _DEPTH)
    boxes = _boxes(seats, stalls, radius, half_angle, width)
    depth = _tier(drawing, "Stalls", "ST", stalls - sum(map(len, boxes)) * 2, radius, half_angle)
    for name, code, side in (("Boxes left", "BL", -1), ("Boxes right", "BR", 1)):
        rows = [[("Boxes", (side * x, y)) for x, y in box] for box in boxes]
        drawing.zone(name, code, [(str(number), row) for number, row in enumerate(rows, 1)])
    end = radius + depth * _DEPTH
    if circle:
        start = end + 110
        end = start + _tier(drawing, "Circle", "CI", circle, start, half_angle + 0.08) * _DEPTH
    if upper:
        _tier(drawing, "Upper circle", "UC", upper, end + 110, half_angle + 0.1)
    stage_width, stage_end = 1.6 * radius * math.sin(half_angle), radius * math.cos(half_angle) - 40
    drawing.shape(
        "Stage", -stage_width / 2, stage_end - stage_width * 0.35, stage_width, stage_width * 0.35, "#D8D3C8"
    )
    return drawing.finish()


def _boxes(seats: int, stalls: int, radius: float, half_angle: float, width: float) -> list[list[_Point]]:
    """The seats of the boxes on the right hand side, one behind the other along the stalls."""
    if seats < 200:
        return []
    length, gap = 3 * _SEAT, 44.0
    count = max(1, min(8, int(width / 2 * _DEPTH / (length + gap))))
    boxes = []
    for box in range(count):
        near = radius + box * (length + gap)
        places = [near + i * _SEAT for i in range(4)]
        boxes.append(
            [
                (r * math.sin(a := half_angle + 55 / r), r * math.cos(a)) for r in places
            ]  # a step beside the rows' ends
        )
    return boxes


def _tier(drawing: _Drawing, name: str, code: str, count: int, radius: float, half_angle: float) -> int:
    """Add a fan of curved rows from `radius` outwards.

    Returns the number of rows. The stalls are one zone with aisles in its rows; the circles have a zone for
    each third.
    """
    wide = 2 * half_angle * radius / _SEAT
    parts = 1 if wide < 12 else 2 if wide < 18 else 3

    def row_lines(row: int) -> list[_Line]:
        r = radius + row * _DEPTH
        arc = 2 * half_angle * r / parts

        def part_line(part: int) -> _Line:
            def at(s: float) -> _Point:
                angle = -half_angle + (part * arc + s) / r
                return r * math.sin(angle), r * math.cos(angle)

            return _Line(arc, at)

        return [part_line(part) for part in range(parts)]

    seated = _fill(count, row_lines)
    if name != "Stalls":
        for part, side in enumerate(("left", "centre", "right")):
            rows = [
                (_letters(row), [(name, place) for place in lines[part]]) for row, lines in enumerate(seated)
            ]
            drawing.zone(f"{name} {side}", f"{code}{side[0].upper()}", rows)
        return len(seated)
    rows = []
    for row, lines in enumerate(seated):
        share, placed = row / len(seated), []
        for part, places in enumerate(lines):
            best = share < 0.4 and parts == 3 and part == 1
            category = "Premium" if best else "Rear stalls" if share >= 0.65 else "Stalls"
            placed += [(category, place) for place in places]
        rows.append((_letters(row), placed))
    drawing.zone(name, code, rows)
    return len(seated)


def arena(seats: int = 12_000) -> Venue:
    """A concert: a stage at one end of the floor, standing room before it, and a bowl of one or two tiers
    around.

    500 to 40,000 places, of which about a fifth is standing room; ValueError otherwise.
    """
    _check("arena", seats, 500, 40_000)
    prices = {
        "Standing front": 8900,
        "Standing": 6500,
        "Lower tier side": 7900,
        "Lower tier end": 6900,
        "Upper tier side": 4900,
        "Upper tier end": 3900,
    }
    drawing = _Drawing(f"Arena with {seats:,} places", prices)
    front, back = seats // 20, seats * 3 // 20
    scale = min(1.5, max(0.4, math.sqrt(seats / 12_000)))
    half_width, half_height = 720 * scale, 1250 * scale
    sides = ("right", "bottom right", "bottom", "bottom left", "left")
    seated = seats - front - back
    shares = [("Lower tier", 0.55), ("Upper tier", 0.45)] if seated >= 4_000 else [("Lower tier", 1.0)]

    def category(tier: str, side: str, _middle: bool) -> str:
        return f"{tier} side" if side in ("left", "right") else f"{tier} end"

    _bowl(drawing, seated, shares, (half_width + 80, half_height + 80, 220 * scale), sides, category)
    stage_height = half_height * 0.3
    y = -half_height
    drawing.shape("Stage", -half_width * 0.8, y, half_width * 1.6, stage_height, "#D8D3C8")
    top, bottom = y + stage_height + 50, half_height
    split = top + (bottom - top) * 0.27
    drawing.shape("Standing front", -half_width, top, half_width * 2, split - top - 25, "#E9E6F5")
    drawing.shape("Standing", -half_width, split + 25, half_width * 2, bottom - split - 25, "#E4EFE4")
    areas = [
        {"zone": "Floor", "name": "Standing front", "category": "Standing front", "capacity": front},
        {"zone": "Floor", "name": "Standing", "category": "Standing", "capacity": back},
    ]
    return drawing.finish(areas)


def stadium(seats: int = 60_000) -> Venue:
    """A bowl of one to three tiers around a pitch; 60,000 seats make about a hundred sections.

    2,000 to 120,000 seats; ValueError otherwise.
    """
    _check("stadium", seats, 2_000, 120_000)
    prices = {
        "Halfway line": 12900,
        "Long side": 8900,
        "Corner": 6900,
        "Behind the goal": 5500,
        "Upper long side": 4900,
        "Upper tier": 3500,
    }
    drawing = _Drawing(f"Stadium with {seats:,} seats", prices)
    shares = [("Lower tier", 1.0)]
    if seats >= 30_000:
        shares = [("Lower tier", 0.42), ("Middle tier", 0.18), ("Upper tier", 0.40)]
    elif seats >= 10_000:
        shares = [("Lower tier", 0.6), ("Upper tier", 0.4)]

    def category(tier: str, side: str, middle: bool) -> str:
        long = side in ("top", "bottom")
        if tier == "Upper tier":
            return "Upper long side" if long else "Upper tier"
        if long:
            return "Halfway line" if middle else "Long side"
        return "Corner" if " " in side else "Behind the goal"

    _bowl(drawing, seats, shares, (2100 + 220, 1360 + 220, 420), _SIDES, category)
    drawing.shape("Pitch", -2100, -1360, 4200, 2720, "#CFE5CC")
    return drawing.finish()


# ------------------------------------------------------------------------------------------------------------
# A bowl: rows follow a rectangle with round corners, farther out and farther up from row to row.

_SIDES = ("top", "top right", "right", "bottom right", "bottom", "bottom left", "left", "top left")


class _Section(NamedTuple):
    side: str
    middle: bool  # in the middle of a side
    line: Callable[[float], _Line]  # by distance from the inner edge


def _bowl(
    drawing: _Drawing,
    count: int,
    shares: Sequence[tuple[str, float]],
    inner: tuple[float, float, float],
    sides: Sequence[str],
    category: Callable[[str, str, bool], str],
) -> None:
    """Tiers of sections around the rectangle of half width, half height and corner radius `inner`."""
    away, left = 0.0, count
    for tier, (name, share) in enumerate(shares, 1):
        wanted = left if tier == len(shares) else round(count * share)
        left -= wanted
        deep = wanted * _SEAT * _DEPTH / (4 * (inner[0] + inner[1]))
        sections = _sections(inner, away + deep / 2, sides)

        def row_lines(row: int, sections: list[_Section] = sections, away: float = away) -> list[_Line]:
            return [section.line(away + row * _DEPTH) for section in sections]

        seated = _fill(wanted, row_lines)
        for i, section in enumerate(sections):
            kind = category(name, section.side, section.middle)
            rows = [(str(row), [(kind, place) for place in lines[i]]) for row, lines in enumerate(seated, 1)]
            number = str(tier * 100 + i + 1)
            drawing.zone(f"Block {number}", number, rows)
        away += len(seated) * _DEPTH + 90


def _sections(inner: tuple[float, float, float], away: float, sides: Sequence[str]) -> list[_Section]:
    """Clockwise from the top left; each side and corner in equal parts of about 17 metres, measured `away`
    from inside."""
    x, y, radius = inner[0] - inner[2], inner[1] - inner[2], inner[2]
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    sections = []
    for i, side in enumerate(_SIDES):
        if side not in sides:
            continue
        facing, is_corner = math.pi / 2 * (i // 2 - 1), i % 2 == 1
        start = corners[(i + 1) // 2 % 4]
        turn = math.pi / 2 if is_corner else 0.0
        length = (radius + away) * turn if is_corner else 2 * (y if i % 4 else x)
        parts = max(1, round(length / 680))
        for part in range(parts):
            middle = not is_corner and abs(part - (parts - 1) / 2) < parts / 4
            line = _ring_line(start, radius, facing, turn / parts, length / parts, part)
            sections.append(_Section(side, middle, line))
    return sections


def _ring_line(
    start: _Point, radius: float, facing: float, turn: float, length: float, part: int
) -> Callable[[float], _Line]:
    """The rows of one part of a side (`turn` is 0) that is `length` long, or of one of a corner that turns by
    `turn`."""

    def line(away: float) -> _Line:
        r = radius + away

        def at(s: float) -> _Point:
            angle = facing + turn * part + (s / r if turn else 0.0)
            along = 0.0 if turn else s + length * part
            cos, sin = math.cos(angle), math.sin(angle)
            return start[0] + r * cos - along * sin, start[1] + r * sin + along * cos

        return _Line(r * turn if turn else length, at)

    return line


def _fill(count: int, row_lines: Callable[[int], list[_Line]]) -> list[list[list[_Point]]]:
    """Rows of seats by line, as many rows as `count` seats need. The surplus is left out evenly."""
    rows: list[list[_Line]] = []
    held = 0
    while held < count:
        rows.append(row_lines(len(rows)))
        held += sum(line.holds() for line in rows[-1])
        assert len(rows) <= 1_000, "these rows hold nobody"
    seen = kept = 0
    seated = []
    for lines in rows:
        row = []
        for line in lines:
            seen += line.holds()
            row.append(line.seats(count * seen // held - kept))
            kept += len(row[-1])
        seated.append(row)
    return seated


def _letters(index: int) -> str:
    """A, B, … Z, AA, … without I and O, which look like numbers."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    high, low = divmod(index, len(alphabet))
    return (alphabet[high - 1] if high else "") + alphabet[low]


def _check(kind: str, seats: int, least: int, most: int) -> None:
    if not least <= seats <= most:
        raise ValueError(f"a generated {kind} has {least:,} to {most:,} places, not {seats:,}")
