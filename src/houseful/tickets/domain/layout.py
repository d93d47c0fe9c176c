"""An event's hall, compiled from its seating plan: who sits where, in arrays.

A seat is its *ordinal* everywhere inside: 0..n-1 in the plan's order of zones, rows and seats, with the
numbered places of standing areas after them. A *section* is a zone with seats, or a standing area; its
ordinals are consecutive. A *block* is what is stored and changed as one: at most 50 consecutive seats of one
row of one section.

A `Layout` never changes. 60,000 seats compile in about 0.15 s and take some 12 MB, most of it the seat ids.
"""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from houseful.seating.format import Row, filled
from houseful.seating.labels import place, row_words, seat_words
from houseful.seating.parsing import Plan, StandingArea
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
    """`id` is unique in the hall and safe in a URL; `name` may be empty or another's too. `category` is the
    index of the commonest, `categories` all of them, commonest first. `outline` is a polygon around the
    section in plan units."""

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
    """A row of a section; a standing area has a single one, named "". Two rows of a section may have one
    name. `label` is what the plan calls the row, `seat_label` what it calls its seats (`%s` is the number);
    empty where it does not say."""

    index: int
    section_index: int
    name: str
    first_ordinal: int
    count: int
    label: str = ""
    seat_label: str = ""


class BlockSpec(Struct, frozen=True, gc=False):
    """At most 50 consecutive seats of one row, or places of one standing area."""

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

    `seats_total` counts ordinals, those of `removed` seats too. `generation` counts the amendments of the
    plan, and `version` names the layout among all; empty until a cache gives it.
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
        self.seat_labels: dict[int, str] = {}  # of the few seats that have one of their own
        self.removed: frozenset[int] = frozenset()
        self.generation = 0
        self.version = ""
        self.width = 0
        self.height = 0
        self.focal: Point = (0, 0)
        self._ordinals: dict[str, int] = {}
        self._section_index: dict[str, int] = {}
        self._cache: dict[str, Any] = {}

    def finish(self, scene: drawing.Scene, outlines: Sequence[Sequence[Point]]) -> None:
        """Compute what follows from the rest. `outlines` are those of the sections."""
        self.seats_total = len(self.seat_ids)
        self.width, self.height = scene.extent(outlines)
        self.focal = scene.focal()
        self._ordinals = {
            seat_id: ordinal for ordinal, seat_id in enumerate(self.seat_ids) if ordinal not in self.removed
        }
        self._section_index = {section.id: section.index for section in self.sections}
        assert len(self._ordinals) + len(self.removed) == self.seats_total == len(self.x)
        assert self.seats_total == len(self.block_index) == len(self.row_index)

    @property
    def seats_left(self) -> int:
        """How many seats there are without those that were removed."""
        return self.seats_total - len(self.removed)

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

    def row_label(self, ordinal: int) -> str:
        """What the plan calls the seat's row; empty where it does not say."""
        return self.rows[self.row_index[ordinal]].label

    def seat_label(self, ordinal: int) -> str:
        """What the plan calls the seat in its row; empty where it does not say."""
        return filled(self.label_pattern(ordinal), self.numbers[ordinal])

    def label_pattern(self, ordinal: int) -> str:
        own = self.seat_labels.get(ordinal) if self.seat_labels else None
        return own or self.rows[self.row_index[ordinal]].seat_label

    def place(self, ordinal: int) -> str:
        """The seat in words, as everybody reads it; the seat's id where the plan has no words for it."""
        row = self.rows[self.row_index[ordinal]]
        section = self.sections[row.section_index]
        if section.kind == "standing":
            return place(section.name, "", f"place {self.numbers[ordinal]}")
        seat = seat_words(self.numbers[ordinal], self.seat_label(ordinal))
        return place(section.name, row_words(row.name, row.label), seat) or self.seat_ids[ordinal]

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
    layout = Layout(plan_categories(plan))
    build = _Build(layout, {category.name: i for i, category in enumerate(plan.categories)})
    for i, zone in enumerate(plan.zones):
        if not any(row.seats for row in zone.rows):
            continue
        first = len(build.seat_ids)
        section_index = len(build.sections)
        for row, points in zip(zone.rows, scene.rows[i], strict=True):
            if not points:
                continue
            build.add_seats(section_index, row, points)
        outline = scene.outline([point for points in scene.rows[i] for point in points])
        build.add_section((zone.name, zone.zone_id), zone.name.strip(), zone.name, "seats", first, outline)
    guids = set(build.seat_ids)
    for area in areas:
        region = scene.standing_region(area)
        _add_standing(build, area, region, guids)
    shapes = tuple(
        ShapeSpec(x=x, y=y, width=w, height=h, rotation=rotation, text=text, color=color)
        for x, y, w, h, rotation, text, color in scene.shapes
    )
    return build.finish(shapes, scene)


def plan_categories(plan: Plan) -> tuple[CategorySpec, ...]:
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
    build.add_places(ids, numbers, [area.category] * area.capacity, points)
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
        self.seat_labels: dict[int, str] = {}
        self._ids: set[str] = set()
        self._same: dict[str, str] = {}  # one string object for all the seats with the number "12"

    def free_id(self, names: Sequence[str], fits: Callable[[str], bool] = lambda _id: True) -> str:
        """A section id made from the first name that has letters or digits; a suffix makes it unique."""
        slug = section_slug(names)
        candidate, suffix = slug, 1
        while candidate in self._ids or not fits(candidate):
            suffix += 1
            candidate = f"{slug}-{suffix}"
        return candidate

    def add_seats(self, section_index: int, row: Row, points: Sequence[Point]) -> None:
        first, seats = len(self.seat_ids), row.seats
        self.rows.append(
            RowSpec(
                index=len(self.rows),
                section_index=section_index,
                name=row.row_number,
                first_ordinal=first,
                count=len(seats),
                label=filled(row.row_label, row.row_number),
                seat_label=row.seat_label or "",
            )
        )
        own = {first + i: seat.seat_label for i, seat in enumerate(seats) if seat.seat_label}
        self.seat_labels.update(own)
        ids = [seat.seat_guid for seat in seats]
        numbers = [seat.seat_number for seat in seats]
        self._add(ids, numbers, [seat.category for seat in seats], points, even=True)

    def add_places(
        self, ids: Sequence[str], numbers: Sequence[str], categories: Sequence[str], points: Sequence[Point]
    ) -> None:
        """Of one standing area, the next section."""
        self.rows.append(RowSpec(len(self.rows), len(self.sections), "", len(self.seat_ids), len(ids)))
        self._add(ids, numbers, categories, points, even=False)

    def _add(
        self,
        ids: Sequence[str],
        numbers: Sequence[str],
        categories: Sequence[str],
        points: Sequence[Point],
        *,
        even: bool,
    ) -> None:
        """The seats of the last row, and its blocks."""
        layout, row, count = self.layout, self.rows[-1], len(ids)
        self.seat_ids += ids
        self.numbers += [self._same.setdefault(number, number) for number in numbers]
        layout.category_index.extend([self.category_index[category] for category in categories])
        layout.x.extend([point[0] for point in points])
        layout.y.extend([point[1] for point in points])
        layout.row_index.extend([row.index] * count)
        for start, size in split_row(count, even=even):
            layout.block_index.extend([len(self.blocks)] * size)
            self.blocks.append(
                BlockSpec(len(self.blocks), row.section_index, row.name, row.first_ordinal + start, size)
            )

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
        layout.seat_labels = self.seat_labels
        layout.finish(scene, [section.outline for section in self.sections])
        return layout


def split_row(count: int, *, even: bool) -> list[tuple[int, int]]:
    """(start, size) of the blocks of a row: as few as possible, of about the same size if `even`, else filled
    up."""
    parts = -(-count // MAX_BLOCK_SEATS)
    if even:
        edges = [count * i // parts for i in range(parts + 1)]
    else:
        edges = [min(count, MAX_BLOCK_SEATS * i) for i in range(parts + 1)]
    return [(start, end - start) for start, end in pairwise(edges)]


def section_slug(names: Sequence[str]) -> str:
    """Of the first name that has letters or digits."""
    return next((slug for slug in map(_slug, names) if slug), "section")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
