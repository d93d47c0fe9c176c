"""Who comes: a kind each, and what somebody has so far. A person who waits is a few hundred bytes."""

import random
from collections.abc import Mapping

from houseful.tools.rush.plan import Kind

PARTY: Mapping[Kind, int] = {"families": 5}
"""How many seats a kind wants; two where it is not here."""
SILENT = frozenset[Kind]({"abandon", "bots"})
"""They close the page without giving their pass back."""


class Person:
    """`index` counts from 0, and names the account. `number` is the place in the line, once it is known;
    `entrant` how the line calls the account. `outcome` says how it ended for this person."""

    __slots__ = (
        "entrant",
        "in_lobby",
        "index",
        "kind",
        "line_pass",
        "number",
        "outcome",
        "pass_until",
        "passed_at",
        "seats",
        "token",
        "token_until",
    )  # fmt: skip

    def __init__(self, index: int, kind: Kind) -> None:
        self.index = index
        self.kind = kind
        self.number: int | None = None
        self.entrant = ""
        self.in_lobby = False
        self.line_pass: str | None = None
        self.pass_until = 0.0
        self.passed_at: float | None = None
        self.seats = 0
        self.outcome = "waiting"
        self.token = ""
        self.token_until = 0

    @property
    def party(self) -> int:
        return PARTY.get(self.kind, 2)


def crowd(kinds: Mapping[Kind, int], people: int, seed: int) -> list[Person]:
    """So many of each kind as its weight says, to the person, in an order of chance."""
    total = sum(kinds.values())
    chosen: list[Kind] = []
    done = 0
    for kind, weight in kinds.items():
        done += weight
        chosen += [kind] * (round(people * done / total) - len(chosen))
    random.Random(seed).shuffle(chosen)  # noqa: S311
    return [Person(index, kind) for index, kind in enumerate(chosen)]
