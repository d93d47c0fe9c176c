"""An event's hall, compiled from its seating plan: who sits where, in arrays.

A seat is its *ordinal* everywhere inside: 0..n-1 in the plan's order of zones, rows and seats, with the
numbered places of standing areas after them. A *section* is a zone with seats, or a standing area; its
ordinals are consecutive. A *block* is what is stored and changed as one: at most 50 consecutive seats of one
row of one section.

A `Layout` never changes. 60,000 seats compile in about 0.15 s and take some 12 MB, most of it the seat ids.
"""

import re
import struct
import sys
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec
from msgspec import Struct

from houseful.common.plan import Plan, StandingArea
from houseful.tickets.domain import drawing
from houseful.tickets.domain.drawing import Point, Region

MAX_BLOCK_SEATS = 50
# For categories without a colour of their own; they survive colour blindness and have 3:1 contrast on white.
_COLORS = ("#391B65", "#184F19", "#4C35C7", "#AC5B81", "#6889F9", "#D9770F")

Kind = Literal["seats", "standing"]


class CategorySpec(Struct, frozen=True):
    """A price level; its index is its place in `Layout.categories`. `color` is `#rgb` or `#rrggbb`."""

    name: str
    color: str


class Section(Struct, frozen=True, kw_only=True):
    """`id` is unique in the hall and safe in a URL. `category` is the index of the commonest, `categories`
    all of them, commonest first. `outline` is a polygon around the section in plan units."""

    index: int
    id: str
    name: str
    zone: str
    kind: Kind
    first: int
    count: int
    category: int
    categories: tuple[int, ...]
    outline: tuple[Point, ...]


class RowSpec(Struct, frozen=True, gc=False):
    """A row of a section; a standing area has a single one, named ""."""

    index: int
    section_index: int
    name: str
    first_ordinal: int
    count: int


class BlockSpec(Struct, frozen=True, gc=False):
    """At most 50 consecutive seats of one row, or places of one standing area (whose row is "")."""

    index: int
    section_index: int
    row: str
    first_ordinal: int
    count: int


class ShapeSpec(Struct, frozen=True, kw_only=True):
    """Something to draw. `rotation` in degrees, clockwise, about (x, y)."""

    x: int
    y: int
    width: int
    height: int
    rotation: float
    text: str
    color: str


class Layout:
    """The compiled hall. Per-seat arrays are indexed by ordinal and must not be changed.

    `x`, `y` are in plan units, moved so that nothing lies left of or above (0, 0); `width` and `height` hold
    all of it. `focal` is the point that the audience looks at.
    """

    def __init__(self, categories: tuple[CategorySpec, ...]) -> None:
        """Only `compile_layout` makes one."""
        self.categories = categories
        self.sections: tuple[Section, ...] = ()
        self.rows: tuple[RowSpec, ...] = ()
        self.blocks: tuple[BlockSpec, ...] = ()
        self.shapes: tuple[ShapeSpec, ...] = ()
        self.seats_total = 0
        self.x = array("h")
        self.y = array("h")
        self.category_index = array("H")
        self.row_index = array("I")
        self.block_index = array("I")
        self.seat_ids: tuple[str, ...] = ()
        self.numbers: tuple[str, ...] = ()
        self.width = 0
        self.height = 0
        self.focal: Point = (0, 0)
        self._ordinals: dict[str, int] = {}
        self._section_index: dict[str, int] = {}
        self._cache: dict[str, Any] = {}

    def ordinal_of(self, seat_id: str) -> int | None:
        """None if the hall has no such seat."""
        return self._ordinals.get(seat_id)

    def section_by_id(self, section_id: str) -> Section | None:
        index = self._section_index.get(section_id)
        return None if index is None else self.sections[index]

    def category_named(self, name: str) -> int | None:
        """The index of a category; None if there is none of that name."""
        return next((i for i, category in enumerate(self.categories) if category.name == name), None)

    def seat_id(self, ordinal: int) -> str:
        return self.seat_ids[ordinal]

    def number_of(self, ordinal: int) -> str:
        return self.numbers[ordinal]

    def category_of(self, ordinal: int) -> int:
        return self.category_index[ordinal]

    def category_name(self, ordinal: int) -> str:
        return self.categories[self.category_index[ordinal]].name

    def row_of(self, ordinal: int) -> str:
        return self.rows[self.row_index[ordinal]].name

    def section_of(self, ordinal: int) -> Section:
        return self.sections[self.rows[self.row_index[ordinal]].section_index]

    def block_of(self, ordinal: int) -> int:
        """The index of the block that holds the seat."""
        return self.block_index[ordinal]

    def position_of(self, ordinal: int) -> Point:
        return self.x[ordinal], self.y[ordinal]

    def cached(self, key: str, make: Callable[["Layout"], Any]) -> Any:
        """Something derived from this layout, made when first asked for. Making it twice in a race does no
        harm."""
        if key not in self._cache:
            self._cache[key] = make(self)
        return self._cache[key]


def compile_layout(plan: Plan, areas: Sequence[StandingArea] = ()) -> Layout:
    """Compiles a plan that `parse_plan` and `check_prices` have accepted. Deterministic: the ordinals,
    section ids and blocks of the same plan and areas are always the same."""
    scene = drawing.Scene(plan)
    layout = Layout(_categories(plan))
    build = _Build(layout, {category.name: i for i, category in enumerate(plan.categories)})
    for i, zone in enumerate(plan.zones):
        if not any(row.seats for row in zone.rows):
            continue
        first = len(build.seat_ids)
        section_index = len(build.sections)
        for row, points in zip(zone.rows, scene.rows[i], strict=True):
            if not points:
                continue
            build.add_row(
                section_index,
                row.row_number,
                [seat.seat_guid for seat in row.seats],
                [seat.seat_number for seat in row.seats],
                [seat.category for seat in row.seats],
                points,
            )
        outline = scene.outline([point for points in scene.rows[i] for point in points])
        build.add_section((zone.name, zone.zone_id), zone.name, zone.name, "seats", first, outline)
    guids = set(build.seat_ids)
    for area in areas:
        region = scene.standing_region(area)
        _add_standing(build, area, region, guids)
    shapes = tuple(
        ShapeSpec(x=x, y=y, width=w, height=h, rotation=rotation, text=text, color=color)
        for x, y, w, h, rotation, text, color in scene.shapes
    )
    return build.finish(shapes, scene)


def _categories(plan: Plan) -> tuple[CategorySpec, ...]:
    return tuple(
        CategorySpec(category.name, category.color or _COLORS[i % len(_COLORS)])
        for i, category in enumerate(plan.categories)
    )


def _add_standing(build: "_Build", area: StandingArea, region: Region, guids: set[str]) -> None:
    numbers = [str(number) for number in range(1, area.capacity + 1)]
    section_id = build.free_id(
        (area.name, area.zone), lambda id: not any(f"{id}-{n}" in guids for n in numbers)
    )
    first = len(build.seat_ids)
    ids = [f"{section_id}-{number}" for number in numbers]
    points = region.places(area.capacity)
    build.add_row(len(build.sections), "", ids, numbers, [area.category] * area.capacity, points)
    build.add_section((section_id,), area.name, area.zone, "standing", first, region.outline)


class _Build:
    """A layout in the making."""

    def __init__(self, layout: Layout, category_index: dict[str, int]) -> None:
        self.layout = layout
        self.category_index = category_index
        self.sections: list[Section] = []
        self.rows: list[RowSpec] = []
        self.blocks: list[BlockSpec] = []
        self.seat_ids: list[str] = []
        self.numbers: list[str] = []
        self._ids: set[str] = set()
        self._same: dict[str, str] = {}  # one string object for all the seats with the number "12"

    def free_id(self, names: Sequence[str], fits: Callable[[str], bool] = lambda _id: True) -> str:
        """A section id made from the first name that has letters or digits; a suffix makes it unique."""
        slug = next((s for s in map(_slug, names) if s), "section")
        candidate, suffix = slug, 1
        while candidate in self._ids or not fits(candidate):
            suffix += 1
            candidate = f"{slug}-{suffix}"
        return candidate

    def add_row(
        self,
        section_index: int,
        name: str,
        ids: Sequence[str],
        numbers: Sequence[str],
        categories: Sequence[str],
        points: Sequence[Point],
    ) -> None:
        layout, first, count = self.layout, len(self.seat_ids), len(ids)
        self.seat_ids += ids
        self.numbers += [self._same.setdefault(number, number) for number in numbers]
        layout.category_index.extend([self.category_index[category] for category in categories])
        layout.x.extend([point[0] for point in points])
        layout.y.extend([point[1] for point in points])
        layout.row_index.extend([len(self.rows)] * count)
        self.rows.append(RowSpec(len(self.rows), section_index, name, first, count))
        for start, size in _split(count, even=bool(name)):
            layout.block_index.extend([len(self.blocks)] * size)
            self.blocks.append(BlockSpec(len(self.blocks), section_index, name, first + start, size))

    def add_section(
        self,
        id_names: Sequence[str],
        name: str,
        zone: str,
        kind: Kind,
        first: int,
        outline: tuple[Point, ...],
    ) -> None:
        section_id = self.free_id(id_names)
        self._ids.add(section_id)
        counts = Counter(self.layout.category_index[first:])
        categories = tuple(sorted(counts, key=lambda category: (-counts[category], category)))
        self.sections.append(
            Section(
                index=len(self.sections),
                id=section_id,
                name=name,
                zone=zone,
                kind=kind,
                first=first,
                count=len(self.seat_ids) - first,
                category=categories[0],
                categories=categories,
                outline=outline,
            )
        )

    def finish(self, shapes: tuple[ShapeSpec, ...], scene: drawing.Scene) -> Layout:
        layout = self.layout
        layout.sections, layout.rows, layout.blocks = (
            tuple(self.sections),
            tuple(self.rows),
            tuple(self.blocks),
        )
        layout.seat_ids, layout.numbers, layout.shapes = tuple(self.seat_ids), tuple(self.numbers), shapes
        layout.seats_total = len(self.seat_ids)
        layout.width, layout.height = scene.extent([section.outline for section in self.sections])
        layout.focal = scene.focal()
        layout._ordinals = {seat_id: ordinal for ordinal, seat_id in enumerate(self.seat_ids)}
        layout._section_index = {section.id: section.index for section in self.sections}
        assert len(layout._ordinals) == layout.seats_total == len(layout.x) == len(layout.block_index)
        return layout


def _split(count: int, *, even: bool) -> list[tuple[int, int]]:
    """(start, size) of the blocks of a row: as few as possible, of about the same size if `even`, else filled
    up."""
    parts = -(-count // MAX_BLOCK_SEATS)
    if even:
        edges = [count * i // parts for i in range(parts + 1)]
    else:
        edges = [min(count, MAX_BLOCK_SEATS * i) for i in range(parts + 1)]
    return [(start, end - start) for start, end in pairwise(edges)]


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")


def geometry(layout: Layout) -> bytes:
    """The hall as the browser draws it, immutable for a plan; docs/seat-map.md describes every byte."""
    metadata = msgspec.json.encode(
        {
            "size": {"width": layout.width, "height": layout.height},
            "focal": {"x": layout.focal[0], "y": layout.focal[1]},
            "categories": layout.categories,
            "sections": [
                {
                    "id": section.id,
                    "name": section.name,
                    "kind": section.kind,
                    "first": section.first,
                    "count": section.count,
                    "category": section.category,
                    "outline": section.outline,
                }
                for section in layout.sections
            ],
            "runs": _runs(layout),
            "shapes": layout.shapes,
        }
    )
    metadata += b" " * (-len(metadata) % 4)
    header = struct.pack("<4sII", b"HFG1", layout.seats_total, len(metadata))
    return header + metadata + _deltas(layout.x) + _deltas(layout.y)


_Run = tuple[int, str, int, int, int, int | str, int]


def _runs(layout: Layout) -> list[_Run]:
    """(section, row name, first ordinal, count, category, first number, step): every row cut where the
    category changes or the numbers stop going up or down by one or two; a number that is no plain integer
    stands alone."""
    runs: list[_Run] = []
    value_of = {number: _integer(number) for number in set(layout.numbers)}
    values = [value_of[number] for number in layout.numbers]
    categories = layout.category_index
    for row in layout.rows:
        start, row_end = row.first_ordinal, row.first_ordinal + row.count
        while start < row_end:
            value, category, end, step = values[start], categories[start], start + 1, 0
            if value is not None:
                step = 1
                after = values[end] if end < row_end and categories[end] == category else None
                if after is not None and abs(after - value) <= 2:
                    step = after - value
                while (
                    end < row_end
                    and values[end] == value + step * (end - start)
                    and categories[end] == category
                ):
                    end += 1
            name = layout.numbers[start] if value is None else value
            runs.append((row.section_index, row.name, start, end - start, category, name, step))
            start = end
    return runs


def _integer(number: str) -> int | None:
    """The number if writing it again gives the same text; `007` and `12a` are names."""
    if len(number) > 9 or not number.isascii() or not number.isdigit():
        return None
    return int(number) if str(int(number)) == number else None


def _deltas(values: "array[int]") -> bytes:
    """Each value's difference to the one before, modulo 2^16."""
    changes = array("H", [(b - a) & 0xFFFF for a, b in zip([0, *values[:-1]], values, strict=True)])
    if sys.byteorder == "big":
        changes.byteswap()
    return changes.tobytes()
