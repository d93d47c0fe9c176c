"""Sold out or not: decided with every change of what is sold or blocked, where it is counted."""

import msgspec

from houseful.kernel.ports import Reader, Transaction
from houseful.messages import AvailabilityChanged
from houseful.tickets.domain import sales
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.shows import Show

_PAGE = 500


async def keep(tx: Transaction, before: Sales | None, after: Sales, show: Show | None) -> None:
    """Put the figures, and tell where they make the event sold out, or no longer so. Every change
    goes through this one document, so that what is told is told in order.
    """
    if show is not None:
        if after.blocked is None:
            after = msgspec.structs.replace(after, blocked=await _blocked_seats(tx, after.id))
        after, changed = sales.marked(after, show.seats_total)
        if changed:
            tx.send(AvailabilityChanged(event_id=after.id, sold_out=after.sold_out))
    if before is None:
        tx.insert(after)
    else:
        tx.put(after)


async def blocked_more(tx: Transaction, show: Show, seats: int) -> None:
    """So many seats more are blocked in this transaction, or fewer."""
    before = await tx.get(Sales, show.id)
    after = before or Sales(id=show.id)
    known = await _blocked_seats(tx, show.id) if after.blocked is None else after.blocked
    await keep(tx, before, msgspec.structs.replace(after, blocked=known + seats), show)


async def _blocked_seats(reader: Reader, event_id: str) -> int:
    """What is committed, by reading every seat: once in an event's life, where an older version began it."""
    count = 0
    after: tuple[None, str] | None = None
    while True:
        page = await reader.find(Block, {"event_id": event_id}, after=after, limit=_PAGE)
        count += sum(block.blocked for block in page)
        if len(page) < _PAGE:
            return count
        after = (None, page[-1].id)
