"""`houseful doctor`, `houseful check`, `houseful create-admin`."""

import os
import sys
from typing import Annotated, Literal, Optional

import typer

from houseful.cli.shared import FOUND, UNUSABLE, AsJson, Data, console, fail, print_json, run, settings_of

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "problem": "[red]problem[/]"}


def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at everything that this installation needs, and say what to do. Exit code 1 where something does
    not work."""
    from houseful.tools.doctor import Finding, examine, works

    settings = settings_of(data)

    async def collect() -> list[Finding]:
        return [finding async for finding in examine(settings)]

    findings = run(collect())
    good = works(findings)
    if as_json:
        print_json({"ok": good, "findings": findings})
    else:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False)
        for _ in range(3):
            table.add_column(overflow="fold")  # a truncated path or URL is useless
        for finding in findings:
            table.add_row(_MARKS[finding.state], finding.name, escape(finding.detail))
            if finding.fix:
                table.add_row("", "", f"[bold]{escape(finding.fix)}[/]")
        console().print(table)
    if not good:
        raise typer.Exit(FOUND)


def check(data: Data = None, as_json: AsJson = False) -> None:
    """Check what must always hold: no seat sold twice, no money astray, no message lost. Reads only, beside a
    running server too."""
    from houseful.tools.invariants import check_all

    report = run(check_all(settings_of(data)))
    if as_json:
        print_json(report)
    else:
        from rich.markup import escape

        out = console()
        for result in report.checks:
            mark = (
                "[green]holds[/]" if not result.violations else f"[red]{len(result.violations)} findings[/]"
            )
            out.print(f"{result.code:3} {mark}  {escape(result.claim)} ({escape(result.scope)})")
            for violation in result.violations:
                out.print(f"      {escape(violation.subject)}: {escape(violation.detail)}")
    if not report.ok:
        raise typer.Exit(FOUND)


def accept_store(
    service: Annotated[
        Literal["users", "events", "tickets", "payments", "line"],
        typer.Argument(help="Whose store is gone, another one, or an older copy.", show_choices=True),
    ],
    data: Data = None,
) -> None:
    """Go on with a service's store as it is, though the others remember another or a newer one. What it had
    besides is lost then."""
    from houseful.store_consistency import accept

    others = run(accept(settings_of(data), service))
    names = ", ".join(others)
    console().print(f"The {service} store is accepted as it is; {names} forgot the one before.", markup=False)


def create_admin(
    email: Annotated[
        str,
        typer.Option(help="The account's address; an account that exists gets the role and the password."),
    ],
    role: Annotated[
        Literal["admin", "organizer", "gate"], typer.Option(help="What the account may do.")
    ] = "admin",
    name: Annotated[Optional[str], typer.Option(help="The person's name.")] = None,  # noqa: UP045
    data: Data = None,
) -> None:
    """Make an account for staff. The password comes from HOUSEFUL_PASSWORD or a prompt; the server may be
    running or not."""
    settings = settings_of(data)
    password = os.environ.get("HOUSEFUL_PASSWORD") or _prompted()
    from houseful.tools.accounts import create

    user = run(
        create(settings, email=email, password=password, name=name or email.partition("@")[0], role=role)
    )
    console().print(f"{user.email} has the roles {', '.join(user.roles)}.", markup=False)


def _prompted() -> str:
    if not sys.stdin.isatty():
        fail(UNUSABLE, "There is no terminal to ask for the password; put it into HOUSEFUL_PASSWORD.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
