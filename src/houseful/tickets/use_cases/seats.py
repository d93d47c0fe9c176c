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
