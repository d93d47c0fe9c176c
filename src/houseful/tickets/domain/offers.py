"""The best seats for many who ask at the same time: what was offered to one is not offered to another.

For each kind of question (how many, of which category and section) the best window of every stretch of
neighbours is kept in a heap, for as many stretches, from the nearest on, as can matter. A stretch in which
something changed is looked at again at the next question. So an answer takes some ten microseconds, however
full the hall is.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from houseful.tickets.domain.best import (
    Candidate,
    Index,
    Segment,
    best_seats,
    best_window,
    index_of,
    may_beat,
)
from houseful.tickets.domain.layout import Layout

_MOST_RANKINGS = 64
_MOST_CHANGES = 50_000

Question = tuple[int, int | None, int | None]


class Offers:
    """`statuses` has one byte a seat, 0 for free. It is not copied: its owner calls `changed` after every
    change.
    """

    def __init__(self, layout: Layout, statuses: bytearray) -> None:
        self.open: set[int] = set()
        """The ordinals of the seats that are offered, or withheld."""
        self._layout = layout
        self._statuses = statuses
        self._index = index_of(layout)
        self._taken = bytearray(statuses)
        self._rankings: dict[Question, _CandidateRanking] = {}
        self._changes: list[int] = []

    def offer(
        self, quantity: int, *, category: int | None = None, section: int | None = None
    ) -> list[int] | None:
        """What `best_seats` chooses of the seats that are neither taken nor offered; they are offered until
        `close`.
        """
        window = self._ranking(quantity, category, section).best(self._taken, self._changes)
        chosen = (
            list(range(window.first, window.first + quantity))
            if window is not None
            else best_seats(self._layout, self._taken, quantity, category=category, section=section)
        )
        if chosen is not None:
            self.withhold(chosen)
        return chosen

    def withhold(self, ordinals: Iterable[int]) -> None:
        """Offer none of these until `close`."""
        for ordinal in ordinals:
            self.open.add(ordinal)
            self._set(ordinal, 1)

    def count(self, *, category: int | None = None, section: int | None = None) -> int:
        """How many seats of this kind are open."""
        return sum(
            category in (None, self._layout.category_of(ordinal))
            and section in (None, self._layout.section_of(ordinal).index)
            for ordinal in self.open
        )

    def close(self, ordinals: Iterable[int]) -> None:
        """From now on their statuses count again."""
        for ordinal in ordinals:
            self.open.discard(ordinal)
            self._set(ordinal, self._statuses[ordinal])

    def changed(self, ordinal: int) -> None:
        if ordinal not in self.open:
            self._set(ordinal, self._statuses[ordinal])

    def _set(self, ordinal: int, status: int) -> None:
        self._taken[ordinal] = status
        if len(self._changes) == _MOST_CHANGES:
            self._forget()
        self._changes.append(self._index.stretch_of[ordinal])

    def _ranking(self, *question: *Question) -> "_CandidateRanking":
        ranking = self._rankings.get(question)
        if ranking is None:
            if len(self._rankings) == _MOST_RANKINGS:
                self._forget()
            quantity, category, section = question
            segments = self._index.segments(category, section)
            ranking = _CandidateRanking(self._index, segments, quantity, len(self._changes))
            self._rankings[question] = ranking
        return ranking

    def _forget(self) -> None:
        """It is all found out again when somebody asks."""
        self._rankings.clear()
        self._changes.clear()


class _CandidateRanking:
    """The windows that answer one question, of the first `looked` segments."""

    def __init__(self, index: Index, segments: Sequence[Segment], quantity: int, seen: int) -> None:
        self._index = index
        self._segments = [segment for segment in segments if segment.high - segment.low >= quantity]
        self._quantity = quantity
        self._in_stretch: dict[int, list[int]] = {}
        for number, segment in enumerate(self._segments):
            self._in_stretch.setdefault(segment.first, []).append(number)
        self._best: list[Candidate | None] = []
        """By segment. What the heap holds besides is out of date."""
        self._heap: list[tuple[Candidate, int]] = []
        self._seen = seen

    def best(self, taken: bytearray, changes: Sequence[int]) -> Candidate | None:
        """`changes` are the stretches in which seats changed, ever longer."""
        for stretch in set(changes[self._seen :]):
            for number in self._in_stretch.get(stretch, ()):
                if number < len(self._best):
                    self._look(number, taken)
        self._seen = len(changes)
        while True:
            top = self._top()
            looked = len(self._best)
            if looked == len(self._segments) or (
                top is not None and not may_beat(self._segments[looked], top, self._quantity)
            ):
                return top
            self._best.append(None)
            self._look(looked, taken)

    def _look(self, number: int, taken: bytearray) -> None:
        window = best_window(self._index, self._segments[number], taken, self._quantity)
        if window != self._best[number]:
            self._best[number] = window
            if window is not None:
                heappush(self._heap, (window, number))

    def _top(self) -> Candidate | None:
        heap = self._heap
        if len(heap) > 2 * len(self._segments) + 16:
            heap[:] = [(window, number) for number, window in enumerate(self._best) if window is not None]
            heapify(heap)
        while heap and self._best[heap[0][1]] != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None
