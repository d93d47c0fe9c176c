"""`houseful rush`: rehearse an on-sale."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from houseful.cli.shared import FOUND, UNUSABLE, AsJson, Data, console, fail, print_json, run, settings_of
from houseful.settings import Settings

if TYPE_CHECKING:
    from houseful.tools.rush.figures import Figures
    from houseful.tools.rush.plan import Plan

app = typer.Typer(help="Rehearse an on-sale: a crowd that does not wait for answers.", no_args_is_help=True)

People = Annotated[int, typer.Option(help="How many people come.")]


@app.command("prepare")
def prepare(
    people: People = 1_000,
    data: Data = None,
) -> None:
    """Make the accounts of a rehearsal in an installation whose settings and keys are at hand. Nobody can
    sign in to them; `houseful rush run` signs their tokens. The server may be running or not."""
    from houseful.tools.rush import accounts

    if people < 1:
        fail(UNUSABLE, f"--people: is {people}; it has to be 1 at least")
    made = run(accounts.prepare(settings_of(data), people))
    console().print(f"{people:,} people are ready, {made:,} of them new.", markup=False)


@app.command("run")
def run_rehearsal(
    url: Annotated[
        str, typer.Option(help="Where the installation answers; several gateways with commas between.")
    ] = "http://127.0.0.1:8000",
    people: People = 1_000,
    seats: Annotated[int, typer.Option(help="Seats of the event that is made for it.")] = 1_000,
    line: Annotated[bool, typer.Option("--line/--no-line", help="With a lobby, a draw and a line.")] = True,
    event: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="An event that is there already, without orders of real buyers.", metavar="ID"),
    ] = None,
    curve: Annotated[
        Literal["even", "spike", "crescendo"], typer.Option(help="How people come.", show_choices=True)
    ] = "spike",
    arrival_seconds: Annotated[float, typer.Option(help="How long people keep coming.")] = 60.0,
    late: Annotated[float, typer.Option(help="The share that comes after the draw.")] = 0.05,
    kinds: Annotated[
        str, typer.Option(help="Weights of kinds, such as best=40,bots=5.", metavar="KIND=WEIGHT,…")
    ] = "",
    think_seconds: Annotated[float, typer.Option(help="What a step in the shop takes, on average.")] = 1.0,
    hold_seconds: Annotated[int, typer.Option(help="For how long a seat is held.")] = 120,
    polls: Annotated[
        Literal["each", "shared"],
        typer.Option(help="Each person's poll of the line, or one for all, as behind a cache."),
    ] = "each",
    connections: Annotated[int, typer.Option(help="At most so many at once.")] = 500,
    most_seconds: Annotated[float, typer.Option(help="The end, so long after the on-sale.")] = 1_800.0,
    patience_seconds: Annotated[
        float, typer.Option(help="How long the last orders and the figures may take in the end.")
    ] = 120.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same crowd.")] = 1,
    remote: Annotated[
        bool, typer.Option("--remote", help="Load an installation that is not on this machine.")
    ] = False,
    record: Annotated[
        bool, typer.Option(help="Let the installation's lines start from what was measured.")
    ] = True,
    report: Annotated[
        Path, typer.Option(help="Where the page (.html) and the figures (.json) go.", metavar="FILE")
    ] = Path("rush"),
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse an on-sale on an installation whose settings and keys are at hand. Exit code 1 where something
    that must hold did not. Put HOUSEFUL_RATE_LIMITS=off into the server's environment, and its mail into a
    folder, before."""
    from houseful.kernel.errors import Invalid
    from houseful.tools.rush import admission_rate
    from houseful.tools.rush.plan import USUAL_KINDS, Plan, check, kinds_of

    settings = settings_of(data)
    try:
        plan = Plan(
            urls=[one.strip().rstrip("/") for one in url.split(",")],
            people=people, seats=seats, line=line, event_id=event, curve=curve,
            arrival_seconds=arrival_seconds, late_share=late,
            kinds=kinds_of(kinds) if kinds else dict(USUAL_KINDS), think_seconds=think_seconds,
            hold_seconds=hold_seconds, polls=polls, connections=connections, most_seconds=most_seconds,
            patience_seconds=patience_seconds,
            seed=seed,
        )  # fmt: skip
        check(plan, remote=remote)
        figures = run(_rehearse(plan, settings, quiet=as_json))
    except Invalid as error:
        fields = "".join(f"\n  {option}: {what}" for option, what in error.errors.items())
        fail(UNUSABLE, error.detail + fields)
    recorded = record and run(admission_rate.record(settings, figures))
    _tell(figures, report, recorded=recorded, as_json=as_json)


@app.command("report")
def write_report(
    file: Annotated[Path, typer.Argument(help="The figures of a rehearsal (.json).")],
) -> None:
    """Make the page of a rehearsal again, from its figures."""
    from houseful.tools.rush import report as pages

    page, _ = pages.write(pages.read(file), file)
    console().print(f"The page is {page}.", markup=False)


async def _rehearse(plan: "Plan", settings: Settings, *, quiet: bool) -> "Figures":
    from houseful.kernel.clock import SystemClock
    from houseful.tools.rush import live
    from houseful.tools.rush.figures import figures
    from houseful.tools.rush.rehearsal import Rehearsal, opened_target
    from houseful.tools.rush.verdict import verdicts

    clock = SystemClock()
    out = console(stderr=quiet)
    async with opened_target(plan, settings, clock) as target:
        with live.shown(out) as show:
            seen = await Rehearsal(target, plan, show=show).run()
        out.print("Looking at what must hold …", markup=False)
        return figures(seen, await verdicts(target, seen, settings), clock.now())


def _tell(figures: "Figures", report: Path, *, recorded: bool, as_json: bool) -> None:
    from houseful.tools.rush import report as pages

    page, _ = pages.write(figures, report)
    if as_json:
        print_json(figures)
    else:
        out = console()
        out.print(figures.sentence, style="bold", markup=False)
        for one in figures.verdicts:
            if not one.holds:
                out.print(f"It does not hold that {one.claim}:", *one.details, sep="\n  ", markup=False)
        if recorded:
            rate = f"{figures.visitors_per_second:,.1f}"
            out.print(f"Lines that open from now on begin by calling {rate} people a second.", markup=False)
        out.print(f"The page is {page}.", markup=False)
    if not figures.holds:
        raise typer.Exit(FOUND)
