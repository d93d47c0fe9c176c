"""Blocks: the inventory. One document holds up to 50 neighbouring seats, so that they change together or not
at all.

A seat without a claim is available. A held seat whose time has passed is available too: expiry is a condition
that every reader and writer applies, never a job that somebody has to run.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec

from houseful.kernel.documents import Document, Index, Millis


class SeatState(StrEnum):
    AVAILABLE = "available"
    HELD = "held"
    SOLD = "sold"
    BLOCKED = "blocked"


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """Why a seat is not available: held by a hold until then, sold to an order, or blocked by the
    organizer.
    """

    state: SeatState
    by: str = ""
    until: Millis = 0


class Block(Document, frozen=True, kw_only=True):
    """`claims` maps a position in the block (0 … count - 1) to its claim; the seat's ordinal is `first +
    position`. `generation` is that of the amendment that changed its seats last.
    """

    collection: ClassVar[str] = "blocks"
    indexes = (Index(("event_id",)),)

    event_id: str
    first: int
    count: int
    claims: Mapping[int, Claim] = {}
    generation: int = 0

    @property
    def blocked(self) -> int:
        """How many of its seats the organizer has taken off sale."""
        return sum(claim in (BLOCKED, FROZEN_BLOCKED) for claim in self.claims.values())


class SeatsTaken(Exception):
    """`claims` has the seats that could not be had, by ordinal, and why: None for one that nobody has, and
    that was to be one's own. `own_holds` are the running holds of whoever wanted them.
    """

    own_holds: frozenset[str] = frozenset()

    def __init__(self, claims: Mapping[int, Claim | None]) -> None:
        self.claims = claims
        self.ordinals = sorted(claims)
        super().__init__(f"taken: {self.ordinals}")

    @property
    def blocked(self) -> bool:
        """Whether it is the organizer alone who stands in the way."""
        return all(claim is not None and claim.state is SeatState.BLOCKED for claim in self.claims.values())


# An attribute of an enumeration is looked up slowly, and this is the hottest code there is.
_AVAILABLE, _HELD, _SOLD = SeatState.AVAILABLE, SeatState.HELD, SeatState.SOLD

BLOCKED = Claim(SeatState.BLOCKED)
FROZEN = Claim(SeatState.BLOCKED, "amending")
"""Nobody's, and nobody gets it while an amendment of the plan changes it."""
FROZEN_BLOCKED = Claim(SeatState.BLOCKED, "amending-blocked")
"""The same for a seat that the organizer had blocked."""
REMOVED = Claim(SeatState.BLOCKED, "removed")
"""An amendment has taken the seat out of the plan."""


def block_id(event_id: str, index: int) -> str:
    return f"{event_id}:{index:05d}"


def block_index(id: str) -> int:
    return int(id.rpartition(":")[2])


def state_at(claim: Claim | None, now: Millis) -> SeatState:
    if claim is None or (claim.state is _HELD and claim.until <= now):
        return _AVAILABLE
    return claim.state


def lapsed_holds(block: Block, ordinals: Iterable[int], now: Millis) -> Sequence[str]:
    """The holds whose time has passed and whose claims are still on these seats."""
    first, claims = block.first, block.claims
    if not claims:
        return ()
    return [
        claim.by
        for ordinal in ordinals
        if (claim := claims.get(ordinal - first)) is not None and claim.state is _HELD and claim.until <= now
    ]


def _positions(block: Block, ordinals: Iterable[int]) -> list[int]:
    first = block.first
    positions = [ordinal - first for ordinal in ordinals]
    assert not positions or (min(positions) >= 0 and max(positions) < block.count), "seats of another block"
    return positions


def _taken(block: Block, positions: Iterable[int]) -> SeatsTaken:
    return SeatsTaken({block.first + position: block.claims.get(position) for position in positions})


def _with(block: Block, claims: Mapping[int, Claim | None]) -> Block:
    kept = dict(block.claims)
    for position, claim in claims.items():
        if claim is None:
            kept.pop(position, None)
        else:
            kept[position] = claim
    return msgspec.structs.replace(block, claims=kept)


def hold(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis, now: Millis) -> Block:
    """Raises `SeatsTaken`."""
    positions = _positions(block, ordinals)
    taken = [p for p in positions if state_at(block.claims.get(p), now) is not _AVAILABLE]
    if taken:
        raise _taken(block, taken)
    return _with(block, dict.fromkeys(positions, Claim(_HELD, hold_id, until)))


def extend(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis) -> Block:
    """Raises `SeatsTaken` for seats that this hold has lost; ownership is by hold id, whatever the clock
    says.
    """
    positions = _positions(block, ordinals)
    lost = [p for p in positions if not _is_held_by(block.claims.get(p), hold_id)]
    if lost:
        raise _taken(block, lost)
    return _with(block, dict.fromkeys(positions, Claim(_HELD, hold_id, until)))


def keep(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis) -> Block:
    """Extend what the hold still has of these seats, if anything."""
    own = [p for p in _positions(block, ordinals) if _is_held_by(block.claims.get(p), hold_id)]
    return _with(block, dict.fromkeys(own, Claim(_HELD, hold_id, until))) if own else block


def sell(block: Block, ordinals: Iterable[int], hold_id: str, order_id: str, now: Millis) -> Block:
    """Sell what the hold still has, or what has become free again (a late payment). Raises `SeatsTaken` for
    the rest.
    """
    positions = _positions(block, ordinals)
    taken = [
        position
        for position in positions
        if not _is_held_by(block.claims.get(position), hold_id)
        and state_at(block.claims.get(position), now) is not _AVAILABLE
    ]
    if taken:
        raise _taken(block, taken)
    return _with(block, dict.fromkeys(positions, Claim(_SOLD, order_id)))


def release(block: Block, ordinals: Iterable[int], by: str) -> Block:
    """Free those of the seats that are still this hold's or order's."""
    mine = [
        p
        for p in _positions(block, ordinals)
        if (claim := block.claims.get(p)) is not None and claim.by == by
    ]
    return _with(block, dict.fromkeys(mine)) if mine else block


def close(block: Block, ordinals: Iterable[int], now: Millis) -> Block:
    """Take seats off sale. Raises `SeatsTaken` for those that are held, sold, or being amended."""
    positions = _positions(block, ordinals)
    taken = [
        p
        for p in positions
        if (claim := block.claims.get(p)) != BLOCKED and state_at(claim, now) is not _AVAILABLE
    ]
    if taken:
        raise _taken(block, taken)
    return _with(block, dict.fromkeys(positions, BLOCKED))


def reopen(block: Block, ordinals: Iterable[int]) -> Block:
    """Put blocked seats on sale again; others stay as they are."""
    blocked = [p for p in _positions(block, ordinals) if block.claims.get(p) == BLOCKED]
    return _with(block, dict.fromkeys(blocked))


def taken_now(block: Block, ordinals: Iterable[int], now: Millis) -> dict[int, Claim]:
    """The claims of those that are held or sold, by ordinal."""
    return {
        block.first + position: claim
        for position in _positions(block, ordinals)
        if (claim := block.claims.get(position)) is not None and state_at(claim, now) in (_HELD, _SOLD)
    }


def freeze(block: Block, ordinals: Iterable[int], now: Millis) -> Block:
    """Keep seats from everybody while their places change. Raises `SeatsTaken` for those that are held or
    sold."""
    positions = _positions(block, ordinals)
    if taken := taken_now(block, ordinals, now):
        raise SeatsTaken(taken)
    blocked = (BLOCKED, FROZEN_BLOCKED)
    return _with(block, {p: FROZEN_BLOCKED if block.claims.get(p) in blocked else FROZEN for p in positions})


def thaw(block: Block, ordinals: Iterable[int]) -> Block:
    """Give frozen seats back as they were; others stay as they are."""
    before = {p: claim for p in _positions(block, ordinals) if (claim := block.claims.get(p)) is not None}
    frozen = {p: claim for p, claim in before.items() if claim in (FROZEN, FROZEN_BLOCKED)}
    return _with(block, {p: BLOCKED if claim == FROZEN_BLOCKED else None for p, claim in frozen.items()})


def remove(block: Block, ordinals: Iterable[int]) -> Block:
    """Take frozen seats out of the plan."""
    return _with(block, dict.fromkeys(_positions(block, ordinals), REMOVED))


def _is_held_by(claim: Claim | None, hold_id: str) -> bool:
    return claim is not None and claim.state is _HELD and claim.by == hold_id
