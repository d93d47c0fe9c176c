"""The clock skew of another machine, bounded by the times of a request and its response."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def timed(question: Callable[[], Awaitable[T]]) -> tuple[T, float, float]:
    """The response, and the times before and after the request, in seconds of this machine's clock."""
    before = time.time()
    answer = await question()
    return answer, before, time.time()


def ahead_seconds(shown: float, before: float, after: float, *, within: float = 0.0) -> float:
    """The least skew of a clock, negative where it is behind; 0 where it may be right.

    The clock showed `shown` at some moment from `before` to `after` on ours, with a resolution of `within`.
    """
    if shown > after:
        return shown - after
    return min(0.0, shown + within - before)
