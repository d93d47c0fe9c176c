"""How a fault shows in the moments at which something was acknowledged. Pure functions of those moments."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

WINDOW_SECONDS = 3.0
"""Business is as usual when for so long it goes at half the usual rate or better."""


def rate(moments: Sequence[float], since: float, until: float) -> float:
    """How many a second."""
    return (bisect_left(moments, until) - bisect_left(moments, since)) / (until - since)


def longest_gap(moments: Sequence[float], since: float, until: float) -> float:
    """The longest time without one."""
    inside = moments[bisect_left(moments, since) : bisect_left(moments, until)]
    return max(after - before for before, after in pairwise([since, *inside, until]))


def as_usual_at(moments: Sequence[float], since: float, now: float, usual: float) -> float | None:
    """The first moment from which on business was as usual; None while it is not."""
    needed = usual * WINDOW_SECONDS / 2
    for moment in moments[bisect_left(moments, since) :]:
        if moment + WINDOW_SECONDS > now:
            return None
        if rate(moments, moment, moment + WINDOW_SECONDS) * WINDOW_SECONDS >= needed:
            return moment
    return None
