"""An event's date and time as buyers read it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from houseful.tickets.domain.shows import Show


def local_time(show: Show) -> str:
    """The venue's time with its zone named: `Saturday 12 December 2026, 20:00 (Europe/Berlin)`. In the night
    in which the clocks go back also the offset, as there are two of each time.
    """
    moment = datetime.fromtimestamp(show.starts_at / 1000, ZoneInfo(show.timezone))
    zone = show.timezone
    if moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset():
        zone = f"{zone}, {_offset(moment)}"
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} ({zone})"


def _offset(moment: datetime) -> str:
    sign, digits = f"{moment:%z}"[0], f"{moment:%z}"[1:]
    hours, minutes = int(digits[:2]), int(digits[2:4])
    return f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")
