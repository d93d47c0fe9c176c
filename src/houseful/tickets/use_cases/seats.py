"""Seats by their ids, ordinals and blocks."""

from collections.abc import Callable, Mapping, Sequence

from houseful.kernel.errors import Invalid
from houseful.tickets.domain.blocks import Block, Claim, SeatsTaken, block_id
from houseful.tickets.domain.layout import Layout


def ordinals_of(layout: Layout, seat_ids: Sequence[str], field: str) -> list[int]:
    """Raises `Invalid` naming the seats that the hall does not have."""
    ordinals = [ordinal for id in seat_ids if (ordinal := layout.ordinal_of(id)) is not None]
    if len(ordinals) < len(seat_ids):
        unknown = {
            f"{field}[{i}]": "is no seat of this event"
            for i, id in enumerate(seat_ids)
            if layout.ordinal_of(id) is None
        }
        raise Invalid("seat_not_found", "Some seats do not exist in this event.", errors=unknown)
    return ordinals


def has_seats(layout: Layout, seat_ids: Sequence[str]) -> bool:
    return all(layout.ordinal_of(id) is not None for id in seat_ids)


def has_place(layout: Layout, category: str | None, section_id: str | None) -> bool:
    return (category is None or layout.category_named(category) is not None) and (
        section_id is None or layout.section_by_id(section_id) is not None
    )


def by_block(layout: Layout, ordinals: Sequence[int]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = {}
    for ordinal in ordinals:
        grouped.setdefault(layout.block_of(ordinal), []).append(ordinal)
    return grouped


def each_block(
    wanted: Mapping[int, list[int]],
    found: Mapping[str, Block],
    event_id: str,
    change: Callable[[Block, list[int]], Block],
) -> list[Block]:
    """All blocks changed, or `SeatsTaken` with the seats of all of them that are taken."""
    changed: list[Block] = []
    taken: dict[int, Claim | None] = {}
    for index in sorted(wanted):
        try:
            changed.append(change(found[block_id(event_id, index)], wanted[index]))
        except SeatsTaken as error:
            taken.update(error.claims)
    if taken:
        raise SeatsTaken(taken)
    return changed


def best_of(layout: Layout, category: str | None, section_id: str | None) -> tuple[int | None, int | None]:
    """The indexes of the category and section that the best seats are wanted of. Raises `Invalid`."""
    errors: dict[str, str] = {}
    category_index = None if category is None else layout.category_named(category)
    if category is not None and category_index is None:
        errors["best_available.category"] = "is no category of this event"
    section = None if section_id is None else layout.section_by_id(section_id)
    if section_id is not None and section is None:
        errors["best_available.section"] = "is no section of this event"
    if errors:
        raise Invalid("validation_failed", "Some fields need a correction.", errors=errors)
    return category_index, None if section is None else section.index
