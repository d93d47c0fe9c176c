"""Moments on the HTTP surface: RFC 3339 in UTC with `Z` outside, milliseconds inside."""

from datetime import UTC, datetime, timedelta

from houseful.common.documents import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(moment: Millis) -> str:
    return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(moment: datetime) -> Millis:
    """Raises `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-12-31T20:00:00Z")
    return (moment - _EPOCH) // timedelta(milliseconds=1)
