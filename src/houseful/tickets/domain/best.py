"""Best available: which free seats to offer to somebody who asks for a number of them and not for any in
particular.

Together first: a run of free neighbours in one row, where an aisle (a gap of more than 1.6 times the row's
usual spacing) parts neighbours. Of these, first those that leave no single seat alone, then the nearest to
the focal point. Only where there is no such run is a party split: into as few groups as possible, in rows as
close as possible.

Cost: an index of the hall is made once per layout (0.05 s for 60,000 seats). A search visits rows from the
nearest to the farthest and stops when none can be nearer. That takes a tenth of a millisecond in an empty
hall and two in a stadium that is half sold, so who asks again and again keeps `Offers`. To split a party all
rows are looked at: up to 5 ms for a category of 15,000, up to 20 ms for all of 60,000 seats.
"""

import math
import re
from array import array
from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

from msgspec.structs import replace

from houseful.tickets.domain.layout import Layout, RowSpec

AISLE = 1.6  # times the row's usual spacing

_FREE_RUN = re.compile(rb"\0+")


class Segment(NamedTuple):
    """Seats in question of one stretch of neighbours. Sorts by the distance of the nearest of them."""

    nearest: int
    first: int  # ordinal of the stretch's first seat
    seats: int  # in the stretch
    low: int  # the part of the stretch that is asked for: low <= i < high
    high: int
    row: int
    section: int


class Candidate(NamedTuple):
    """Free neighbours, as many as are asked for; the least of them is the best. `alone` single seats would be
    left; `distance` is the sum of theirs."""

    alone: int
    distance: int
    first: int  # ordinal


class _Run(NamedTuple):
    """Consecutive free neighbours: `length` of them from the ordinal `first`, in `segment`."""

    length: int
    first: int
    segment: Segment


class Index:
    """What a search needs of a hall. Distances are whole thousandths of a unit, so that seats that mirror
    each other are exactly as far; `sums[i]` is the sum of the distances of the seats before i."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        fx, fy = layout.focal
        points = zip(layout.x, layout.y, strict=True)
        self.distance: array[int] = array("q", [round(math.hypot(x - fx, y - fy) * 1000) for x, y in points])
        self.sums: array[int] = array("q", accumulate(self.distance, initial=0))
        self.stretches = [
            (first, count, row) for row in _lines(layout) for first, count in _stretches(layout, row)
        ]
        self.stretch_of: array[int] = array("i", [-1]) * layout.seats_total
        """The first ordinal of the stretch in which a seat is; -1 for a place to stand."""
        for first, count, _ in self.stretches:
            self.stretch_of[first : first + count] = array("i", [first]) * count
        self._segments: dict[tuple[int | None, int | None], list[Segment]] = {}

    def mean(self, first: int, count: int) -> float:
        return (self.sums[first + count] - self.sums[first]) / count

    def segments(self, category: int | None, section: int | None) -> list[Segment]:
        """The stretches, or parts of them, with seats of the category and section; nearest first."""
        key = category, section
        if key not in self._segments:
            found = []
            for first, count, row in self.stretches:
                if section is not None and row.section_index != section:
                    continue
                for low, high in self._parts(first, count, category):
                    nearest = min(self.distance[first + low : first + high])
                    found.append(Segment(nearest, first, count, low, high, row.index, row.section_index))
            self._segments[key] = sorted(found)
        return self._segments[key]

    def _parts(self, first: int, count: int, category: int | None) -> list[tuple[int, int]]:
        if category is None:
            return [(0, count)]
        mine = bytes(c == category for c in self.layout.category_index[first : first + count])
        return [match.span() for match in re.finditer(rb"\x01+", mine)]


def best_seats(
    layout: Layout,
    statuses: bytes | bytearray,
    quantity: int,
    *,
    category: int | None = None,
    section: int | None = None,
) -> list[int] | None:
    """The ordinals of the best `quantity` free seats, ascending; None if there are not that many.

    `statuses` has one byte a seat, 0 for free. `category` and `section` are indexes and narrow the choice. In
    a standing area it is the lowest free places; where both kinds are asked for, seats come first and places
    only if the seats do not suffice. Deterministic.
    """
    if quantity < 1 or len(statuses) != layout.seats_total:
        raise ValueError("best_seats needs a quantity of at least 1, and a status for every seat")
    index = index_of(layout)
    segments = index.segments(category, section)
    together = _together(index, segments, statuses, quantity)
    if together is not None:
        return list(range(together.first, together.first + quantity))
    runs = _free_runs(segments, statuses)
    chosen = _split_in_section(index, runs, statuses, quantity) or _split_anywhere(
        index, runs, statuses, quantity
    )
    missing = quantity - len(chosen)
    if not missing:
        return sorted(chosen)
    areas = _free_places(index.layout, statuses, quantity, category, section)
    whole = next((places for places in areas if len(places) == quantity), None)
    if whole is not None:
        return whole
    places = [place for area in areas for place in area]
    return sorted(chosen + places[:missing]) if len(places) >= missing else None


def index_of(layout: Layout) -> Index:
    index: Index = layout.cached("best", Index)
    return index


def _together(
    index: Index, segments: Sequence[Segment], statuses: bytes | bytearray, quantity: int
) -> Candidate | None:
    best: Candidate | None = None
    for segment in segments:
        if best is not None and not may_beat(segment, best, quantity):
            break  # nor does any after it
        window = best_window(index, segment, statuses, quantity)
        if window is not None and (best is None or window < best):
            best = window
    return best


def may_beat(segment: Segment, best: Candidate, quantity: int) -> bool:
    """Whether the segment, or one as far, can have a better window."""
    return best.alone > 0 or segment.nearest * quantity <= best.distance


def best_window(
    index: Index, segment: Segment, statuses: bytes | bytearray, quantity: int
) -> Candidate | None:
    """Of those in one segment."""
    wanted, sums = bytes(quantity), index.sums
    best: Candidate | None = None
    seats = statuses[segment.first : segment.first + segment.seats]
    at = seats.find(wanted, segment.low, segment.high)
    while at >= 0:
        first = segment.first + at
        alone = _left_alone(seats, at, at + quantity)
        if best is None or alone <= best.alone:
            window = Candidate(alone, sums[first + quantity] - sums[first], first)
            if best is None or window < best:
                best = window
        at = seats.find(wanted, at + 1, segment.high)
    return best


def _left_alone(seats: bytes | bytearray, start: int, end: int) -> int:
    """How many single free seats remain between the window and what is taken, an aisle or the row's end."""
    left = start > 0 and not seats[start - 1] and (start == 1 or bool(seats[start - 2]))
    last = len(seats)
    right = end < last and not seats[end] and (end + 1 == last or bool(seats[end + 1]))
    return left + right


def _free_runs(segments: Sequence[Segment], statuses: bytes | bytearray) -> dict[int, list[_Run]]:
    """By section."""
    runs: dict[int, list[_Run]] = {}
    for segment in segments:
        part = statuses[segment.first + segment.low : segment.first + segment.high]
        for match in _FREE_RUN.finditer(part):
            run = _Run(match.end() - match.start(), segment.first + segment.low + match.start(), segment)
            runs.setdefault(segment.section, []).append(run)
    return runs


def _split_in_section(
    index: Index, runs: dict[int, list[_Run]], statuses: bytes | bytearray, quantity: int
) -> list[int]:
    """The fewest groups within one section, in rows as close together as possible, then the nearest; [] if no
    section has enough free seats."""
    groups: dict[int, int] = {}
    for section, found in runs.items():
        longest = accumulate(sorted((run.length for run in found), reverse=True))
        needed = next((n for n, total in enumerate(longest, 1) if total >= quantity), None)
        if needed is not None:
            groups[section] = needed
    if not groups:
        return []
    fewest = min(groups.values())
    best: tuple[int, float, int] | None = None  # rows between, distance, first row
    best_runs: list[_Run] = []
    for section in (section for section, needed in groups.items() if needed == fewest):
        by_row: dict[int, list[_Run]] = {}
        for run in runs[section]:
            by_row.setdefault(run.segment.row, []).append(run)
        rows = sorted(by_row)
        for i, row in enumerate(rows):
            lengths: list[int] = []
            window: list[_Run] = []
            for other in rows[i:]:
                if best is not None and other - row > best[0]:
                    break
                window += by_row[other]
                for run in by_row[other]:
                    insort(lengths, run.length)
                if sum(lengths[-fewest:]) < quantity:
                    continue
                nearest = [(-run.length, index.mean(run.first, run.length), run) for run in window]
                chosen = [run for _, _, run in sorted(nearest)[:fewest]]
                distance = sum(index.mean(run.first, run.length) for run in chosen) / fewest
                if best is None or (other - row, distance, row) < best:
                    best, best_runs = (other - row, distance, row), chosen
                break
    return _seats_of(index, best_runs, statuses, quantity)


def _split_anywhere(
    index: Index, runs: dict[int, list[_Run]], statuses: bytes | bytearray, quantity: int
) -> list[int]:
    """Across sections, or all that is free if it is not enough: most from the section with the most free
    seats, the rest from those next to it."""
    if not runs:
        return []
    free = {section: sum(run.length for run in found) for section, found in runs.items()}
    start = min(free, key=lambda section: (-free[section], section))
    x, y = _centre(index.layout, start)

    def how_far(section: int) -> tuple[float, int]:
        other_x, other_y = _centre(index.layout, section)
        return math.hypot(other_x - x, other_y - y), section

    chosen: list[_Run] = []
    total = 0
    for section in sorted(runs, key=how_far):
        for run in sorted(runs[section], key=lambda run: (-run.length, run.first)):
            if total < quantity:
                chosen.append(run)
                total += run.length
    return _seats_of(index, chosen, statuses, min(quantity, total))


def _seats_of(index: Index, runs: Sequence[_Run], statuses: bytes | bytearray, quantity: int) -> list[int]:
    """`quantity` seats from runs that have them; nobody sits alone if somebody else can move over."""
    takes: list[int] = []
    missing = quantity
    for run in runs:
        takes.append(min(run.length, missing))
        missing -= takes[-1]
    if takes and takes[-1] == 1 and runs[len(takes) - 1].length > 1 and max(takes) > 2:
        takes[takes.index(max(takes))] -= 1
        takes[-1] = 2
    seats: list[int] = []
    for run, take in zip(runs, takes, strict=True):
        low = run.first - run.segment.first
        only_here = run.segment._replace(low=low, high=low + run.length)
        window = best_window(index, only_here, statuses, take)
        assert window is not None
        seats += range(window.first, window.first + take)
    return seats


def _free_places(
    layout: Layout, statuses: bytes | bytearray, quantity: int, category: int | None, section: int | None
) -> list[list[int]]:
    """The lowest free places of each standing area in question, at most `quantity` of each."""
    areas = []
    for area in layout.sections:
        if area.kind == "seats" or section not in (None, area.index) or category not in (None, area.category):
            continue
        places: list[int] = []
        end = area.first + area.count
        at = statuses.find(0, area.first, end)
        while at >= 0 and len(places) < quantity:
            places.append(at)
            at = statuses.find(0, at + 1, end)
        areas.append(places)
    return areas


def _lines(layout: Layout) -> Iterator[RowSpec]:
    """The rows of seats. Neighbouring rows of one name in a section are one line of people: whether an aisle
    parts them, the seats' places tell."""
    line: RowSpec | None = None
    for row in layout.rows:
        if layout.sections[row.section_index].kind == "standing" or row.first_ordinal in layout.removed:
            continue
        if line is not None and _is_one_line(line, row):
            line = replace(line, count=line.count + row.count)
            continue
        if line is not None:
            yield line
        line = row
    if line is not None:
        yield line


def _is_one_line(one: RowSpec, next_one: RowSpec) -> bool:
    name, other = (
        (one.section_index, one.name, one.label),
        (next_one.section_index, next_one.name, next_one.label),
    )
    follows = one.first_ordinal + one.count == next_one.first_ordinal
    return name == other and follows and bool(one.name or one.label)


def _stretches(layout: Layout, row: RowSpec) -> list[tuple[int, int]]:
    """(first ordinal, count) of the row's parts between aisles."""
    points = [layout.position_of(row.first_ordinal + i) for i in range(row.count)]
    gaps = [math.dist(a, b) for a, b in pairwise(points)]
    usual = median(gaps) if len(gaps) >= 3 else layout.cached("spacing", _usual_spacing)
    cuts = [0, *(i + 1 for i, gap in enumerate(gaps) if gap > AISLE * usual), row.count]
    return [(row.first_ordinal + start, end - start) for start, end in pairwise(cuts)]


def _usual_spacing(layout: Layout) -> float:
    """The hall's median distance of neighbours, for rows that are too short to have a usual one."""
    gaps = [
        math.dist(layout.position_of(i), layout.position_of(i + 1))
        for row in layout.rows
        if row.count > 1 and layout.sections[row.section_index].kind == "seats"
        for i in range(row.first_ordinal, row.first_ordinal + min(row.count - 1, 5))
    ]
    return median(gaps) if gaps else math.inf


def _centre(layout: Layout, section: int) -> tuple[float, float]:
    outline = layout.sections[section].outline
    return sum(x for x, _ in outline) / len(outline), sum(y for _, y in outline) / len(outline)
