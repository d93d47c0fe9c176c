"""When people come: offsets in seconds that do not depend on any answer (an open model)."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Literal

Curve = Literal["even", "spike", "crescendo"]

_STEEPNESS = 5.0
"""Of the exponential: half of all come in the first seventh."""


def _spike(share: float) -> float:
    return -math.log(1 - share * (1 - math.exp(-_STEEPNESS))) / _STEEPNESS


CURVES: Mapping[Curve, Callable[[float], float]] = {
    "even": lambda share: share,
    "spike": _spike,
    "crescendo": lambda share: 1 - _spike(1 - share),
}
"""By which part of the time this share of all has come."""


def arrivals(curve: Curve, people: int, seconds: float, seed: int) -> list[float]:
    """When each of `people` comes, the first first. The same seed gives the same moments."""
    chance = random.Random(seed)  # noqa: S311
    at = CURVES[curve]
    return [at((index + chance.random()) / people) * seconds for index in range(people)]
