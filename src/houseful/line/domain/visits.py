"""Who is inside: a visit begins with a pass, goes on while holds and unpaid orders run, and ends."""

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.line.domain.lines import IDLE_MILLIS, Visit


def claimed(before: Visit | None, id: str, event_id: str, pass_until: Millis, now: Millis) -> Visit:
    """With a pass that was given now. A renewal keeps a visit as it is: a page that is left open takes no
    room."""
    if before is None:
        before = Visit(id=id, event_id=event_id, is_inside=False, since=now, until=now)
    if not before.is_inside and before.pass_until <= now:
        before = _entered(before, now, now + IDLE_MILLIS)
    return replace(before, pass_until=pass_until)


def stays(visit: Visit, until: Millis, now: Millis) -> Visit:
    """Its holds and unpaid orders run until then."""
    return replace(visit, until=until) if visit.is_inside else _entered(visit, now, until)


def ended(visit: Visit, seats: int, now: Millis) -> Visit:
    """After it has bought so many seats, or none. A visit that has ended before stays as it was."""
    return replace(visit, is_inside=False, seats=seats, ended_at=now) if visit.is_inside else visit


def left(visit: Visit, now: Millis) -> Visit:
    """The pass was given back: who asks for another comes in anew."""
    return replace(ended(visit, 0, now), pass_until=0)


def seconds(visit: Visit, now: Millis) -> float:
    """How long it has taken so far. Nobody is inside after `until`, whenever that is noticed."""
    return max(0, min(now, visit.until) - visit.since) / 1000


def _entered(visit: Visit, now: Millis, until: Millis) -> Visit:
    return replace(visit, is_inside=True, since=now, until=until, seats=0, ended_at=None)
