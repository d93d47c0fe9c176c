"""`houseful plan`: seating plans to play with, and a check of one's own."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from houseful.cli.shared import FOUND, UNUSABLE, AsJson, console, fail, print_json

app = typer.Typer(help="Make and check seating plans in pretix's format.", no_args_is_help=True)


class Kind(StrEnum):
    THEATRE = "theatre"
    ARENA = "arena"
    STADIUM = "stadium"


@app.command()
def generate(
    kind: Annotated[Kind, typer.Argument(help="What kind of house.")],
    seats: Annotated[int, typer.Option(help="How many places, standing ones included.", min=1)],
    output: Annotated[
        Path | None,
        typer.Option(help="Where the plan goes; without it, to standard output.", metavar="FILE"),
    ] = None,
) -> None:
    """Make a plan of a house that does not exist.

    FILE is pretix's seating-plan JSON and nothing else. Prices and standing areas, which that format has no
    place for, go beside it into FILE.houseful.json.
    """
    from houseful.tools.plan_files import generated

    try:
        plan, beside = generated(kind.value, seats)
    except ValueError as error:
        fail(UNUSABLE, str(error))
    if output is None:
        sys.stdout.buffer.write(plan)
        return
    sidecar = output.with_name(output.name + ".houseful.json")
    output.write_bytes(plan)
    sidecar.write_bytes(beside)
    out = console()
    out.print(f"{output}: {seats:,} places, the plan (pretix's format)", markup=False)
    out.print(
        f"{sidecar}: suggested prices in minor units, and the standing areas if there are any", markup=False
    )


@app.command()
def validate(
    file: Annotated[
        Path,
        typer.Argument(help="A seating plan; FILE.houseful.json beside it is checked too.", metavar="FILE"),
    ],
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a plan, by place. Exit code 1 where anything is.

    Warnings name what buyers can't tell apart; they do not keep a plan from being used.
    """
    from houseful.tools.plan_files import examined

    try:
        report = examined(file)
    except OSError as error:
        fail(UNUSABLE, f"{file} can't be read: {error.strerror}")
    if as_json:
        print_json(report)
    else:
        for place, what in report.errors.items():
            console().print(f"{place}: {what}", markup=False)
        for place, what in report.warnings.items():
            console().print(f"warning: {place}: {what}", markup=False)
    if not as_json and not report.errors:
        console().print(
            f"{report.name}: {report.seats:,} seats in {report.zones:,} zones, "
            f"{report.standing:,} standing places. Good.",
            markup=False,
        )
    if report.errors:
        raise typer.Exit(FOUND)
