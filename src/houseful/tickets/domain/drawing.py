"""Where everything of a plan lies once it is drawn: seats, outlines, shapes, standing room, and what they all
face.

Plans are drawn by people. Three things are put right here so that the map can be used: zones that lie on top
of each other are moved apart, all of it is moved out of negative coordinates, and standing areas that nobody
drew get a box.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from houseful.seating.parsing import (
    MAX_COORDINATE,
    MIN_COORDINATE,
    Plan,
    Row,
    Shape,
    ShapeText,
    StandingArea,
    Zone,
)

Point = tuple[int, int]
Drawn = tuple[int, int, int, int, float, str, str]  # x, y, width, height, rotation, text, colour
_Polygon = list[tuple[float, float]]

# What an audience looks at, in the order of preference.
_STAGE = re.compile(r"\b(main ?stage|stage|scène|scene|podium|\w*bühne|\w*buehne|bima)\b", re.IGNORECASE)
_FIELD = re.compile(
    r"\b(pitch|\w*court|playing field|field|\w*spielfeld|rink|boxing ring|manege|terrain)\b", re.IGNORECASE
)


class Region:
    """The drawn extent of a standing area."""

    def __init__(self, polygon: _Polygon) -> None:
        self.polygon = polygon
        self.outline: tuple[Point, ...] = tuple((_round(x), _round(y)) for x, y in polygon)

    def places(self, count: int) -> list[Point]:
        """`count` points spread evenly inside, line by line from the top."""
        xs, ys = [x for x, _ in self.polygon], [y for _, y in self.polygon]
        top, height = min(ys), max(ys) - min(ys)
        lines = max(1, round(height / max(1.0, math.sqrt(_area(self.polygon) / count))))
        spans: list[tuple[float, float, float]] = []  # y, from x, to x
        for line in range(lines):
            y = top + (line + 0.5) * height / lines
            crossings = sorted(
                x1 + (y - y1) * (x2 - x1) / (y2 - y1)
                for (x1, y1), (x2, y2) in pairwise([*self.polygon, self.polygon[0]])
                if (y1 <= y) != (y2 <= y)
            )
            spans += [(y, a, b) for a, b in zip(crossings[::2], crossings[1::2], strict=False)]
        length = sum(b - a for _, a, b in spans)
        if length <= 0:
            return [(_round(sum(xs) / len(xs)), _round(sum(ys) / len(ys)))] * count
        points: list[Point] = []
        done = 0.0
        for y, a, b in spans:
            done += b - a
            end = min(count, round(count * done / length))
            step = (b - a) / max(1, end - len(points))
            points += [(_round(a + (i + 0.5) * step), _round(y)) for i in range(end - len(points))]
        return points + [points[-1]] * (count - len(points))


class Scene:
    """A plan's final coordinates. `rows[i][j]` are the points of the seats of row j of zone i."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._scale = (1.0, 1.0)
        self._shift = (0, 0)
        self.rows = self._points()
        self.spacing = _spacing(self.rows)
        self._pull_apart()
        self._used: list[Shape] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._move_into_view()

    def outline(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """The convex hull of seats with their elbow room."""
        pad = self._pad
        corners = [(pad, 0), (0, pad), (-pad, 0), (0, -pad)]
        near = round(pad * 0.7)
        corners += [(near, near), (near, -near), (-near, near), (-near, -near)]
        return tuple(_hull([(x + dx, y + dy) for x, y in _hull(points) for dx, dy in corners]))

    def standing_region(self, area: StandingArea) -> Region:
        """The shape that has the area's name for its text, in its own zone if there is one; else a box near
        it."""
        wanted = area.name.strip().casefold()
        zones = sorted(self._plan.zones, key=lambda zone: zone.name != area.zone)
        for zone in zones:
            for shape in zone.areas:
                if shape.label.casefold() == wanted and (polygon := self._polygon(zone, shape)):
                    self._used.append(shape)
                    return Region(polygon)
        return Region(self._free_box(zones[0], area.capacity))

    @property
    def shapes(self) -> list[Drawn]:
        """All shapes but those that became standing regions."""
        drawn: list[Drawn] = []
        for zone in self._plan.zones:
            for shape in zone.areas:
                if any(shape is used for used in self._used):
                    continue
                if (one := self._drawn(zone, shape)) is not None:
                    drawn.append(one)
        return drawn

    def extent(self, outlines: Iterable[Sequence[Point]]) -> Point:
        """The width and height that hold everything."""
        size, (dx, dy) = self._plan.size, self._shift
        xs, ys = [size.width + dx if size else 1.0], [size.height + dy if size else 1.0]
        for outline in outlines:
            xs.append(max(x for x, _ in outline))
            ys.append(max(y for _, y in outline))
        for zone in self._plan.zones:
            for shape in zone.areas:
                xs += [x for x, _ in self._polygon(zone, shape)]
                ys += [y for _, y in self._polygon(zone, shape)]
        return math.ceil(max(xs)), math.ceil(max(ys))

    def focal(self) -> Point:
        """What the audience looks at: the stage or field if one is drawn; else the middle if rows face each
        other; else the middle of the edge that the first rows are next to."""
        for pattern in (_STAGE, _FIELD):
            found = [
                (not any(shape is used for used in self._used), _area(self._polygon(zone, shape)), drawn)
                for zone in self._plan.zones
                for shape in zone.areas
                if pattern.search(shape.label) and (drawn := self._drawn(zone, shape)) is not None
            ]
            if found:
                _, _, (x, y, width, height, rotation, _, _) = max(found)
                turn = math.radians(rotation)
                ahead, down = width / 2, height / 2
                return (
                    _round(x + ahead * math.cos(turn) - down * math.sin(turn)),
                    _round(y + ahead * math.sin(turn) + down * math.cos(turn)),
                )
        return self._focal_of_rows()

    def _focal_of_rows(self) -> Point:
        points = [point for zone in self.rows for row in zone for point in row]
        if not points:
            return _round(self._plan.size.width / 2) if self._plan.size else 0, 0
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        ahead_x, ahead_y, seats = 0.0, 0.0, 0
        for zone, rows in zip(self._plan.zones, self.rows, strict=True):
            x, y = _facing(zone.rows, rows)
            if x or y:
                count = sum(map(len, rows))
                ahead_x, ahead_y, seats = ahead_x + x * count, ahead_y + y * count, seats + count
        middle = (left + right) // 2, (top + bottom) // 2
        if math.hypot(ahead_x, ahead_y) <= 0.5 * seats:
            return middle
        if abs(ahead_y) >= abs(ahead_x):
            return middle[0], top if ahead_y < 0 else bottom
        return left if ahead_x < 0 else right, middle[1]

    @property
    def _pad(self) -> int:
        return max(1, min(200, round(self.spacing * 0.6)))

    def _origin(self, zone: Zone) -> tuple[float, float]:
        return (
            zone.position.x * self._scale[0] + self._shift[0],
            zone.position.y * self._scale[1] + self._shift[1],
        )

    def _points(self) -> list[list[list[Point]]]:
        floor, zones = math.floor, []
        for zone in self._plan.zones:
            rows = []
            x, y = self._origin(zone)
            for row in zone.rows:
                dx, dy = x + row.position.x + 0.5, y + row.position.y + 0.5
                rows.append(
                    [(floor(dx + seat.position.x), floor(dy + seat.position.y)) for seat in row.seats]
                )
            zones.append(rows)
        return zones

    def _pull_apart(self) -> None:
        """If seats of two zones coincide, the distances between all zones grow until the two lie side by
        side. Given up where there is no room, or where the two zones have the same position: they stay as
        drawn."""
        owner: dict[Point, int] = {}
        pairs: set[tuple[int, int]] = set()
        for i, zone in enumerate(self.rows):
            for row in zone:
                for point in row:
                    first = owner.setdefault(point, i)
                    if first != i:
                        pairs.add((first, i))
        if not pairs:
            return
        scale = [1.0, 1.0]
        for pair in sorted(pairs):
            factors = [self._factor(*pair, axis) for axis in (0, 1)]
            axis = 0 if factors[0] <= factors[1] else 1
            if math.isfinite(factors[axis]):
                scale[axis] = max(scale[axis], factors[axis])
        before, self._scale = self.rows, (scale[0], scale[1])
        self.rows = self._points()
        points = [point for zone in self.rows for row in zone for point in row]
        if not all(MIN_COORDINATE <= c <= MAX_COORDINATE for point in points for c in point):
            self.rows, self._scale = before, (1.0, 1.0)

    def _factor(self, one: int, other: int, axis: int) -> float:
        """By how much the zones' distance along an axis must grow so that they lie side by side."""

        def span(zone: int) -> tuple[float, float, float]:
            at = (self._plan.zones[zone].position.x, self._plan.zones[zone].position.y)[axis]
            values = [point[axis] for row in self.rows[zone] for point in row]
            return at, min(values) - at, max(values) - at

        (at, _, end), (other_at, start, _) = sorted((span(one), span(other)))
        gap = end - start + 2 * self.spacing
        return max(1.0, gap / (other_at - at)) if other_at > at else math.inf

    def _move_into_view(self) -> None:
        """Moves everything right and down if something lies left of or above the origin, and there is
        room."""
        xs, ys = [0.0], [0.0]
        for zone in self.rows:
            for row in zone:
                if row:
                    xs += (min(x for x, _ in row) - self._pad, max(x for x, _ in row) + self._pad)
                    ys += (min(y for _, y in row) - self._pad, max(y for _, y in row) + self._pad)
        for zone_ in self._plan.zones:
            for shape in zone_.areas:
                xs += [x for x, _ in self._polygon(zone_, shape)]
                ys += [y for _, y in self._polygon(zone_, shape)]
        shift = math.ceil(-min(xs)), math.ceil(-min(ys))
        if shift == (0, 0) or max(xs) + shift[0] > MAX_COORDINATE or max(ys) + shift[1] > MAX_COORDINATE:
            return
        self._shift = shift
        self.rows = self._points()

    def _polygon(self, zone: Zone, shape: Shape) -> _Polygon:
        """The shape's corners in the plan; empty if it has no extent."""
        corners = _corners(shape)
        turn = math.radians(shape.rotation)
        cos, sin = math.cos(turn), math.sin(turn)
        x0, y0 = self._origin(zone)
        x0, y0 = x0 + shape.position.x, y0 + shape.position.y
        return [(x0 + x * cos - y * sin, y0 + x * sin + y * cos) for x, y in corners]

    def _drawn(self, zone: Zone, shape: Shape) -> Drawn | None:
        polygon, text, color = self._polygon(zone, shape), shape.label, shape.color
        x, y = self._origin(zone)
        x, y = x + shape.position.x, y + shape.position.y
        if not polygon:
            dx, dy = _text_offset(shape)
            return (_round(x + dx), _round(y + dy), 0, 0, 0.0, text, color) if text else None
        if shape.shape == "rectangle":
            width, height = _corners(shape)[2]
            return _round(x), _round(y), _round(width), _round(height), shape.rotation, text, color
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        width, height = max(xs) - min(xs), max(ys) - min(ys)
        return _round(min(xs)), _round(min(ys)), _round(width), _round(height), 0.0, text, color

    def _free_box(self, zone: Zone, capacity: int) -> _Polygon:
        """A square near the zone's origin, clear of seats and of other such squares if one of a few spots
        is."""
        side = self.spacing * max(3.0, 0.6 * math.sqrt(capacity))
        x, y = self._origin(zone)
        own = [point for row in self.rows[self._plan.zones.index(zone)] for point in row]
        middle_x, middle_y = self._focal_of_rows()
        spots = [(x, y), (middle_x - side / 2, middle_y - side / 2)]
        if own:
            left, right = min(p[0] for p in own) - self._pad, max(p[0] for p in own) + self._pad
            top, bottom = min(p[1] for p in own) - self._pad, max(p[1] for p in own) + self._pad
            spots += [(left, bottom), (left, top - side), (right, top), (left - side, top)]
        spots += [(x + i * 1.1 * side, y + j * 1.1 * side) for j in range(4) for i in range(4)]
        most = MAX_COORDINATE - side
        spots = [(min(max(x, 0.0), most), min(max(y, 0.0), most)) for x, y in spots]
        x, y = next((spot for spot in spots if self._is_free(*spot, side)), spots[0])
        self._boxes.append((x, y, x + side, y + side))
        return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]

    def _is_free(self, x: float, y: float, side: float) -> bool:
        if any(x < r and l < x + side and y < b and t < y + side for l, t, r, b in self._boxes):  # noqa: E741
            return False
        return not any(
            x <= px <= x + side and y <= py <= y + side
            for zone in self.rows
            for row in zone
            for px, py in row
        )


def _text_offset(shape: Shape) -> tuple[float, float]:
    """Where a shape's text is, from the shape's own position."""
    at = shape.text.position if isinstance(shape.text, ShapeText) else None
    return (at.x, at.y) if at is not None else (0.0, 0.0)


def _corners(shape: Shape) -> _Polygon:
    """The shape's corners about its own position, before it is turned."""
    if shape.shape == "rectangle":
        width = shape.rectangle.width if shape.rectangle else shape.width or 0.0
        height = shape.rectangle.height if shape.rectangle else shape.height or 0.0
        return [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)] if width and height else []
    if shape.shape == "polygon" and shape.polygon:
        points = [(point.x, point.y) for point in shape.polygon.points]
        return points if len(points) >= 3 else []
    rx = ry = shape.circle.radius if shape.shape == "circle" and shape.circle else 0.0
    if shape.shape == "ellipse" and shape.ellipse:
        rx, ry = abs(shape.ellipse.radius.x), abs(shape.ellipse.radius.y)
    turns = [math.tau * i / 32 for i in range(32)]
    return [(rx * math.cos(turn), ry * math.sin(turn)) for turn in turns] if rx and ry else []


def _facing(rows: Sequence[Row], points: Sequence[Sequence[Point]]) -> tuple[float, float]:
    """The direction from the last row to the first, of length 1; (0, 0) if the rows' names do not tell."""
    ranked = [
        (rank, at)
        for row, at in zip(rows, points, strict=True)
        if at and (rank := _rank(row.row_number)) is not None
    ]
    if len(ranked) < 2:
        return 0.0, 0.0
    first, last = min(ranked)[1], max(ranked)[1]
    x = sum(p[0] for p in first) / len(first) - sum(p[0] for p in last) / len(last)
    y = sum(p[1] for p in first) / len(first) - sum(p[1] for p in last) / len(last)
    length = math.hypot(x, y)
    return (x / length, y / length) if length else (0.0, 0.0)


def _rank(row_number: str) -> int | None:
    """1, 2, 3 … or A, B, … Z, AA, AB …"""
    name = row_number.strip().upper()
    if name.isdecimal():
        return int(name[:9])
    if not re.fullmatch(r"[A-Z]{1,2}", name):
        return None
    rank = 0
    for letter in name:
        rank = rank * 26 + ord(letter) - 64
    return rank


def _spacing(rows: Sequence[Sequence[Sequence[Point]]]) -> float:
    """The usual distance of neighbours in a row, in plan units; 20 if no row has two seats."""
    gaps = [math.dist(a, b) for zone in rows for row in zone for a, b in pairwise(row[:4])]
    return max(1.0, median(gaps)) if gaps else 20.0


def _hull(points: Iterable[Point]) -> list[Point]:
    """The convex hull (Andrew's monotone chain), without points on its edges."""
    ordered = sorted(set(points))
    if len(ordered) <= 2:
        return ordered
    halves: list[list[Point]] = []
    for way in (ordered, ordered[::-1]):
        half: list[Point] = []
        for x, y in way:
            while len(half) >= 2:
                (ax, ay), (bx, by) = half[-2], half[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                half.pop()
            half.append((x, y))
        halves.append(half[:-1])
    return halves[0] + halves[1]


def _area(polygon: _Polygon) -> float:
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise([*polygon, *polygon[:1]]))) / 2


def _round(value: float) -> int:
    return max(MIN_COORDINATE, min(MAX_COORDINATE, math.floor(value + 0.5)))
