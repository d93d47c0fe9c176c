"""Refunds: until when a buyer may have one, what the order desk may give back, and seats that go back while
their order keeps others.
"""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, StateConflict, invalid
from houseful.tickets.domain.ordered_seats import PartRefund
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState, refund_next
from houseful.tickets.domain.tickets import Ticket, TicketState


def check_cancel(order: Order, refundable_until: Millis, used: bool, now: Millis) -> None:
    """Raises `StateConflict` where a buyer may not cancel any more."""
    if order.state is not OrderState.CONFIRMED:
        return
    if used:
        raise StateConflict(
            "cancel_closed", "A ticket of this order was used; it can't be cancelled any more."
        )
    if now >= refundable_until:
        raise StateConflict("cancel_closed", "The time in which this order could be cancelled is over.")


def seats_to_refund(order: Order, seat_ids: Sequence[str] | None, tickets: Collection[Ticket]) -> list[int]:
    """The ordinals of these seats, or of all that the order has. Raises `DomainError` where the desk can't
    give them back.
    """
    if order.state is not OrderState.CONFIRMED:
        raise StateConflict(
            "not_refundable",
            f"This order is {str(order.state).replace('_', ' ')}; only a confirmed order can be refunded.",
            order_status=order.state,
        )
    seats = {seat.seat_id: seat.ordinal for seat in order.seats}
    wanted = list(seats) if seat_ids is None else list(seat_ids)
    if not wanted:
        raise invalid({"seats": "names no seat; leave it out to refund all of them"})
    if len(set(wanted)) < len(wanted):
        raise invalid({"seats": "names a seat twice"})
    unknown = {f"seats[{i}]": _unknown(order, id) for i, id in enumerate(wanted) if id not in seats}
    if unknown:
        raise invalid(unknown)
    ordinals = [seats[id] for id in wanted]
    used = {ticket.ordinal for ticket in tickets if ticket.state is TicketState.USED}
    if at_gate := [id for id in wanted if seats[id] in used]:
        raise _used(at_gate)
    return ordinals


def _unknown(order: Order, seat_id: str) -> str:
    gone = any(seat.seat_id == seat_id for part in order.part_refunds for seat in part.seats)
    return "was refunded before" if gone else "is no seat of this order"


def _used(seat_ids: list[str]) -> DomainError:
    return StateConflict(
        "ticket_used",
        "Tickets that were used at the gate are not refunded. Refund the other seats by themselves.",
        seats=seat_ids,
    )


def part_refunded(order: Order, ordinals: Collection[int], now: Millis) -> Order:
    """Seats of a confirmed order go back, and it keeps others. Their money is due as soon as it was taken."""
    gone = tuple(seat for seat in order.seats if seat.ordinal in ordinals)
    amount_minor = sum(seat.price_minor for seat in gone)
    part = PartRefund(now, gone, is_settled=amount_minor == 0)
    order = replace(
        order,
        seats=tuple(seat for seat in order.seats if seat.ordinal not in ordinals),
        total_minor=order.total_minor - amount_minor,
        part_refunds=(*order.part_refunds, part),
    )
    is_at_rest = order.due is None and order.payment is PaymentState.CAPTURED
    return refund_next(order, now) if is_at_rest and not part.is_settled else order


def part_settled(order: Order, index: int, now: Millis) -> Order:
    """The payment gateway has given this part back. A repetition changes nothing."""
    part = order.part_refunds[index]
    if part.is_settled or order.due is not Due.REFUND_PART:
        return order
    settled = PartRefund(part.at, part.seats, is_settled=True)
    parts = (*order.part_refunds[:index], settled, *order.part_refunds[index + 1 :])
    return refund_next(replace(order, part_refunds=parts), now)
