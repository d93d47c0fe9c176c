"""What of a correct plan its author should know: seats and zones that buyers can't tell apart by name, and
counts that do not agree. None of it keeps a plan from being used."""

from collections.abc import Iterator

import msgspec

from houseful.seating.errors import Faults, Path, shown
from houseful.seating.format import Plan, Row, Zone, filled
from houseful.seating.labels import place, row_words, seat_words

MAX_WARNINGS = 100
_MOST_NAMED = 10

_Warning = tuple[Path, str, Path | None]  # where, what, and the other place that the text's {} stands for
_Labels = dict[tuple[str, str, str], Path]


def plan_warnings(plan: Plan) -> dict[str, str]:
    """By place, like a plan's errors; after 100 of them one more line says how many were left out."""
    found = [*_zones_of_one_name(plan), *_seats_of_one_label(plan), *_wrong_counts(plan)]
    if not found:
        return {}
    faults = Faults(msgspec.to_builtins(plan), MAX_WARNINGS)
    for path, what, other in found:
        faults.add(path, what if other is None else what.replace("{}", faults.words(other)))
    return faults.report()


def _zones_of_one_name(plan: Plan) -> Iterator[_Warning]:
    first: dict[str, int] = {}
    for i, zone in enumerate(plan.zones):
        if not any(row.seats for row in zone.rows):
            continue
        name = zone.name.strip()
        if first.setdefault(name, i) != i:
            named = f'named "{shown(name)}"' if name else "without a name"
            what = (
                f"there is another zone {named}; buyers can tell the two apart by their rows and seats only."
            )
            yield ("zones", i, "name"), what, None


def _seats_of_one_label(plan: Plan) -> Iterator[_Warning]:
    labels: _Labels = {}
    for i, zone in enumerate(plan.zones):
        for j, row in enumerate(zone.rows):
            path: Path = ("zones", i, "rows", j)
            found = _known_labels(zone, row, path, labels)
            if found:
                yield path, _told(found), labels[found[0]]


def _known_labels(zone: Zone, row: Row, path: Path, labels: _Labels) -> list[tuple[str, str, str]]:
    """Those of the row's labels that an earlier seat has; the others are known from now on."""
    known = []
    section = zone.name.strip()
    row_name = row_words(row.row_number.strip(), filled(row.row_label, row.row_number))
    for k, seat in enumerate(row.seats):
        label = filled(seat.seat_label or row.seat_label, seat.seat_number)
        key = section, row_name, seat_words(seat.seat_number.strip(), label)
        if key in labels:
            known.append(key)
        else:
            labels[key] = (*path, "seats", k)
    return known


def _told(known: list[tuple[str, str, str]]) -> str:
    names = ", ".join(f'"{shown(place(*key)) or "(no label)"}"' for key in known[:_MOST_NAMED])
    more = f" and {len(known) - _MOST_NAMED:,} more" if len(known) > _MOST_NAMED else ""
    return (
        f"buyers can't tell these seats from others by their labels: {names}{more}. The first is also {{}}."
    )


def _wrong_counts(plan: Plan) -> Iterator[_Warning]:
    for i, zone in enumerate(plan.zones):
        for j, row in enumerate(zone.rows):
            claimed, count = row.number_of_seats, len(row.seats)
            if claimed is not None and claimed != count:
                what = f"says {claimed:,}, but the row has {count:,} seats; the seats that are there count."
                yield ("zones", i, "rows", j, "number_of_seats"), what, None
