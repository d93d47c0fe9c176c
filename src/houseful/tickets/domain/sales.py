"""Sales figures of an event: a fold of what was confirmed and refunded, in any order of orders."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from houseful.kernel.documents import Document, Millis
from houseful.messages import OrderConfirmed, OrderRefunded

MINUTE_MILLIS = 60_000
KEPT_MINUTES = 24 * 60


class Tally(msgspec.Struct, frozen=True, array_like=True):
    seats: int = 0
    gross_minor: int = 0

    def plus(self, seats: int, gross_minor: int) -> "Tally":
        return Tally(self.seats + seats, self.gross_minor + gross_minor)


class Sales(Document, frozen=True, kw_only=True):
    """`id` is the event's. `by_category` counts what is sold now; `per_minute` what was sold then, refunded
    or not, by the minute's start; the newest day of it is kept. `blocked` is None where nobody has counted
    yet.
    """

    collection: ClassVar[str] = "sales"

    sold: int = 0
    orders: int = 0
    gross_minor: int = 0
    refunded_minor: int = 0
    by_category: Mapping[str, Tally] = {}
    per_minute: Mapping[int, Tally] = {}
    sold_out: bool = False
    blocked: int | None = None


def confirmed(sales: Sales, message: OrderConfirmed) -> Sales:
    minute = message.confirmed_at // MINUTE_MILLIS * MINUTE_MILLIS
    per_minute = dict(sales.per_minute)
    per_minute[minute] = per_minute.get(minute, Tally()).plus(len(message.seats), message.total_minor)
    for oldest in sorted(per_minute)[:-KEPT_MINUTES]:
        del per_minute[oldest]
    return _counted(
        msgspec.structs.replace(
            sales,
            orders=sales.orders + 1,
            gross_minor=sales.gross_minor + message.total_minor,
            per_minute=per_minute,
        ),
        message,
        1,
    )


def refunded(sales: Sales, message: OrderRefunded) -> Sales:
    return _counted(
        msgspec.structs.replace(sales, refunded_minor=sales.refunded_minor + message.total_minor), message, -1
    )


def _counted(sales: Sales, message: OrderConfirmed | OrderRefunded, sign: int) -> Sales:
    by_category = dict(sales.by_category)
    for seat in message.seats:
        tally = by_category.get(seat.category, Tally())
        by_category[seat.category] = tally.plus(sign, sign * seat.price_minor)
    return msgspec.structs.replace(
        sales, sold=sales.sold + sign * len(message.seats), by_category=by_category
    )


def marked(sales: Sales, seats_total: int) -> tuple[Sales, bool]:
    """Whether "sold out" has changed, and the figures with it: no seat can be bought, since each is sold or
    blocked. A held seat may come back at any moment, and is for sale.
    """
    sold_out = sales.sold + (sales.blocked or 0) >= seats_total
    return msgspec.structs.replace(sales, sold_out=sold_out), sold_out != sales.sold_out


def last_minutes(sales: Sales, now: Millis, minutes: int) -> list[tuple[Millis, Tally]]:
    """The last `minutes` minutes up to now, oldest first, empty ones included."""
    last = now // MINUTE_MILLIS * MINUTE_MILLIS
    moments = range(last - (minutes - 1) * MINUTE_MILLIS, last + 1, MINUTE_MILLIS)
    return [(moment, sales.per_minute.get(moment, Tally())) for moment in moments]
