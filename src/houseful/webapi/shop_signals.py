"""What a line and the shop tell each other, by signals that may be lost.

A line asks for an event's figures once a second, and each process of the ticket service answers. Without a
line nobody asks. A lost signal is a second without figures; the line then keeps its last safe rate.
"""

from collections.abc import Mapping

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.tallies import Count

ASKED = "shop-asked"
TOLD = "shop-told"


class Departure(msgspec.Struct, frozen=True, array_like=True):
    """An account that has bought so many seats, or given back what it held (0). `at` is the shop's time."""

    user_id: str
    seats: int
    at: Millis = 0


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """An account whose holds and unpaid orders run for so long; then they lapse. `at` is the shop's time."""

    user_id: str
    runs_millis: Millis
    at: Millis


class ShopFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one process in the last second. `seats_left` are free, by category. `arrival_seconds` is how old the
    last message of a sale was when it was applied. An earlier version tells neither it nor a count."""

    event_id: str
    process: str
    hold_p95_seconds: float = 0.0
    holds: int = 0
    event_holds: int = 0
    unavailable: int = 0
    lag_seconds: float = 0.0
    outbox_age_seconds: float = 0.0
    seats_left: Mapping[str, int] = {}
    seats_held: int = 0
    seats_sold: int | None = None
    arrival_seconds: float | None = None
    count: Count | None = None
    departures: tuple[Departure, ...] = ()
    stays: tuple[Stay, ...] = ()
