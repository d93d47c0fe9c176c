"""Moments on the HTTP surface: RFC 3339 in UTC with `Z` outside, milliseconds inside."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from houseful.kernel.documents import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


USUAL_LENGTH_MILLIS = 3 * 3_600_000
"""The length of an event without a stated end."""


def end_of(starts_at: Millis, ends_at: Millis | None) -> Millis:
    """The end of an event. Until then the event is on sale and listed at the check-in."""
    return starts_at + USUAL_LENGTH_MILLIS if ends_at is None else ends_at


def rfc3339(moment: Millis) -> str:
    seconds, millis = divmod(moment, 1000)
    return f"{_second(seconds)}.{millis:03d}Z"


@lru_cache(4096)
def _second(seconds: int) -> str:
    """Cached, since most responses name the same few seconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds").removesuffix("+00:00")


def millis(moment: datetime) -> Millis:
    """Raises `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-12-31T20:00:00Z")
    return (moment - _EPOCH) // timedelta(milliseconds=1)
