"""`houseful line`: what anybody can check of a line."""

from pathlib import Path
from typing import Annotated

import typer

from houseful.cli.shared import FOUND, console

app = typer.Typer(help="Check the draw of a line.", no_args_is_help=True)


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="What GET /api/events/{id}/line/audit has answered.")],
) -> None:
    """Repeat a draw from its audit. Exit code 1 where it does not hold. docs/fair-draw.md says what it
    proves."""
    from houseful.tools.draw_audit import verify as verify_audit

    entrants, commitment, wrong = verify_audit(file)
    for sentence in wrong:
        console().print(f"It does not hold: {sentence}.", markup=False)
    if wrong:
        raise typer.Exit(FOUND)
    console().print(f"The draw holds: {entrants:,} entrants, commitment {commitment}.", markup=False)
