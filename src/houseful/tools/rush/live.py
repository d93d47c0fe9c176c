"""What the terminal shows meanwhile: a table that is renewed, or plain lines where there is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from houseful.tools.rush.plots import duration
from houseful.tools.rush.recording import percentile
from houseful.tools.rush.rehearsal import Rehearsal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PLAIN_EACH_SECONDS = 5.0
_LATEST = 2_000
_SHOWN = ("join", "poll", "pass", "hold", "order", "pay", "confirmed")


@contextmanager
def shown(console: "Console") -> Iterator[Callable[[Rehearsal], None]]:
    """What to call each second."""
    if not console.is_terminal:
        yield _Plain(console)
        return
    from rich.live import Live

    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield lambda rehearsal: live.update(_table(rehearsal), refresh=True)


class _Plain:
    def __init__(self, console: "Console") -> None:
        self._console = console
        self._said_at = float("-inf")

    def __call__(self, rehearsal: Rehearsal) -> None:
        now = rehearsal.recording.levels[-1][0]
        if now - self._said_at >= _PLAIN_EACH_SECONDS:
            self._said_at = now
            self._console.print(sentence_of(rehearsal), markup=False)


def sentence_of(rehearsal: Rehearsal) -> str:
    recording = rehearsal.recording
    seconds = recording.levels[-1][0]
    parts = [f"{seconds:6.0f} s", rehearsal.phase, f"{recording.total('arrived'):,} came"]
    if rehearsal.lobby is not None:
        line = rehearsal.lobby.now
        parts.append(f"line {line.phase}, {rehearsal.lobby.waiting:,} wait, {line.admitted_up_to:,} called")
    parts += [
        f"{rehearsal.shopping:,} in the shop",
        f"{recording.total('orders'):,} orders",
        f"{rehearsal.sold:,} seats sold, {rehearsal.held:,} held",
    ]
    hold = latest(rehearsal, "hold")
    if hold:
        parts.append(f"hold p50 {duration(percentile(hold, 0.5))} p99 {duration(percentile(hold, 0.99))}")
    return " · ".join(parts)


def latest(rehearsal: Rehearsal, step: str) -> list[float]:
    """The latest latencies of a step, ascending."""
    if step not in rehearsal.recording.steps:
        return []
    return sorted(rehearsal.recording.steps[step].seconds[-_LATEST:])


def _table(rehearsal: Rehearsal) -> "Table":
    from rich.table import Table

    table = Table(title=sentence_of(rehearsal), title_justify="left", box=None, pad_edge=False)
    table.add_column("step")
    for name in ("times", "p50", "p90", "p99"):
        table.add_column(name, justify="right")
    for step in _SHOWN:
        ordered = latest(rehearsal, step)
        if ordered:
            times = f"{len(rehearsal.recording.steps[step].seconds):,}"
            table.add_row(step, times, *(duration(percentile(ordered, share)) for share in (0.5, 0.9, 0.99)))
    for (step, reason), count in rehearsal.recording.refusals.most_common(5):
        table.add_row(f"{step}: {reason.replace('_', ' ')}", f"{count:,}", style="dim")
    return table
