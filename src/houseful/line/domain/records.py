"""What a line and its shop did lately, for the control room: counts of the last minute and since the sale
began, and a history of the last hour.

Processes of the shop tell counts that only grow. A record adds what is new of each to one sum, so that many
processes are as one: buckets are added, and a percentile is taken of the sum alone. What nobody has told is
None, and never 0.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis
from houseful.kernel.tallies import HOLD_BOUNDS, Count, Tally

SLOT_MILLIS = 10_000
LATELY_SLOTS = 6
HISTORY_MILLIS = 3_600_000
_MOST_COUNTINGS = 64
_BUCKETS = len(HOLD_BOUNDS) + 1


class Gauges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As a line and its shop were at a moment."""

    waiting: int
    inside: int
    rate: float
    held: int | None = None
    sold: int | None = None
    outbox_seconds: float | None = None
    arrival_seconds: float | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ten seconds: the gauges at their end, and what was counted in them."""

    at: Millis
    gauges: Gauges
    tally: Tally | None = None


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A slot that is over, as the history keeps it. New fields come last, with a default."""

    at: Millis
    waiting: int
    inside: int
    rate: float
    held: int | None
    sold: int | None
    outbox_seconds: float | None
    holds: int | None
    refused: int | None
    declined: int | None
    p50_seconds: float | None
    p95_seconds: float | None


class LineRecord(Document, frozen=True, kw_only=True):
    """`id` is the event's. `counted` is the most that was heard of each counting, the latest last; `total` is
    their sum since the sale began. `slots` are those of the last minute, and the one that runs."""

    collection: ClassVar[str] = "line_records"

    counted: Mapping[str, Tally] = {}
    total: Tally | None = None
    slots: tuple[Slot, ...] = ()


class LineHistory(Document, frozen=True, kw_only=True):
    """`id` is the event's."""

    collection: ClassVar[str] = "line_histories"

    points: tuple[Point, ...] = ()


def noted(
    record: LineRecord, counts: Iterable[Count], gauges: Gauges, at: Millis
) -> tuple[LineRecord, Point | None]:
    """The record a moment later, and the slot that has ended by that. Of a clock that was set back what lies
    ahead is forgotten."""
    counted, news = _news(record.counted, counts)
    start = at // SLOT_MILLIS * SLOT_MILLIS
    before = [slot for slot in record.slots if start - LATELY_SLOTS * SLOT_MILLIS <= slot.at < start]
    running = next((slot for slot in record.slots if slot.at == start), None)
    tally = _sum([running.tally if running else None, news])
    after = replace(
        record,
        counted=counted,
        total=_sum([record.total, news]),
        slots=(*before, Slot(at=start, gauges=gauges, tally=tally)),
    )
    last = record.slots[-1] if record.slots else None
    return after, _point(last) if last is not None and last.at < start else None


def kept(history: LineHistory, point: Point) -> LineHistory:
    """With a point more, and without those that are too old."""
    since = point.at - HISTORY_MILLIS
    return replace(history, points=(*(one for one in history.points if since < one.at < point.at), point))


def lately(record: LineRecord, at: Millis) -> Tally | None:
    """What was counted in the last minute; None where nobody has told."""
    since = at - (LATELY_SLOTS + 1) * SLOT_MILLIS
    return _sum([slot.tally for slot in record.slots if since < slot.at <= at])


def percentile(holds: tuple[int, ...], share: float) -> float | None:
    """Of the seconds that holds took, as if those of a bucket were spread evenly between its bounds; None
    where there were none."""
    rank, below = share * sum(holds), 0
    for index, count in enumerate(holds):
        if count and below + count >= rank:
            if index == len(HOLD_BOUNDS):
                return HOLD_BOUNDS[-1]
            lower = HOLD_BOUNDS[index - 1] if index else 0.0
            return lower + (HOLD_BOUNDS[index] - lower) * (rank - below) / count
        below += count
    return None


def _news(before: Mapping[str, Tally], counts: Iterable[Count]) -> tuple[dict[str, Tally], Tally | None]:
    """The most that was heard of each counting, and what is new. Another process may have heard more, and
    stored it. Of another version's buckets nothing is known."""
    counted = dict(before)
    news: Tally | None = None
    for count in counts:
        if len(count.tally.holds) == _BUCKETS:
            known = counted.pop(count.of, Tally())
            more = _minus(count.tally, known)
            news = _sum([news, more])
            counted[count.of] = _sum([known, more]) or known
    return dict(list(counted.items())[-_MOST_COUNTINGS:]), news


def _sum(tallies: Iterable[Tally | None]) -> Tally | None:
    known = [tally for tally in tallies if tally is not None]
    if not known:
        return None
    return Tally(
        holds=tuple(map(sum, zip(*(tally.holds for tally in known), strict=True))),
        refused=_sums([tally.refused for tally in known]),
        declined=_sums([tally.declined for tally in known]),
    )


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in counts:
        for reason, count in one.items():
            sums[reason] = sums.get(reason, 0) + count
    return sums


def _minus(now: Tally, before: Tally) -> Tally:
    return Tally(
        holds=tuple(max(0, count - known) for count, known in zip(now.holds, before.holds, strict=True)),
        refused=_more(now.refused, before.refused),
        declined=_more(now.declined, before.declined),
    )


def _more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {
        reason: count - known for reason, count in now.items() if count > (known := before.get(reason, 0))
    }


def _point(slot: Slot) -> Point:
    gauges, tally = slot.gauges, slot.tally
    return Point(
        at=slot.at,
        waiting=gauges.waiting,
        inside=gauges.inside,
        rate=gauges.rate,
        held=gauges.held,
        sold=gauges.sold,
        outbox_seconds=gauges.outbox_seconds,
        holds=None if tally is None else sum(tally.holds),
        refused=None if tally is None else sum(tally.refused.values()),
        declined=None if tally is None else sum(tally.declined.values()),
        p50_seconds=None if tally is None else percentile(tally.holds, 0.5),
        p95_seconds=None if tally is None else percentile(tally.holds, 0.95),
    )
