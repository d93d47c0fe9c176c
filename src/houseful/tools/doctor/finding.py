"""One examined fact, and a fix."""

from typing import Literal

import msgspec

_CLOCK_GOOD_SECONDS = 1.0
_CLOCK_MOST_SECONDS = 30.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`state` "problem" means that something does not work. "warning" means that it will not work for long,
    or deviates from the recommendation.
    """

    name: str
    state: Literal["ok", "warning", "problem"]
    detail: str
    fix: str | None = None


def ok(name: str, detail: str, fix: str | None = None) -> Finding:
    """`fix` is a possible improvement."""
    return Finding(name=name, state="ok", detail=detail, fix=fix)


def warning(name: str, detail: str, fix: str) -> Finding:
    return Finding(name=name, state="warning", detail=detail, fix=fix)


def problem(name: str, detail: str, fix: str) -> Finding:
    return Finding(name=name, state="problem", detail=detail, fix=fix)


def clock_of(whose: str, ahead_seconds: float) -> Finding:
    """The skew of a clock. One machine writes deadlines of holds and orders, other machines read them."""
    name = f"clock of {whose}"
    apart = abs(ahead_seconds)
    if apart <= _CLOCK_GOOD_SECONDS:
        return ok(name, "the same as this machine's")
    said = problem if apart > _CLOCK_MOST_SECONDS else warning
    direction = "ahead of" if ahead_seconds > 0 else "behind"
    return said(
        name,
        f"{apart:.1f} s {direction} this machine's",
        "Let NTP keep the clocks of all machines right: holds and orders end by them.",
    )
