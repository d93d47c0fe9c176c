"""Search by the beginning of one of several keys. A document that several keys find is found once."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from houseful.kernel import person_keys
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.ports import Reader
from houseful.webapi.cursors import cursor_of, refused, text_of

D = TypeVar("D", bound=Document)

_MOST_READ = 500
"""In one call: a page may have fewer documents than asked for, and the list goes on."""

LAST = "\U0010ffff"


class Prefix(NamedTuple):
    """Documents with a key that begins so."""

    field: str
    text: str

    def has(self, document: Document) -> bool:
        return str(getattr(document, self.field)).startswith(self.text)


class Position(NamedTuple):
    """Where a list goes on: 0 is what was looked up, then each prefix in its order."""

    way: int
    after: tuple[str, str] | None


def of_person(text: str, *, email: str) -> list[Prefix]:
    """By an address, which is in the field `email`, or by the beginning of a name."""
    name = person_keys.name_key(text)
    found = [Prefix(email, person_keys.email_key(text.strip()))]
    if name and "@" not in text:
        found += [Prefix("name_key", name), Prefix("last_name_key", name)]
    return found


async def page(
    reader: Reader,
    kind: type[D],
    equal: Mapping[str, Scalar],
    ways: Sequence[Prefix],
    looked_up: Sequence[D],
    cursor: str | None,
    limit: int,
) -> tuple[list[D], str | None]:
    """What was looked up, in order of ids, then what each prefix finds; and the cursor of the next page, None
    at the end. Raises `Invalid` for a cursor of another list."""
    way, after = _position(cursor, len(ways))
    found: list[D] = []
    if way == 0:
        found = [one for one in looked_up if after is None or one.id > after[1]]
        if len(found) > limit:
            return found[:limit], cursor_of("0:", found[limit - 1].id)
        way, after = 1, None
    shown = {one.id for one in looked_up}
    return await _by_prefixes(reader, kind, equal, ways, Position(way, after), found, shown, limit)


async def _by_prefixes(
    reader: Reader,
    kind: type[D],
    equal: Mapping[str, Scalar],
    ways: Sequence[Prefix],
    position: Position,
    found: list[D],
    shown: Collection[str],
    limit: int,
) -> tuple[list[D], str | None]:
    way, after = position
    read = 0
    for number in range(way, len(ways) + 1):
        prefix = ways[number - 1]
        while True:
            batch = await reader.find(
                kind,
                equal,
                by=prefix.field,
                since=prefix.text,
                until=prefix.text + LAST,
                after=after,
                limit=limit + 1,
            )
            for document in batch:
                if len(found) == limit or read == _MOST_READ:
                    return found, _cursor(number, after)
                read += 1
                after = (str(getattr(document, prefix.field)), document.id)
                if document.id not in shown and not any(one.has(document) for one in ways[: number - 1]):
                    found.append(document)
            if len(batch) <= limit:
                break
        after = None
    return found, None


def _cursor(way: int, after: tuple[str, str] | None) -> str:
    key, id = ("", "") if after is None else after
    return cursor_of(f"{way}:{key}", id)


def _position(cursor: str | None, ways: int) -> Position:
    position = text_of(cursor)
    if position is None:
        return Position(0, None)
    way, colon, key = position[0].partition(":")
    if not colon or not (way.isascii() and way.isdigit() and len(way) < 3 and int(way) <= ways):
        raise refused()
    return Position(int(way), (key, position[1]) if position[1] else None)
