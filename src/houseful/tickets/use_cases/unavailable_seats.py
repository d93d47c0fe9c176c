"""What is said when seats can't be had: who has them, and what of it is one's own."""

from collections.abc import Iterable, Sequence
from typing import Any

from houseful.kernel.errors import DomainError, StateConflict
from houseful.kernel.ports import Reader
from houseful.tickets.domain.blocks import BLOCKED, Claim, SeatsTaken, SeatState
from houseful.tickets.domain.holds import Hold
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order

_MOST_NAMED = 5


async def refused(reader: Reader, user_id: str, layout: Layout, taken: SeatsTaken) -> DomainError:
    """Reads what one's own seats are held by, and whose the sold ones are; only on the way to a refusal."""
    claims = {ordinal: claim for ordinal, claim in taken.claims.items() if claim is not None}
    held = {n: claim.by for n, claim in claims.items() if claim.by in taken.own_holds}
    holds = await reader.get_many(Hold, sorted(set(held.values()))) if held else {}
    sold_to = {claim.by for claim in claims.values() if claim.state is SeatState.SOLD}
    orders = await reader.get_many(Order, sorted(sold_to)) if sold_to else {}
    bought = {
        n: claim.by
        for n, claim in claims.items()
        if claim.by in orders and orders[claim.by].user_id == user_id
    }
    extra: dict[str, Any] = {"taken": [layout.seat_id(ordinal) for ordinal in taken.ordinals]}
    yours = sorted({*held, *bought})
    if yours:
        extra["yours"] = [layout.seat_id(ordinal) for ordinal in yours]
    if held:
        extra["hold_id"] = held[min(held)]
        extra["holds"] = {
            hold_id: [layout.seat_id(ordinal) for ordinal in sorted(held) if held[ordinal] == hold_id]
            for hold_id in dict.fromkeys(held.values())
        }
    order_ids = [*(hold.order_id for hold in holds.values() if hold.order_id), *bought.values()]
    if order_ids:
        extra["order_id"] = order_ids[0]
    return StateConflict("seats_taken", " ".join(_words(layout, taken, claims, held, bought)), **extra)


def _words(
    layout: Layout,
    taken: SeatsTaken,
    claims: dict[int, Claim],
    held: dict[int, str],
    bought: dict[int, str],
) -> Iterable[str]:
    closed = [ordinal for ordinal, claim in claims.items() if claim == BLOCKED]
    others = [n for n in taken.ordinals if n not in held and n not in bought and n not in closed]
    if others:
        yield f"Somebody else was faster: {named(layout, others)}."
    if closed:
        yield f"Not for sale: {named(layout, closed)}."
    if held:
        yield f"You hold these already: {named(layout, sorted(held))}. Order them, or give them back first."
    if bought:
        yield f"You have bought these already: {named(layout, sorted(bought))}."


def named(layout: Layout, ordinals: Sequence[int]) -> str:
    names = ", ".join(layout.place(ordinal) for ordinal in ordinals[:_MOST_NAMED])
    more = len(ordinals) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names
