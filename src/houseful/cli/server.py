"""`houseful up`, `houseful serve`, `houseful config` and `houseful keys`."""

import logging
import os
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from houseful.cli.shared import AsJson, Data, console, print_json, run, settings_of
from houseful.settings import Settings, masked

if TYPE_CHECKING:
    from houseful.serving import Fill

Host = Annotated[Optional[str], typer.Option(help="Address to listen on; 0.0.0.0 for all.")]  # noqa: UP045
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]
Config = Annotated[Optional[Path], typer.Option(help="A TOML file of settings.", metavar="FILE")]  # noqa: UP045


class Part(StrEnum):
    GATEWAY = "gateway"
    USERS = "users"
    EVENTS = "events"
    TICKETS = "tickets"
    PAYMENTS = "payments"
    LINE = "line"


def up(
    context: typer.Context,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Fill an empty data folder with venues, events and accounts to play with."
        ),
    ] = False,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
) -> None:
    """Start the whole system in this process: web app, API, stores. Ctrl-C or SIGTERM stops it cleanly."""
    from houseful.kernel.telemetry import configure_logging

    settings = settings_of(data, host=host, port=port, demo=True if demo else None, file=config)
    configure_logging(level=settings.log_level, style=settings.log_style)
    _log_settings(settings)
    from houseful.adapters.tracing import recorded_spans
    from houseful.serving import serve as serve_parts

    with recorded_spans("houseful", os.environ):
        run(serve_parts(settings, announce=_announce, fill=_fill(settings), clock=context.obj))


def serve(
    context: typer.Context,
    parts: Annotated[
        list[Part], typer.Argument(help="What this process runs.", metavar="PART…", show_choices=True)
    ],
    data: Data = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
) -> None:
    """Start some parts of a split installation in this process: gateway, users, events, tickets, payments.

    Any number of copies of each may run. SIGTERM lets gateways turn to the other copies before it ends.
    """
    from houseful.kernel.telemetry import configure_logging

    settings = settings_of(data, host=host, port=port, file=config)
    configure_logging(level=settings.log_level, style=settings.log_style)
    _log_settings(settings)
    from houseful.adapters.tracing import recorded_spans
    from houseful.serving import serve as serve_parts

    names = [part.value for part in parts]
    fill = _fill(settings)
    with recorded_spans("-".join(["houseful", *names]), os.environ):
        run(serve_parts(settings, parts=set(names), announce=_announce, fill=fill, clock=context.obj))


def demo(data: Data = None) -> None:
    """Fill a running installation with venues, events and accounts to play with. What is there already is
    left alone.
    """
    from houseful.tools.demo import fill_from_outside

    run(fill_from_outside(settings_of(data), say=_say))


def keys() -> None:
    """Print a fresh set of keys for a split installation, as environment variables, with the parts that need
    each."""
    from houseful.settings import KEYS_OF, new_secrets

    for name, key in new_secrets().items():
        parts = ", ".join(part for part, needed in KEYS_OF.items() if name in needed)
        sys.stdout.write(f"# for {parts}\nHOUSEFUL_{name.upper()}={key}\n")


def _fill(settings: Settings) -> "Fill | None":
    """Fills an empty installation with what there is to play with, where the settings ask for that."""
    if not settings.demo:
        return None
    from houseful.tools.demo import fill

    return partial(fill, say=_say)


def _log_settings(settings: Settings) -> None:
    usual = masked(Settings())
    chosen = {name: value for name, value in masked(settings).items() if value != usual[name]}
    logging.getLogger("houseful").info("starting", extra={"settings": chosen or "all as usual"})


def _announce(url: str) -> None:
    sys.stdout.write(f"ready: {url}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def config(data: Data = None, as_json: AsJson = False) -> None:
    """Print the settings as they would be used, passwords hidden."""
    settings = masked(settings_of(data))
    if as_json:
        print_json(settings)
        return
    from rich.table import Table

    usual = masked(Settings())
    table = Table("setting", "value", "environment variable", box=None, pad_edge=False)
    for name, value in settings.items():
        style = "bold" if value != usual[name] else ""
        table.add_row(name, str(value), f"HOUSEFUL_{name.upper()}", style=style)
    console().print(table)
    console().print("Bold is what differs from the default.", style="dim")


def PORT_TAKEN() -> type[Exception]:  # noqa: N802 - a class that takes long to import
    from houseful.adapters.http.server import PortTaken

    return PortTaken
