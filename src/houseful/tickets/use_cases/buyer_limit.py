"""The most seats of an event for one buyer, over all orders (`Show.max_seats_per_buyer`).

Seats that are held, ordered or bought count. The buyer's `HoldQuota` counts all three, and every transaction
that changes one of them writes the quota: two transactions can't both pass the limit.
"""

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Transaction
from houseful.tickets.domain import holds
from houseful.tickets.domain.holds import HoldQuota, quota_id
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show

ORDERS_PER_READ = 100


async def check(tx: Transaction, show: Show, user_id: str, wanted: int, now: Millis) -> None:
    """Raises `StateConflict` where `wanted` seats more are too many for the buyer."""
    if show.max_seats_per_buyer is not None:
        quota = await _counted(tx, show.id, user_id)
        holds.check_buyer_limit(show.max_seats_per_buyer, quota, wanted, now)


async def _counted(tx: Transaction, event_id: str, user_id: str) -> HoldQuota | None:
    """The quota, with the seats bought counted once where an older version wrote the quota."""
    quota = await tx.get(HoldQuota, quota_id(event_id, user_id))
    if quota is None or quota.bought is not None:
        return quota
    quota = msgspec.structs.replace(quota, bought=await _seats_bought(tx, event_id, user_id))
    tx.put(quota)
    return quota


async def _seats_bought(tx: Transaction, event_id: str, user_id: str) -> int:
    bought, after = 0, None
    while True:
        page = await tx.find(Order, {"user_id": user_id}, by="created_at", after=after, limit=ORDERS_PER_READ)
        bought += sum(
            len(order.seats)
            for order in page
            if order.event_id == event_id and order.state is OrderState.CONFIRMED
        )
        if len(page) < ORDERS_PER_READ:
            return bought
        after = (page[-1].created_at, page[-1].id)
