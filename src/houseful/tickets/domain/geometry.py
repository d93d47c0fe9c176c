"""The hall as the browser draws it; docs/seat-map.md describes every byte."""

import struct
import sys
from array import array
from collections.abc import Mapping

import msgspec

from houseful.tickets.domain.layout import Layout


def geometry(layout: Layout) -> bytes:
    """Immutable for a layout. Removed seats are in no run, and a section that has no others is left out."""
    left = [
        section
        for section in layout.sections
        if not layout.removed.issuperset(range(section.first, section.first + section.count))
    ]
    metadata = msgspec.json.encode(
        {
            "size": {"width": layout.width, "height": layout.height},
            "focal": {"x": layout.focal[0], "y": layout.focal[1]},
            "categories": layout.categories,
            "sections": [
                {
                    "id": section.id,
                    "name": section.name,
                    "kind": section.kind,
                    "first": section.first,
                    "count": section.count,
                    "category": section.category,
                    "outline": section.outline,
                }
                for section in left
            ],
            "runs": _runs(layout, {section.index: i for i, section in enumerate(left)}),
            "shapes": layout.shapes,
        }
    )
    metadata += b" " * (-len(metadata) % 4)
    header = struct.pack("<4sII", b"HFG1", layout.seats_total, len(metadata))
    return header + metadata + _deltas(layout.x) + _deltas(layout.y)


_Plain = tuple[int, str, int, int, int, int | str, int]
_Labelled = tuple[int, str, int, int, int, int | str, int, str, str]


def _runs(layout: Layout, section_of: Mapping[int, int]) -> list[_Plain | _Labelled]:
    """(section, row name, first ordinal, count, category, first number, step): every row cut where the
    category or the seats' label changes or the numbers stop going up or down by one or two; a number that is
    no plain integer stands alone. Where the plan has labels, the row's and the seats' follow."""
    runs: list[_Plain | _Labelled] = []
    value_of = {number: _integer(number) for number in set(layout.numbers)}
    values = [value_of[number] for number in layout.numbers]
    categories = layout.category_index
    own = layout.seat_labels
    for row in layout.rows:
        if row.first_ordinal in layout.removed:
            continue
        start, row_end = row.first_ordinal, row.first_ordinal + row.count
        while start < row_end:
            value, category, end, step = values[start], categories[start], start + 1, 0
            if value is not None:
                step = 1
                after = values[end] if end < row_end and categories[end] == category else None
                if after is not None and abs(after - value) <= 2:
                    step = after - value
                while (
                    end < row_end
                    and values[end] == value + step * (end - start)
                    and categories[end] == category
                    and (not own or own.get(end) == own.get(start))
                ):
                    end += 1
            name = layout.numbers[start] if value is None else value
            run = (section_of[row.section_index], row.name, start, end - start, category, name, step)
            seat_label = layout.label_pattern(start)
            runs.append((*run, row.label, seat_label) if row.label or seat_label else run)
            start = end
    return runs


def _integer(number: str) -> int | None:
    """The number if writing it again gives the same text; `007` and `12a` are names."""
    if len(number) > 9 or not number.isascii() or not number.isdigit():
        return None
    return int(number) if str(int(number)) == number else None


def _deltas(values: "array[int]") -> bytes:
    """Each value's difference to the one before, modulo 2^16."""
    changes = array("H", [(b - a) & 0xFFFF for a, b in zip([0, *values[:-1]], values, strict=True)])
    if sys.byteorder == "big":
        changes.byteswap()
    return changes.tobytes()
