"""An event's date and time as buyers read it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from houseful.kernel.documents import Millis
from houseful.kernel.times import millis
from houseful.tickets.domain.shows import Show
from houseful.tickets.schemas import OrderView


def local_time(show: Show) -> str:
    """When it begins, as `in_words`."""
    return in_words(show.starts_at, show.timezone)


def doors_and_end(show: Show) -> str | None:
    """`Doors 19:00, ends 22:30`, with the day where it is another than the start's; None where neither is
    said.
    """
    said = (("doors", show.doors_at), ("ends", show.ends_at))
    words = ", ".join(f"{what} {_at(moment, show)}" for what, moment in said if moment is not None)
    return words[0].upper() + words[1:] if words else None


def _at(at: Millis, show: Show) -> str:
    moment, start = (
        datetime.fromtimestamp(one / 1000, ZoneInfo(show.timezone)) for one in (at, show.starts_at)
    )
    if moment.date() == start.date():
        return f"{moment:%H:%M}"
    return f"{moment:%A} {moment.day} {moment:%B, %H:%M}"


def moved_words(show: Show, order: OrderView) -> str | None:
    """`Moved from Saturday 12 December 2026, 20:00 (Europe/Berlin)`, and from where, if that was elsewhere.
    None for who has ordered since.
    """
    move = order.move
    if move is None:
        return None
    parts = []
    if move.from_starts_at != move.starts_at:
        parts.append(in_words(millis(datetime.fromisoformat(move.from_starts_at)), show.timezone))
    if move.from_venue != move.venue:
        parts.append(move.from_venue)
    return f"Moved from {', '.join(parts)}" if parts else None


def in_words(at: Millis, zone: str) -> str:
    """The venue's time with its zone named: `Saturday 12 December 2026, 20:00 (Europe/Berlin)`. In the night
    in which the clocks go back also the offset, as there are two of each time.
    """
    moment = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
    if moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset():
        zone = f"{zone}, {_offset(moment)}"
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} ({zone})"


def _offset(moment: datetime) -> str:
    sign, digits = f"{moment:%z}"[0], f"{moment:%z}"[1:]
    hours, minutes = int(digits[:2]), int(digits[2:4])
    return f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")
