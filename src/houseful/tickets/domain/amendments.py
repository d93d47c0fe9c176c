"""Amendments: a published event gets another plan, and nobody loses a seat.

What an amendment changes is *frozen* block by block, then the show has the new layout, then it is given back:
whatever dies in between goes on from `next_block`.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.pieces import Pieces
from houseful.messages import AmendmentRequested
from houseful.seating.amended_prices import amended_prices
from houseful.seating.parsing import Plan, PlanError, StandingArea, check_prices, parse_plan
from houseful.tickets.domain.blocks import Claim, SeatState
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.packed_layouts import StoredLayout, pack_layout, stored_layout
from houseful.tickets.domain.slots import amended_slots, spots_of

Kind = Literal["added", "moved", "renamed", "category", "removed"]
MOST_NAMED = 1000


class Stage(StrEnum):
    FREEZING = "freezing"
    ADDING = "adding"
    THAWING = "thawing"
    UNDOING = "undoing"
    APPLIED = "applied"
    REFUSED = "refused"


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.FREEZING: frozenset({Stage.ADDING, Stage.UNDOING, Stage.REFUSED}),
    Stage.ADDING: frozenset({Stage.THAWING}),
    Stage.THAWING: frozenset({Stage.APPLIED}),
    Stage.UNDOING: frozenset({Stage.REFUSED}),
    Stage.APPLIED: frozenset(),
    Stage.REFUSED: frozenset(),
}


class Amendment(Document, frozen=True, kw_only=True):
    """The latest amendment of an event, whose id it has. `base` is the version of the layout that it amends,
    `next_block` where its stage goes on. `look_at` is when work is due, if any is.
    """

    collection: ClassVar[str] = "amendments"
    indexes = (Index(("look_at",)),)

    number: int
    plan_hash: str
    layout_version: str
    base: str
    seats_total: int
    prices: Mapping[str, int]
    stage: Stage = Stage.FREEZING
    next_block: int = 0
    look_at: Millis | None = None
    detail: str = ""
    seats: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.stage not in (Stage.APPLIED, Stage.REFUSED)


def requested(message: AmendmentRequested, base: str, now: Millis) -> Amendment:
    return Amendment(
        id=message.event_id,
        number=message.number,
        plan_hash=message.plan_hash,
        layout_version=message.layout_version,
        base=base,
        seats_total=message.seats_total,
        prices=message.prices,
        look_at=now,
    )


def transition(amendment: Amendment, stage: Stage, **changes: object) -> Amendment:
    """Raises `ValueError` for a transition that the table does not have."""
    if stage not in TRANSITIONS[amendment.stage]:
        raise ValueError(f"an amendment that is {amendment.stage} can't become {stage}")
    return replace(amendment, stage=stage, next_block=0, **changes)


# What a plan changes.


class SeatChange(msgspec.Struct, frozen=True, gc=False):
    """`before` and `after` are places in words, None where there is none. `ordinal` is that of a seat which
    was there before."""

    seat_id: str
    ordinal: int | None
    kinds: tuple[Kind, ...]
    before: str | None
    after: str | None


class Difference(msgspec.Struct, frozen=True):
    """`packed` is the amended layout as it is stored. `touched` has the ordinals of the seats that nobody may
    have, those in `removed` too, ascending."""

    packed: bytes
    changes: tuple[SeatChange, ...]
    touched: tuple[int, ...]
    removed: frozenset[int]
    seats_left: int
    removed_total: int


class Blocks(msgspec.Struct, frozen=True):
    """The blocks that an amendment deals with: those with touched seats by index, and those it adds."""

    touched: tuple[tuple[int, tuple[int, ...]], ...]
    added: tuple[tuple[int, int, int], ...]


def difference_of_sent(
    before: bytes, sent: Pieces, prices_before: Mapping[str, int], prices: Mapping[str, int]
) -> Difference:
    """Of a plan's JSON to the stored layout `before`. Takes a second for a stadium. Raises `PlanError`, also
    for what is wrong with the prices."""
    stored, plan = stored_layout(before), parse_plan(sent.joined())
    if errors := check_prices(plan, amended_prices(plan, prices_before, prices), stored.areas):
        raise PlanError(errors)
    return _difference(stored, plan, stored.areas)


def difference_of_packed(before: bytes, packed: bytes) -> Difference:
    """The same of a plan as `seating.parsing.pack` writes it."""
    wanted = stored_layout(packed)
    return _difference(stored_layout(before), wanted.plan, wanted.areas)


def _difference(stored: StoredLayout, plan: Plan, areas: Sequence[StandingArea]) -> Difference:
    old = stored.compile()
    slots = amended_slots(old, plan)
    amended = StoredLayout(plan, tuple(areas), slots)
    new = amended.compile()
    changes = tuple(_changes(stored.plan, old, plan, new))
    touched = tuple(sorted(one.ordinal for one in changes if one.ordinal is not None))
    return Difference(
        packed=pack_layout(plan, areas, slots),
        changes=changes,
        touched=touched,
        removed=new.removed - old.removed,
        seats_left=new.seats_left,
        removed_total=len(new.removed),
    )


def _changes(old_plan: Plan, old: Layout, new_plan: Plan, new: Layout) -> Iterator[SeatChange]:
    old_points, new_points = _points(old_plan), _points(new_plan)
    for ordinal in range(old.seats_total):
        if ordinal in old.removed:
            continue
        seat_id, before = old.seat_ids[ordinal], old.place(ordinal)
        if ordinal in new.removed:
            other = new.ordinal_of(seat_id)
            kinds: tuple[Kind, ...] = ("removed",) if other is None else ("moved",)
            yield SeatChange(seat_id, ordinal, kinds, before, None if other is None else new.place(other))
            continue
        after = new.place(ordinal)
        kinds = ()
        if old_points.get(seat_id) != new_points.get(seat_id):
            kinds += ("moved",)
        if _names(old, ordinal) != _names(new, ordinal):
            kinds += ("renamed",)
        if old.category_name(ordinal) != new.category_name(ordinal):
            kinds += ("category",)
        if kinds:
            yield SeatChange(seat_id, ordinal, kinds, before, after)
    for ordinal in range(old.seats_total, new.seats_total):
        if old.ordinal_of(new.seat_ids[ordinal]) is None:
            yield SeatChange(new.seat_ids[ordinal], None, ("added",), None, new.place(ordinal))


def _points(plan: Plan) -> dict[str, tuple[int, int]]:
    """Where each seat is in its plan, in whole units: what is drawn is moved about for other reasons too."""
    points = {}
    for seat_id, (i, j, k) in spots_of(plan).items():
        zone = plan.zones[i]
        row = zone.rows[j]
        at = row.seats[k].position
        x, y = zone.position.x + row.position.x + at.x, zone.position.y + row.position.y + at.y
        points[seat_id] = (round(x), round(y))
    return points


def _names(layout: Layout, ordinal: int) -> tuple[str, ...]:
    return (
        layout.section_of(ordinal).name,
        layout.row_of(ordinal),
        layout.row_label(ordinal),
        layout.number_of(ordinal),
        layout.seat_label(ordinal),
    )


def blocks_of(old: Layout, new: Layout, touched: Sequence[int]) -> Blocks:
    grouped: dict[int, list[int]] = {}
    for ordinal in touched:
        grouped.setdefault(old.block_of(ordinal), []).append(ordinal)
    return Blocks(
        touched=tuple((index, tuple(grouped[index])) for index in sorted(grouped)),
        added=tuple((spec.index, spec.first_ordinal, spec.count) for spec in new.blocks[len(old.blocks) :]),
    )


# What is refused.


class TakenSeat(msgspec.Struct, frozen=True):
    """A seat that the plan changes and somebody has; `order_id` of a sold one."""

    change: SeatChange
    state: SeatState
    order_id: str | None


def taken_seats(difference: Difference, claims: Mapping[int, Claim]) -> list[TakenSeat]:
    """In the order of the plan. `claims` has those of the seats that are held or sold."""
    return [
        TakenSeat(one, claim.state, claim.by if claim.state is SeatState.SOLD else None)
        for one in difference.changes
        if one.ordinal is not None and (claim := claims.get(one.ordinal)) is not None
    ]


def refusal(taken: Sequence[TakenSeat]) -> str:
    """What is said of all of them; `what_to_do` says the rest of each."""
    sold = sum(one.state is SeatState.SOLD for one in taken)
    held = len(taken) - sold
    parts = [f"{count:,} {word}" for count, word in ((sold, "sold"), (held, "held or in an order")) if count]
    return f"The plan changes seats that somebody has: {' and '.join(parts)}. Nothing was changed."


def what_to_do(one: TakenSeat) -> str:
    """In a sentence, with the seat's name."""
    place = one.change.before or one.change.seat_id
    if one.state is SeatState.SOLD:
        return f"{place} is sold: leave it as it is in the plan, or refund it at the order desk first."
    return f"{place} is held or in an order: leave it as it is in the plan, or wait until it is free."
