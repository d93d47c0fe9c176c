"""The result as a page that one shows to a board: one file, from the JSON alone."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from houseful.kernel.errors import Malformed
from houseful.tools.rush import plots
from houseful.tools.rush.figures import Figures
from houseful.tools.rush.plots import Line

if TYPE_CHECKING:
    from jinja2 import Template

ORDER = (
    "join",
    "poll",
    "number",
    "pass",
    "look",
    "hold",
    "order",
    "pay",
    "confirmed",
    "status",
    "release",
    "cheat",
)
"""Steps as a buyer takes them."""
_PLOTTED = ("join", "poll", "hold", "order", "pay", "confirmed")


def write(figures: Figures, file: Path) -> tuple[Path, Path]:
    """The page and the JSON beside it: `file` with .html and with .json."""
    page, data = file.with_suffix(".html"), file.with_suffix(".json")
    page.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
    page.write_text(render(figures), "utf-8")
    return page, data


def read(file: Path) -> Figures:
    """Raises `Malformed` for a file that is no result of a rehearsal, and `OSError`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Figures)
    except msgspec.MsgspecError as error:
        raise Malformed("no_rehearsal", f"{file} is no result of a rehearsal: {error}") from error


def render(figures: Figures) -> str:
    return _template().render(
        figures=figures,
        broken=sum(not one.holds for one in figures.verdicts),
        tiles=_tiles(figures),
        sale=_sale(figures),
        steps=sorted(figures.steps.items(), key=lambda step: _place(step[0])),
        latencies=_latencies(figures),
        admissions=_admissions(figures),
        kinds=_kinds(figures),
        plan=_plan(figures),
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("houseful.tools.rush", "."), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["duration"] = plots.duration
    return environment.get_template("report.html")


def _tiles(figures: Figures) -> list[tuple[str, str]]:
    hold, confirmed = figures.steps.get("hold"), figures.steps.get("confirmed")
    tiles = [
        (f"{figures.buyers_per_minute:,.0f}", "buyers a minute"),
        (f"{figures.plan.people:,}", "people came"),
        (f"{figures.seats_sold:,}", f"of {figures.seats:,} seats sold"),
    ]
    if hold is not None:
        tiles.append((plots.duration(hold.percentiles[2]), "for 99 of 100 holds"))
    if confirmed is not None:
        tiles.append((plots.duration(confirmed.percentiles[2]), "from paid to confirmed, for 99 of 100"))
    tiles.append(
        (
            f"{figures.bots.share_of_seats:.1%}",
            f"of the seats to bots, {figures.bots.share_of_people:.1%} of all",
        )
    )
    return tiles


def _sale(figures: Figures) -> list[str]:
    pace, level = figures.per_second, figures.levels
    orders = Line("orders confirmed", pace.get("orders", []), 1, is_filled=True)
    let_in = Line("let in", pace.get("admitted", []), 2)
    came = Line("came", pace.get("arrived", []), 7)
    waiting = Line("in the line", level.get("waiting", []), 2, is_filled=True)
    shopping = Line("in the shop", level.get("shopping", []), 1)
    sold = Line("sold", level.get("sold", []), 3, is_filled=True)
    held = Line("held", level.get("held", []), 4)
    marks = figures.marks
    return [
        plots.lines("Buyers a second", [orders, let_in], marks=marks),
        plots.lines("People", [waiting, shopping], marks=marks),
        plots.lines("Seats", [sold, held], marks=marks),
        plots.lines("People who came, a second", [came], marks=marks),
    ]


def _latencies(figures: Figures) -> list[str]:
    found = []
    for name in _PLOTTED:
        step = figures.steps.get(name)
        if step is None:
            continue
        curves = [
            Line("p99", [(one.at, one.p99) for one in step.over_time], 4),
            Line("p95", [(one.at, one.p95) for one in step.over_time], 2),
            Line("p50", [(one.at, one.p50) for one in step.over_time], 1),
        ]
        found.append(plots.lines(name.capitalize(), curves, marks=figures.marks, seconds=True))
    return found


def _admissions(figures: Figures) -> str:
    if figures.fairness is None:
        return ""
    points = [(second, float(number)) for number, second in figures.fairness.admissions]
    return plots.dots("When each number was let in", points, x_name="second", y_name="number")


def _kinds(figures: Figures) -> str:
    rows = []
    for kind, ended in figures.outcomes.items():
        total = sum(ended.values()) or 1
        ranked = sorted(ended.items(), key=lambda one: (one[0] != "bought", one[0]))
        rows.append((kind, [(name, count / total) for name, count in ranked]))
    return plots.bars(sorted(rows))


def _plan(figures: Figures) -> Sequence[tuple[str, str]]:
    plan = figures.plan
    kinds = ", ".join(f"{name} {weight}" for name, weight in plan.kinds.items())
    return [
        ("people", f"{plan.people:,}: {kinds}"),
        ("seats", f"{figures.seats:,}"),
        ("line", "with a line" if plan.line else "without a line"),
        ("arrivals", f"{plan.curve}, in {plan.arrival_seconds:g} s; {plan.late_share:.0%} after the draw"),
        ("a hold is kept for", f"{plan.hold_seconds} s"),
        ("time to think, on average", f"{plan.think_seconds:g} s for each step"),
        ("polls of the line", "each person's" if plan.polls == "each" else "one for all, as behind a cache"),
        ("connections", f"at most {plan.connections:,}"),
        ("installation", ", ".join(plan.urls)),
        ("event", figures.event_id),
        ("seed", str(plan.seed)),
    ]


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
