"""What the processes of a shop count of an event, so that the counts of many can be added."""

from collections.abc import Mapping

import msgspec

HOLD_BOUNDS = (
    0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.75, 1.0,
    1.5, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds: a hold counts in the first bucket whose bound it does not exceed; the last bucket has none. Counts
are stored: other bounds need another field."""


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was counted of an event: holds by how long they took, granted or not; holds that were refused, by
    the code of the refusal; payments that failed, by the card processor's reason."""

    holds: tuple[int, ...] = (0,) * (len(HOLD_BOUNDS) + 1)
    refused: Mapping[str, int] = {}
    declined: Mapping[str, int] = {}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A process's count since it began, which only grows: what a lost signal would have told the next one
    tells too. `of` names the counting; a process that begins anew has another one."""

    of: str
    tally: Tally
