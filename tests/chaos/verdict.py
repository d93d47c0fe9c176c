"""What came of breaking the engines: how each fault showed, and what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUSINESS = ("holds", "confirmations")

_HEAD = """\
| fault | lasted | longest without a hold / a purchase | as usual again after the fault / the mending \
| nothing waits in an outbox after the mending | put off / no answer / connection refused |
|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Shown:
    """How one fault showed, in seconds and in requests. None is never."""

    name: str
    lasted: float
    longest_without: Mapping[str, float]
    usual_after_fault: float | None
    usual_after_mending: float | None
    drained_after_mending: float | None
    trouble: Sequence[int]

    def row(self) -> str:
        gaps = " / ".join(_seconds(self.longest_without[what]) for what in BUSINESS)
        usual = f"{_seconds(self.usual_after_fault)} / {_seconds(self.usual_after_mending)}"
        cells = [self.name, _seconds(self.lasted), gaps, usual, _seconds(self.drained_after_mending)]
        return f"| {' | '.join(cells)} | {' / '.join(map(str, self.trouble))} |"


@dataclass(frozen=True)
class Verdict:
    seed: int
    seconds: float
    shown: Sequence[Shown]
    counts: Mapping[str, int]
    faults: Sequence[str]

    @property
    def sound(self) -> bool:
        return not self.faults

    def table(self) -> str:
        return "\n".join([_HEAD, *(one.row() for one in self.shown)])

    def summary(self) -> str:
        done = ", ".join(f"{self.counts.get(what, 0):,} {what}" for what in _TOLD)
        end = "sound" if self.sound else f"NOT SOUND, {len(self.faults)} faults"
        return f"chaos: seed {self.seed}, {len(self.shown)} faults in {self.seconds:.0f} s, {done}: {end}"


_TOLD = ("holds", "orders", "payments", "cancellations", "admissions", "refreshed sessions")


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
