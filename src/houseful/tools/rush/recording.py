"""What was measured: each step's moments and latencies, refusals, and what happened in each second."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence

SHARES = (0.5, 0.9, 0.99, 0.999)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of all does not exceed (nearest rank). `ordered` is ascending."""
    if not ordered:
        raise ValueError("nothing was measured")
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[min(int(rank), len(ordered)) - 1]


class Step:
    """A kind of request: when each was to start, in seconds of the rehearsal, and what it took from then."""

    def __init__(self) -> None:
        self.started = array("d")
        self.seconds = array("f")


class Recording:
    """`zero` is the beginning, on the clock that `moment` is read from."""

    def __init__(self, zero: float) -> None:
        self.zero = zero
        self.steps: dict[str, Step] = defaultdict(Step)
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[tuple[str, str]] = Counter()
        self.counts: dict[str, Counter[int]] = defaultdict(Counter)
        """What happened how often, by second."""
        self.levels: list[tuple[float, dict[str, float]]] = []
        """What was so at a moment: how many wait, shop, hold."""
        self.marks: list[tuple[float, str]] = []

    def took(self, step: str, scheduled: float, ended: float) -> None:
        """From the scheduled start, and not from when there was time to begin: who waits for us waits."""
        series = self.steps[step]
        series.started.append(scheduled - self.zero)
        series.seconds.append(max(0.0, ended - scheduled))

    def refused(self, step: str, reason: str) -> None:
        self.refusals[step, reason] += 1

    def retried(self, step: str, reason: str) -> None:
        self.retries[step, reason] += 1

    def happened(self, what: str, at: float, times: int = 1) -> None:
        self.counts[what][int(at - self.zero)] += times

    def mark(self, at: float, what: str) -> None:
        self.marks.append((at - self.zero, what))

    def level(self, at: float, **values: float) -> None:
        self.levels.append((at - self.zero, values))

    def total(self, what: str) -> int:
        return sum(self.counts[what].values()) if what in self.counts else 0
