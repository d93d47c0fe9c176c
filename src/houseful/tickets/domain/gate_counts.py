"""Who came in and went out, by gate and minute: a fold of scans, in any order of scans."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.reschedules import ANOTHER_TIME_MILLIS
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.shows import Show

MINUTE_MILLIS = 60_000
KEPT_MINUTES = 240


class Passages(msgspec.Struct, frozen=True, array_like=True):
    admitted: int = 0
    checked_out: int = 0


class GateCount(Document, frozen=True, kw_only=True):
    """One gate of one night. `per_minute` goes by the minute's start; the newest four hours are kept."""

    collection: ClassVar[str] = "gate_counts"
    indexes = (Index(("night",)),)

    night: str
    gate: str
    admitted: int = 0
    checked_out: int = 0
    refused: int = 0
    per_minute: Mapping[int, Passages] = {}


def night_of(show: Show) -> str:
    """Counts begin anew where the event was moved to another time, as its tickets do."""
    moves = sum(abs(one.starts_at - one.from_starts_at) >= ANOTHER_TIME_MILLIS for one in show.reschedules)
    return f"{show.id}:{moves}"


def count_id(night: str, gate: str) -> str:
    return f"{night}:{hashlib.blake2b(gate.encode(), digest_size=10).hexdigest()}"


def counted(count: GateCount, scan: Scan) -> GateCount:
    match scan.verdict:
        case Verdict.ADMITTED:
            passage = Passages(admitted=1)
        case Verdict.CHECKED_OUT:
            passage = Passages(checked_out=1)
        case _:
            return replace(count, refused=count.refused + 1)
    minute = scan.scanned_at // MINUTE_MILLIS * MINUTE_MILLIS
    before = count.per_minute.get(minute, Passages())
    per_minute = {**count.per_minute, minute: _sum(before, passage)}
    for oldest in sorted(per_minute)[:-KEPT_MINUTES]:
        del per_minute[oldest]
    return replace(
        count,
        admitted=count.admitted + passage.admitted,
        checked_out=count.checked_out + passage.checked_out,
        per_minute=per_minute,
    )


def last_minutes(count: GateCount, now: Millis, minutes: int) -> list[tuple[Millis, Passages]]:
    """The last `minutes` minutes up to now, oldest first, empty ones included."""
    last = now // MINUTE_MILLIS * MINUTE_MILLIS
    moments = range(last - (minutes - 1) * MINUTE_MILLIS, last + 1, MINUTE_MILLIS)
    return [(moment, count.per_minute.get(moment, Passages())) for moment in moments]


def _sum(one: Passages, other: Passages) -> Passages:
    return Passages(one.admitted + other.admitted, one.checked_out + other.checked_out)
