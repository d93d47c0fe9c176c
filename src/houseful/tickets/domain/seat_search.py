"""Seats by what people call them: "Stalls, row K, seat 17" is found by "k 17", "K17", "stalls k 17" and
"row K seat 17", and by its id.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from houseful.kernel.search_text import fold
from houseful.tickets.domain.layout import Layout, RowSpec

MOST_SEATS = 50

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_FILLERS = frozenset({"row", "seat", "place"})


class _Row(NamedTuple):
    """`own` are the words that only the row's name has: a query must have them all."""

    row: RowSpec
    own: frozenset[str]
    known: frozenset[str]


def seats_named(layout: Layout, text: str) -> list[int]:
    """The ordinals of the seats that this text names, at most `MOST_SEATS`. A row or a section alone names
    none.
    """
    exact = layout.ordinal_of(text.strip())
    if exact is not None:
        return [exact]
    asked = tuple(token for token in _tokens(text) if token not in _FILLERS)
    found: list[int] = []
    if len(asked) < 2:
        return found
    rows: Sequence[_Row] = layout.cached("seat search", _rows)
    for row, own, known in rows:
        if not own.issubset(asked) or asked[0] not in known:
            continue
        for ordinal in range(row.first_ordinal, row.first_ordinal + row.count):
            number = _tokens(layout.number_of(ordinal))
            where = asked[: len(asked) - len(number)]
            if not number or not where or asked[len(where) :] != number:
                continue
            if own.issubset(where) and known.issuperset(where):
                found.append(ordinal)
                if len(found) == MOST_SEATS:
                    return found
    return found


def _rows(layout: Layout) -> list[_Row]:
    rows = []
    for row in layout.rows:
        own = frozenset(_tokens(row.name)) - _FILLERS
        section = layout.sections[row.section_index]
        known = own.union(_tokens(row.label), _tokens(row.seat_label), _tokens(section.name))
        rows.append(_Row(row, own, known))
    return rows


@lru_cache(4096)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(fold(text)))
