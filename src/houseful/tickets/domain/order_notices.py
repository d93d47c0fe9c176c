"""The messages that tell other services what became of an order."""

from houseful.kernel.documents import Millis
from houseful.messages import OrderConfirmed, OrderRefunded, PaymentReturned, SoldSeat
from houseful.tickets.domain.orders import Order


def confirmation(order: Order, now: Millis) -> OrderConfirmed:
    return OrderConfirmed(
        order_id=order.id,
        event_id=order.event_id,
        confirmed_at=now,
        total_minor=order.total_minor,
        seats=_sold(order),
        user_id=order.user_id,
    )


def refund_notice(order: Order, now: Millis) -> OrderRefunded:
    return OrderRefunded(
        order_id=order.id,
        event_id=order.event_id,
        refunded_at=now,
        total_minor=order.total_minor,
        seats=_sold(order),
        reason=_reason(order),
    )


def return_notice(order: Order, now: Millis) -> PaymentReturned:
    return PaymentReturned(
        order_id=order.id,
        event_id=order.event_id,
        returned_at=now,
        total_minor=order.total_minor,
        reason=_reason(order),
    )


def _sold(order: Order) -> tuple[SoldSeat, ...]:
    return tuple(
        SoldSeat(seat_id=seat.seat_id, category=seat.category, price_minor=seat.price_minor)
        for seat in order.seats
    )


def _reason(order: Order) -> str:
    assert order.reason is not None, "whoever gives money back says why"
    return str(order.reason)
