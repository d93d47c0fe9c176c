"""The search of events."""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from houseful.events import domain
from houseful.events.domain import Event
from houseful.kernel.documents import Millis
from houseful.kernel.ports import Reader
from houseful.kernel.search_text import finder
from houseful.webapi.cursors import ByMoment

_MOST_SCANNED = 2_000
_SCANNED_AT_ONCE = 500


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: `since <= starts_at < until`; without `since`, what is not over yet.
    `organizer_id` asks for all of theirs, newest first."""

    query: str = ""
    since: Millis | None = None
    until: Millis | None = None
    organizer_id: str | None = None
    after: ByMoment | None = None
    limit: int = 20


async def search(reader: Reader, search: Search, now: Millis) -> tuple[list[Event], ByMoment | None]:
    """Events in order of (starts_at, id), and where the list goes on, None at its end.

    Words are looked for by reading, at most 2,000 events a call (some 30 ms), so that a list may be
    shorter than its limit, or even empty, and yet go on.
    """
    mine = search.organizer_id is not None
    matches = matching(search.query)
    found: list[Event] = []
    last = search.after
    read = 0
    for part, size in _parts(search, now):
        while read < _MOST_SCANNED:
            batch = await _batch(reader, part, last, size)
            read += len(batch)
            for event in batch:
                position = (event.created_at if mine else event.starts_at, event.id)
                over = search.since is None and not mine and event.is_over_at <= now
                if not over and matches(event) and (not mine or _within(event, search)):
                    if len(found) == search.limit:
                        return found, last
                    found.append(event)
                last = position
            if len(batch) < size:
                break
        else:
            return found, last
    return found, None


async def _batch(reader: Reader, search: Search, after: ByMoment | None, size: int) -> list[Event]:
    if search.organizer_id is not None:
        mine = {"organizer_id": search.organizer_id}
        return await reader.find(Event, mine, by="created_at", after=after, descending=True, limit=size)
    return await reader.find(
        Event,
        {"status": "published"},
        by="starts_at",
        since=search.since,
        until=search.until,
        after=after,
        limit=size,
    )


def _parts(search: Search, now: Millis) -> list[tuple[Search, int]]:
    """What is to be read, and how much at once. Of what has begun most is over, and read in vain."""
    size = _SCANNED_AT_ONCE if search.query.strip() else search.limit + 1
    if search.organizer_id is not None or search.since is not None:
        return [(search, size)]
    begun = replace(search, since=now - domain.LONGEST_MILLIS, until=_earlier(now, search.until))
    return [(begun, _SCANNED_AT_ONCE), (replace(search, since=now), size)]


def _earlier(one: Millis, other: Millis | None) -> Millis:
    return one if other is None else min(one, other)


def _within(event: Event, search: Search) -> bool:
    since, until = search.since, search.until
    return (since is None or event.starts_at >= since) and (until is None or event.starts_at < until)


def matching(query: str) -> Callable[[Event], bool]:
    """Whether each word of the query begins a word of the event's title or venue."""
    finds = finder(query)
    return lambda event: finds(f"{event.title} {event.venue}")
