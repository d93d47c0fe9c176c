"""`houseful messages`: what got stuck between the services, and how to set it going again. All of it is safe
to repeat."""

from typing import Annotated

import typer

from houseful.cli.shared import UNUSABLE, AsJson, Data, console, fail, print_json, run, settings_of

app = typer.Typer(help="Messages between the services that wait for a person.", no_args_is_help=True)

Service = Annotated[str, typer.Argument(help="users, events, tickets or payments.")]


@app.command()
def parked(data: Data = None, as_json: AsJson = False) -> None:
    """Keys whose messages wait, because one of them could not be applied."""
    from houseful.tools.dead_letters import all_parked

    found = run(all_parked(settings_of(data)))
    if as_json:
        print_json(found)
        return
    for service, key in found:
        line = (
            f"{service}  {key.id}  {key.state}  {key.messages} waiting, {key.attempts} attempts: {key.reason}"
        )
        console().print(line, markup=False)
    if not found:
        console().print("Nothing waits.")


@app.command()
def dead(data: Data = None, as_json: AsJson = False) -> None:
    """Messages that were not understood, and where they came from."""
    from houseful.tools.dead_letters import all_dead

    found = run(all_dead(settings_of(data)))
    if as_json:
        print_json(found)
        return
    for service, letter in found:
        line = f"{service}  {letter.id}  {letter.topic}/{letter.partition}/{letter.offset}: {letter.error}"
        console().print(line, markup=False)
    if not found:
        console().print("There are no dead letters.")


@app.command()
def unpark(
    service: Service,
    key: Annotated[str, typer.Argument(help="As `houseful messages parked` shows it.")],
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="Go on behind messages that will never come.")
    ] = False,
    data: Data = None,
) -> None:
    """Try a waiting key again now; the running server does it."""
    from houseful.tools.dead_letters import unpark_key

    _check(service)
    run(unpark_key(settings_of(data), service, key, accept_gap=accept_gap))
    console().print("The server tries it again at once; if none is running, at its next start.")


@app.command()
def retry(
    service: Service,
    id: Annotated[str, typer.Argument(help="As `houseful messages dead` shows it.")],
    data: Data = None,
) -> None:
    """Apply a dead letter that this version understands; beside a running server too."""
    from houseful.tools.dead_letters import retry_dead_letter

    _check(service)
    run(retry_dead_letter(settings_of(data), service, id))
    console().print("Applied, and no dead letter any more.")


@app.command()
def replay(
    service: Service,
    aggregate: Annotated[
        str | None, typer.Option(help="Only these, such as order:ord_…", metavar="KIND:ID")
    ] = None,
    since_hours: Annotated[
        float | None, typer.Option(help="Only what was written in so many hours.", min=0)
    ] = None,
    data: Data = None,
) -> None:
    """Send a service's messages once more; who has applied one skips it.

    Beside running servers; only one that has the embedded bus to itself (bus_url is local:) has to be
    stopped.
    """
    from houseful.tools.dead_letters import replay_outbox

    _check(service)
    kind, separator, id = (aggregate or "").partition(":")
    if aggregate is not None and not (separator and kind and id):
        fail(UNUSABLE, f"{aggregate!r} is no KIND:ID such as order:ord_…")
    about = (kind, id) if aggregate is not None else None
    count = run(replay_outbox(settings_of(data), service, aggregate=about, since_hours=since_hours))
    console().print(f"{count} messages are on the bus again.")


def _check(service: str) -> None:
    from houseful.settings import SERVICES

    if service not in SERVICES:
        fail(UNUSABLE, f"There is no service {service!r}; there are {', '.join(SERVICES)}.")
