"""What a line and the shop tell each other, by signals that may be lost.

A line asks for an event's figures once a second, and each process of the ticket service answers. Without a
line nobody asks. A lost signal is a second without figures; the line then keeps its last safe rate.
"""

from collections.abc import Mapping

import msgspec

from houseful.kernel.documents import Millis

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


HOLD_BOUNDS = (
    0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.75, 1.0,
    1.5, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds: a hold counts in the first bucket whose bound it does not exceed; the last bucket has none. Counts
are stored: other bounds need another field."""


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was counted of an event: holds by how long they took, granted or not; holds that were refused, by
    the code of the refusal; payments that failed, by the card processor's reason."""

    holds: tuple[int, ...] = (0,) * (len(HOLD_BOUNDS) + 1)
    refused: Mapping[str, int] = {}
    declined: Mapping[str, int] = {}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A process's count since it began, which only grows: what a lost signal would have told the next one
    tells too. `of` names the counting; a process that begins anew has another one."""

    of: str
    tally: Tally


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
