"""How many examples a test of properties is given: as many as it says in a run of everything, a quarter in a
run that leaves out what is long. None may be too slow: machines are.
"""

from typing import Any

from hypothesis import HealthCheck, settings

EVERY = 100
"""As many as Hypothesis gives where a test says nothing."""

settings.register_profile(
    "every", max_examples=EVERY, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fewer", settings.get_profile("every"), max_examples=EVERY // 4)


def choose(*, fewer: bool) -> None:
    """Before tests are imported."""
    settings.load_profile("fewer" if fewer else "every")


def examples(count: int, **others: Any) -> settings:
    """`count` in a run of everything."""
    return settings(max_examples=max(1, count * settings().max_examples // EVERY), **others)
