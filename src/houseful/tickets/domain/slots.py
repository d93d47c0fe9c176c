"""Slots: which seat has which ordinal in a hall whose plan was amended.

What is stored of a seat (claims, orders, tickets) names it by its ordinal. An amendment therefore never gives
an ordinal to another seat: a seat that stays keeps its own, a removed one leaves it empty for ever, and added
seats come after all that there were, in sections of their own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from houseful.seating.parsing import Plan, PlanError
from houseful.tickets.domain.layout import Kind, Layout, section_slug, split_row


class SectionSlot(Struct, frozen=True, array_like=True, gc=False):
    """Consecutive ordinals. `name` and `zone` are for a section of which no seat is left."""

    id: str
    name: str
    zone: str
    kind: Kind
    first: int
    count: int


class RemovedSeat(Struct, frozen=True, array_like=True, gc=False):
    """What the seat was called, for the orders that were taken back before. `seat_label` is a pattern."""

    ordinal: int
    row: str
    row_label: str
    number: str
    seat_label: str
    category: str


class Slots(Struct, frozen=True, array_like=True):
    """`seat_ids` by ordinal, those of removed seats too; `blocks` are (first ordinal, count).
    `generation` counts the amendments."""

    generation: int
    seat_ids: tuple[str, ...]
    sections: tuple[SectionSlot, ...]
    blocks: tuple[tuple[int, int], ...]
    removed: tuple[RemovedSeat, ...]


Spot = tuple[int, int, int]
"""Zone, row and seat of a plan, by index."""


def spots_of(plan: Plan) -> dict[str, Spot]:
    """By `seat_guid`."""
    return {
        seat.seat_guid: (i, j, k)
        for i, zone in enumerate(plan.zones)
        for j, row in enumerate(zone.rows)
        for k, seat in enumerate(row.seats)
    }


def amended_slots(old: Layout, plan: Plan) -> Slots:
    """The slots of `plan` in a hall that was `old`. Raises `PlanError` for a seat that has the id of a
    standing place."""
    spots = spots_of(plan)
    kept: set[str] = set()
    removed: dict[int, RemovedSeat] = {}
    for section in old.sections:
        ordinals = range(section.first, section.first + section.count)
        if section.kind == "standing":
            _check_free(old, ordinals, spots)
            continue
        zone = _zone_of(old, ordinals, spots)
        for ordinal in ordinals:
            seat_id = old.seat_ids[ordinal]
            if ordinal not in old.removed and seat_id in spots and spots[seat_id][0] == zone:
                kept.add(seat_id)
            else:
                removed[ordinal] = _removed(old, ordinal)
    added = _Added(plan, kept, old)
    return Slots(
        generation=old.generation + 1,
        seat_ids=(*old.seat_ids, *added.seat_ids),
        sections=(
            *(
                SectionSlot(one.id, one.name, one.zone, one.kind, one.first, one.count)
                for one in old.sections
            ),
            *added.sections,
        ),
        blocks=(*((one.first_ordinal, one.count) for one in old.blocks), *added.blocks),
        removed=tuple(removed[ordinal] for ordinal in sorted(removed)),
    )


def _check_free(old: Layout, ordinals: Sequence[int], spots: Mapping[str, Spot]) -> None:
    for ordinal in ordinals:
        if old.seat_ids[ordinal] in spots:
            what = f'seat_guid "{old.seat_ids[ordinal]}" is the id of a standing place; choose another.'
            raise PlanError({"plan.zones": what})


def _zone_of(old: Layout, ordinals: Sequence[int], spots: Mapping[str, Spot]) -> int | None:
    """The zone of the new plan that most of the section's seats are in; None if none is left."""
    zones = Counter(
        spots[old.seat_ids[ordinal]][0]
        for ordinal in ordinals
        if ordinal not in old.removed and old.seat_ids[ordinal] in spots
    )
    return min(zones, key=lambda zone: (-zones[zone], zone), default=None)


def _removed(old: Layout, ordinal: int) -> RemovedSeat:
    row = old.rows[old.row_index[ordinal]]
    return RemovedSeat(
        ordinal,
        row.name,
        row.label,
        old.numbers[ordinal],
        old.label_pattern(ordinal),
        old.category_name(ordinal),
    )


class _Added:
    """The seats of a plan that have no ordinal yet: a section for each zone with such seats."""

    def __init__(self, plan: Plan, kept: set[str], old: Layout) -> None:
        self.seat_ids: list[str] = []
        self.sections: list[SectionSlot] = []
        self.blocks: list[tuple[int, int]] = []
        taken = {section.id for section in old.sections}
        for zone in plan.zones:
            rows = [[seat.seat_guid for seat in row.seats if seat.seat_guid not in kept] for row in zone.rows]
            first = old.seats_total + len(self.seat_ids)
            for ids in filter(None, rows):
                at = old.seats_total + len(self.seat_ids)
                self.blocks += [(at + start, size) for start, size in split_row(len(ids), even=True)]
                self.seat_ids += ids
            count = old.seats_total + len(self.seat_ids) - first
            if count:
                id = next(one for one in _ids(zone.name, zone.zone_id) if one not in taken)
                taken.add(id)
                self.sections.append(SectionSlot(id, zone.name.strip(), zone.name, "seats", first, count))


def _ids(name: str, zone_id: str) -> Iterator[str]:
    slug = section_slug((name, zone_id))
    yield slug
    number = 2
    while True:
        yield f"{slug}-{number}"
        number += 1
