"""The seating plan of an event: checked, packed, stored in parts. Pure, like the rest of the domain."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from houseful.kernel.documents import Document
from houseful.kernel.pieces import Pieces
from houseful.seating.amended_prices import amended_prices
from houseful.seating.parsing import (
    Plan,
    PlanError,
    StandingArea,
    check_prices,
    pack,
    parse_plan,
    plan_hash,
    unpack,
)
from houseful.seating.warnings import plan_warnings

LARGE_PLAN_BYTES = 256 * 1024
PART_BYTES = 4 * 1024 * 1024  # in base64 well below MongoDB's 16 MB for a document


class PlanCategory(msgspec.Struct, frozen=True, kw_only=True):
    """`seats_total` counts seats and standing places; 0 where the plan does not use the category."""

    name: str
    color: str | None = None
    seats_total: int


class Hall(msgspec.Struct, frozen=True, kw_only=True):
    """What an event has to know of its plan; the plan itself is in `parts` documents named by `plan_hash`.
    `warnings` are for its organizer, by place in the plan."""

    plan_name: str
    plan_hash: str
    parts: int
    seats_total: int
    categories: tuple[PlanCategory, ...]
    warnings: dict[str, str] = {}


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """Another plan for a published event, with its prices; the first one of an event has the `number` 1.
    `taken` says of each seat that is in the way what to do."""

    number: int
    at: int
    state: Literal["pending", "applied", "refused"] = "pending"
    hall: Hall
    prices: Mapping[str, int]
    layout_version: str
    detail: str = ""
    taken: tuple[str, ...] = ()


class StoredPlan(Document, frozen=True, kw_only=True):
    """One part of a packed plan, `<plan hash>:<n>`; never changed, shared by all events with this plan."""

    collection = "plans"

    data: bytes


class SentPlan(msgspec.Struct, frozen=True):
    """A seating plan's JSON as it was sent; compressed if it is large, since it goes from process to
    process."""

    data: Pieces
    compressed: bool

    @classmethod
    def of(cls, raw: bytes) -> "SentPlan":
        is_large = len(raw) > LARGE_PLAN_BYTES
        return cls(Pieces.of(zlib.compress(raw, 1) if is_large else raw), is_large)

    @property
    def raw(self) -> bytes:
        data = self.data.joined()
        return zlib.decompress(data) if self.compressed else data


class CheckedPlan(msgspec.Struct, frozen=True):
    """A plan ready to be stored, or all that is wrong with it and with the prices and areas beside it."""

    hall: Hall
    parts: tuple[bytes, ...]
    errors: Mapping[str, str]


_NO_HALL = Hall(plan_name="", plan_hash="", parts=0, seats_total=0, categories=())


def check_plan(sent: SentPlan, prices: Mapping[str, int], areas: Sequence[StandingArea]) -> CheckedPlan:
    """Read a plan. Takes a second for a stadium: not for the event loop."""
    try:
        plan = parse_plan(sent.raw)
    except PlanError as error:
        return CheckedPlan(_NO_HALL, (), error.errors)
    return check_hall(plan, prices, areas)


def check_hall(plan: Plan, prices: Mapping[str, int], areas: Sequence[StandingArea]) -> CheckedPlan:
    """The same for a plan that was read before, with other prices or areas."""
    errors = check_prices(plan, prices, areas)
    if errors:
        return CheckedPlan(_NO_HALL, (), errors)
    seats = Counter(seat.category for zone in plan.zones for row in zone.rows for seat in row.seats)
    for area in areas:
        seats[area.category] += area.capacity
    packed = pack(plan, areas)
    parts = tuple(packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES))
    hall = Hall(
        plan_name=plan.name,
        plan_hash=plan_hash(plan, areas),
        parts=len(parts),
        seats_total=seats.total(),
        categories=tuple(
            PlanCategory(name=category.name, color=category.color, seats_total=seats[category.name])
            for category in plan.categories
        ),
        warnings=plan_warnings(plan),
    )
    return CheckedPlan(hall, parts, {})


def check_amended(
    sent: SentPlan, before: Mapping[str, int], given: Mapping[str, int], areas: Sequence[StandingArea]
) -> tuple[CheckedPlan, dict[str, int]]:
    """The same for a plan in another's place, and its prices: those `before` where others are not given."""
    try:
        plan = parse_plan(sent.raw)
    except PlanError as error:
        return CheckedPlan(_NO_HALL, (), error.errors), {}
    prices = amended_prices(plan, before, given)
    return check_hall(plan, prices, areas), prices


def check_packed(packed: bytes, prices: Mapping[str, int], areas: Sequence[StandingArea]) -> CheckedPlan:
    """The same for a plan as it is stored."""
    return check_hall(unpack(packed)[0], prices, areas)


def plan_json(packed: bytes) -> bytes:
    """The plan's JSON as it is stored."""
    return msgspec.json.encode(unpack(packed)[0])


def part_ids(hall: Hall) -> list[str]:
    return [f"{hall.plan_hash}:{number}" for number in range(hall.parts)]
