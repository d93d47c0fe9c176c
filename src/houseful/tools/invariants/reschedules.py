"""Reschedules: whoever has bought for an earlier date was told of the latest."""

from houseful.kernel.ports import Store
from houseful.messages import Reschedule
from houseful.tickets.domain.emails import RESCHEDULED, QueuedEmail, email_id
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.reschedules import is_telling, is_to_be_told
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def buyers_are_told(installation: Installation) -> Snapshot:
    """C19: once the buyers of an event that was moved are told, each of them has an email about it."""
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no reschedules yet")
    moved = {
        show.id: show
        async for show in all_documents(store, Show)
        if show.reschedules and show.state is ShowState.READY and not is_telling(show)
    }
    violations = []
    count = 0
    if moved:
        async for order in all_documents(store, Order):
            show = moved.get(order.event_id)
            if show is None or order.state is not OrderState.CONFIRMED:
                continue
            count += 1
            wrong = await _wrong(store, order, show, show.reschedules[-1])
            if wrong is not None:
                violations.append(Violation("C19", order.id, wrong))
    return Snapshot(violations, f"{count:,} orders of events that were moved")


async def _wrong(store: Store, order: Order, show: Show, latest: Reschedule) -> str | None:
    if is_to_be_told(order, show):
        return f"is not told of reschedule {latest.number}"
    if order.told_of > latest.number:
        return f"is told of {order.told_of} reschedules, and there are {latest.number}"
    if order.told_of == latest.number:
        email = await store.get(QueuedEmail, email_id(RESCHEDULED, order.id, latest.number))
        return None if email else f"is told of reschedule {latest.number}, and there is no email about it"
    return None
