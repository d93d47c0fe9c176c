"""The layout of a hall whose plan was amended: the new plan's places at the ordinals of its slots."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from houseful.seating.format import Row, filled
from houseful.seating.parsing import Plan, StandingArea
from houseful.tickets.domain import drawing
from houseful.tickets.domain.drawing import Point
from houseful.tickets.domain.layout import (
    BlockSpec,
    CategorySpec,
    Layout,
    RowSpec,
    Section,
    ShapeSpec,
    plan_categories,
)
from houseful.tickets.domain.slots import SectionSlot, Slots, spots_of

_NOWHERE: Point = (0, 0)


def compile_amended(plan: Plan, areas: Sequence[StandingArea], slots: Slots) -> Layout:
    """As `compile_layout`. Removed seats have a name and no place: no row that is drawn has them."""
    build = _Build(plan, areas, slots)
    for slot in slots.sections:
        if slot.kind == "standing":
            build.add_standing(slot)
        else:
            build.add_seats(slot)
    return build.finish()


class _Key(NamedTuple):
    """What seats of one row have in common: zone and row of the plan, or the name of a row that is gone."""

    zone: int
    row: int
    name: str = ""
    label: str = ""


class _Build:
    def __init__(self, plan: Plan, areas: Sequence[StandingArea], slots: Slots) -> None:
        self.plan = plan
        self.areas = {(area.zone, area.name): area for area in areas}
        self.slots = slots
        self.scene = drawing.Scene(plan)
        self.spots = spots_of(plan)
        self.removed = {seat.ordinal: seat for seat in slots.removed}
        categories = list(plan_categories(plan))
        known = {category.name for category in categories}
        gone = dict.fromkeys(seat.category for seat in slots.removed if seat.category not in known)
        categories += [CategorySpec(name, "#999999") for name in gone]
        self.category_index = {category.name: i for i, category in enumerate(categories)}
        self.layout = Layout(tuple(categories))
        self.rows: list[RowSpec] = []
        self.sections: list[Section] = []
        self.numbers: list[str] = []

    def add_seats(self, slot: SectionSlot) -> None:
        last: _Key | None = None
        live: list[Point] = []
        zone = None
        for ordinal in range(slot.first, slot.first + slot.count):
            gone = self.removed.get(ordinal)
            if gone is not None:
                key = _Key(-1, -1, gone.row, gone.row_label)
                if key != last:
                    self._begin_row(gone.row, gone.row_label, "")
                self._add(_NOWHERE, gone.number, gone.category, gone.seat_label)
            else:
                i, j, k = self.spots[self.slots.seat_ids[ordinal]]
                zone, row, point = self.plan.zones[i], self.plan.zones[i].rows[j], self.scene.rows[i][j][k]
                key = _Key(i, j)
                if key != last:
                    self._begin_row(row.row_number, filled(row.row_label, row.row_number), row.seat_label)
                self._add_seat(row, k, point)
                live.append(point)
            last = key
        name, of = (slot.name, slot.zone) if zone is None else (zone.name.strip(), zone.name)
        self._add_section(slot, name, of, self.scene.outline(live) if live else ())

    def add_standing(self, slot: SectionSlot) -> None:
        area = self.areas[slot.zone, slot.name]
        region = self.scene.standing_region(area)
        self._begin_row("", "", "")
        for number, point in enumerate(region.places(slot.count), 1):
            self._add(point, str(number), area.category, "")
        self._add_section(slot, slot.name, slot.zone, region.outline)

    def _begin_row(self, name: str, label: str, seat_label: str | None) -> None:
        first = len(self.numbers)
        self.rows.append(RowSpec(len(self.rows), len(self.sections), name, first, 0, label, seat_label or ""))

    def _add_seat(self, row: Row, index: int, point: Point) -> None:
        seat = row.seats[index]
        self._add(point, seat.seat_number, seat.category, seat.seat_label or "")

    def _add(self, point: Point, number: str, category: str, seat_label: str) -> None:
        """The next seat, in the last row. `seat_label` is its own."""
        layout, ordinal = self.layout, len(self.numbers)
        if seat_label:
            layout.seat_labels[ordinal] = seat_label
        self.numbers.append(number)
        layout.x.append(point[0])
        layout.y.append(point[1])
        layout.category_index.append(self.category_index[category])
        layout.row_index.append(len(self.rows) - 1)

    def _add_section(self, slot: SectionSlot, name: str, zone: str, outline: tuple[Point, ...]) -> None:
        ordinals = range(slot.first, slot.first + slot.count)
        live = [ordinal for ordinal in ordinals if ordinal not in self.removed]
        counts = Counter(self.layout.category_index[ordinal] for ordinal in live or ordinals)
        categories = tuple(sorted(counts, key=lambda category: (-counts[category], category)))
        self.sections.append(
            Section(
                index=len(self.sections),
                id=slot.id,
                name=name,
                zone=zone,
                kind=slot.kind,
                first=slot.first,
                count=slot.count,
                category=categories[0],
                categories=categories,
                outline=outline,
            )
        )

    def finish(self) -> Layout:
        layout, slots = self.layout, self.slots
        edges = [row.first_ordinal for row in self.rows] + [len(self.numbers)]
        layout.rows = tuple(
            RowSpec(
                row.index,
                row.section_index,
                row.name,
                row.first_ordinal,
                edges[row.index + 1] - row.first_ordinal,
                row.label,
                row.seat_label,
            )
            for row in self.rows
        )
        layout.sections = tuple(self.sections)
        layout.shapes = tuple(
            ShapeSpec(x=x, y=y, width=w, height=h, rotation=rotation, text=text, color=color)
            for x, y, w, h, rotation, text, color in self.scene.shapes
        )
        blocks = []
        for index, (first, count) in enumerate(slots.blocks):
            layout.block_index.extend([index] * count)
            row = layout.rows[layout.row_index[first]]
            blocks.append(BlockSpec(index, row.section_index, row.name, first, count))
        layout.blocks = tuple(blocks)
        layout.seat_ids, layout.numbers = slots.seat_ids, tuple(self.numbers)
        layout.removed = frozenset(self.removed)
        layout.generation = slots.generation
        outlines = [section.outline for section in self.sections if section.outline]
        layout.finish(self.scene, outlines)
        return layout
