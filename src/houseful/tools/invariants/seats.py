"""Seats, tickets, orders and plans, all in one service's store."""

from collections import Counter, defaultdict

from houseful.tickets.domain.amendments import Amendment
from houseful.tickets.domain.blocks import Block, SeatState
from houseful.tickets.domain.holds import HoldQuota, quota_id
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.tickets import Ticket, TicketState, seat_key
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def seats_tickets_orders(installation: Installation) -> Snapshot:
    """C1, both ways: a sold seat has exactly one living ticket and a confirmed order, and the other way
    round. The count that decides `max_seats_per_buyer` leaves out no seat.
    """
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no seats yet")
    sold: dict[tuple[str, int], str] = {}
    async for block in all_documents(store, Block):
        for position, claim in block.claims.items():
            if claim.state is SeatState.SOLD:
                sold[block.event_id, block.first + position] = claim.by
    living: dict[tuple[str, int], list[Ticket]] = defaultdict(list)
    violations = []
    tickets = 0
    async for ticket in all_documents(store, Ticket):
        tickets += 1
        violations += _ticket_by_itself(ticket)
        if ticket.state is not TicketState.REFUNDED:
            living[ticket.event_id, ticket.ordinal].append(ticket)
    ordered: dict[tuple[str, int], list[str]] = defaultdict(list)
    bought: Counter[str] = Counter()
    orders = 0
    async for order in all_documents(store, Order):
        orders += 1
        if order.state is OrderState.CONFIRMED:
            bought[quota_id(order.event_id, order.user_id)] += len(order.seats)
            for ordinal in order.ordinals:
                ordered[order.event_id, ordinal].append(order.id)
    for seat in sold.keys() | living.keys() | ordered.keys():
        violations += _seat(seat, sold.get(seat), living.get(seat, []), ordered.get(seat, []))
    async for quota in all_documents(store, HoldQuota):
        if quota.bought is not None and quota.bought < bought[quota.id]:
            detail = f"counts {quota.bought} bought seats, and the buyer has {bought[quota.id]}"
            violations.append(Violation("C1", quota.id, detail))
    return Snapshot(violations, f"{len(sold):,} sold seats, {tickets:,} tickets, {orders:,} orders")


def _ticket_by_itself(ticket: Ticket) -> list[Violation]:
    alive = ticket.state is not TicketState.REFUNDED
    expected = seat_key(ticket.event_id, ticket.ordinal) if alive else None
    if ticket.seat_key == expected:
        return []
    return [Violation("C1", ticket.id, f"the ticket is {ticket.state} and its seat key is {ticket.seat_key}")]


def _seat(
    seat: tuple[str, int], sold_to: str | None, tickets: list[Ticket], orders: list[str]
) -> list[Violation]:
    subject = f"{seat[0]} seat {seat[1]}"
    wrong = []
    if len(tickets) > 1:
        wrong.append(f"has {len(tickets)} living tickets: {', '.join(ticket.id for ticket in tickets)}")
    if len(orders) > 1:
        wrong.append(f"is in {len(orders)} confirmed orders: {', '.join(orders)}")
    if sold_to is None and tickets:
        wrong.append(f"is not sold and has the living ticket {tickets[0].id}")
    if sold_to is None and orders:
        wrong.append(f"is not sold and is in the confirmed order {orders[0]}")
    if sold_to is not None and not tickets:
        wrong.append(f"is sold to {sold_to} and has no living ticket")
    if sold_to is not None and sold_to not in orders:
        wrong.append(f"is sold to {sold_to}, which is no confirmed order with this seat")
    wrong += [
        f"is sold to {sold_to} and its ticket {one.id} is of {one.order_id}"
        for one in tickets
        if sold_to and one.order_id != sold_to
    ]
    return [Violation("C1", subject, "; ".join(wrong))] if wrong else []


async def seats_and_plans(installation: Installation) -> Snapshot:
    """C9: a ready event has exactly the seats of its plan, each once, and those that amendments removed.

    The counters that decide "sold out" include the blocked seats.
    """
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no events yet")
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    outside: list[Violation] = []
    blocked: Counter[str] = Counter()
    async for block in all_documents(store, Block):
        spans[block.event_id].append((block.first, block.count))
        blocked[block.event_id] += block.blocked
        if any(not 0 <= position < block.count for position in block.claims):
            outside.append(Violation("C9", block.id, "has a claim on a seat that it does not have"))
    violations = outside
    # After the blocks: an amendment makes blocks and is done after them.
    amended = {one.id async for one in all_documents(store, Amendment) if one.is_open}
    shows = 0
    async for show in all_documents(store, Show):
        shows += 1
        own = sorted(spans.pop(show.id, []))
        if show.id in amended:
            continue
        if show.state is ShowState.READY or (
            show.state is ShowState.CANCELLED and show.generated == show.seats_total
        ):
            violations += _seats_of(show, own)
    violations += [Violation("C9", event_id, "has seats and there is no such event") for event_id in spans]
    async for sales in all_documents(store, Sales):
        if sales.blocked is not None and sales.blocked != blocked[sales.id]:
            detail = f"its figures say that {sales.blocked} seats are blocked, and {blocked[sales.id]} are"
            violations.append(Violation("C9", sales.id, detail))
    return Snapshot(violations, f"{shows:,} events")


def _seats_of(show: Show, spans: list[tuple[int, int]]) -> list[Violation]:
    expected = 0
    for first, count in spans:
        if first != expected:
            what = "are missing" if first > expected else "exist twice"
            return [
                Violation("C9", show.id, f"seats {min(first, expected)} to {max(first, expected) - 1} {what}")
            ]
        expected = first + count
    if expected != show.seats_total + show.removed_total:
        seats = expected - show.removed_total
        return [Violation("C9", show.id, f"has {seats} seats, and its plan {show.seats_total}")]
    return []
