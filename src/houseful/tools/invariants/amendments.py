"""Amended plans: whoever has a seat has it still, and none is left frozen."""

from houseful.kernel.ports import Store
from houseful.tickets.domain.amendments import Amendment
from houseful.tickets.domain.blocks import FROZEN, FROZEN_BLOCKED, REMOVED, Block
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.packed_layouts import unpack_layout
from houseful.tickets.domain.shows import PlanPart, Show
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents

_HAS_SEATS = (OrderState.AWAITING_PAYMENT, OrderState.CONFIRMED)


async def amended_plans(installation: Installation) -> Snapshot:
    """C20: once the plan of an event is amended, each of its ordered seats is in the plan, in the category
    that it was ordered in; what the plan has lost is not for sale; no seat is kept from everybody."""
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no amended plans yet")
    done = {one.id async for one in all_documents(store, Amendment) if not one.is_open}
    violations = []
    halls: dict[str, Layout] = {}
    for event_id in sorted(done):
        show = await store.get(Show, event_id)
        hall = None if show is None else await _hall(store, show)
        if hall is None:
            violations.append(Violation("C20", event_id, "was amended, and its plan is not there"))
        else:
            halls[event_id] = hall
    if halls:
        async for block in all_documents(store, Block):
            if block.event_id in halls:
                violations += _block(block, halls[block.event_id])
        async for order in all_documents(store, Order):
            if order.event_id in halls and order.state in _HAS_SEATS:
                violations += _order(order, halls[order.event_id])
    return Snapshot(violations, f"{len(done):,} amended plans")


async def _hall(store: Store, show: Show) -> Layout | None:
    first = await store.get(PlanPart, f"{show.plan_hash}:0")
    if first is None:
        return None
    ids = [f"{show.plan_hash}:{number}" for number in range(first.parts)]
    parts = await store.get_many(PlanPart, ids)
    return unpack_layout(b"".join(parts[id].piece for id in ids)) if len(parts) == len(ids) else None


def _block(block: Block, hall: Layout) -> list[Violation]:
    frozen = [p for p, claim in block.claims.items() if claim in (FROZEN, FROZEN_BLOCKED)]
    removed = {block.first + p for p, claim in block.claims.items() if claim == REMOVED}
    gone = {n for n in range(block.first, block.first + block.count) if n in hall.removed}
    wrong = []
    if frozen:
        wrong.append(f"keeps {len(frozen)} seats from everybody, and no amendment is under way")
    if gone - removed:
        wrong.append(f"sells seats that the plan does not have: {sorted(gone - removed)[:5]}")
    if removed - gone:
        wrong.append(f"does not sell seats that the plan has: {sorted(removed - gone)[:5]}")
    return [Violation("C20", block.id, "; ".join(wrong))] if wrong else []


def _order(order: Order, hall: Layout) -> list[Violation]:
    for seat in order.seats:
        n = seat.ordinal
        if n >= hall.seats_total or n in hall.removed or hall.seat_id(n) != seat.seat_id:
            return [Violation("C20", order.id, f"has the seat {seat.seat_id}, which the plan does not have")]
        if hall.category_name(n) != seat.category:
            category = hall.category_name(n)
            detail = f"has {seat.seat_id} in {seat.category}, and the plan has it in {category}"
            return [Violation("C20", order.id, detail)]
    return []
