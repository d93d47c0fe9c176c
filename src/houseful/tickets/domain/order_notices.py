"""The messages that tell other services what became of an order."""

from collections.abc import Iterable

from houseful.kernel.documents import Millis
from houseful.messages import OrderConfirmed, OrderRefunded, PaymentReturned, SoldSeat
from houseful.tickets.domain.ordered_seats import OrderedSeat
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.refund_reasons import Reason


def confirmation(order: Order, now: Millis) -> OrderConfirmed:
    return OrderConfirmed(
        order_id=order.id,
        event_id=order.event_id,
        confirmed_at=now,
        total_minor=order.total_minor,
        seats=_sold(order.seats),
        user_id=order.user_id,
    )


def refund_notice(order: Order, now: Millis) -> OrderRefunded:
    return OrderRefunded(
        order_id=order.id,
        event_id=order.event_id,
        refunded_at=now,
        total_minor=order.total_minor,
        seats=_sold(order.seats),
        reason=_reason(order),
    )


def part_notice(order: Order, now: Millis) -> OrderRefunded:
    """Of the latest seats that went back."""
    part = order.part_refunds[-1]
    return OrderRefunded(
        order_id=order.id,
        event_id=order.event_id,
        refunded_at=now,
        total_minor=part.amount_minor,
        seats=_sold(part.seats),
        reason=str(Reason.ORGANIZER_REFUNDED),
        part=len(order.part_refunds),
    )


def return_notice(order: Order, now: Millis) -> PaymentReturned:
    return PaymentReturned(
        order_id=order.id,
        event_id=order.event_id,
        returned_at=now,
        total_minor=order.total_minor,
        reason=_reason(order),
    )


def _sold(seats: Iterable[OrderedSeat]) -> tuple[SoldSeat, ...]:
    return tuple(
        SoldSeat(seat_id=seat.seat_id, category=seat.category, price_minor=seat.price_minor) for seat in seats
    )


def _reason(order: Order) -> str:
    assert order.reason is not None, "whoever gives money back says why"
    return str(order.reason)
