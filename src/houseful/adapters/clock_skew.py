"""How far the clock of another machine is from this one's, as far as one can tell by asking for the time."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def timed(question: Callable[[], Awaitable[T]]) -> tuple[T, float, float]:
    """The answer, and when the question was asked and answered, in seconds of this machine's clock."""
    before = time.time()
    answer = await question()
    return answer, before, time.time()


def ahead_seconds(shown: float, before: float, after: float, *, within: float = 0.0) -> float:
    """By how much a clock is ahead of ours, at least, negative where it is behind; 0 where it may be right.

    It showed `shown` at some moment from `before` to `after` on ours, and may have been that much further.
    """
    if shown > after:
        return shown - after
    return min(0.0, shown + within - before)
