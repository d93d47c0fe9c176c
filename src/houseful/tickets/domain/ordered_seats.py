"""Seats as they were ordered, and those of them that went back while the order kept others."""

import msgspec

from houseful.kernel.documents import Millis


class OrderedSeat(msgspec.Struct, frozen=True, array_like=True):
    ordinal: int
    seat_id: str
    category: str
    price_minor: int


class PartRefund(msgspec.Struct, frozen=True, array_like=True):
    """Seats that went back while the order kept others. `is_settled` once the payment gateway has given their
    money back, or where they cost nothing.
    """

    at: Millis
    seats: tuple[OrderedSeat, ...]
    is_settled: bool

    @property
    def amount_minor(self) -> int:
        return sum(seat.price_minor for seat in self.seats)
