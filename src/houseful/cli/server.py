"""`houseful up` and `houseful config`."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from houseful.cli.shared import AsJson, Data, console, print_json, run, settings_of
from houseful.settings import Settings, masked


def up(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Fill an empty data folder with venues, events and accounts to play with."
        ),
    ] = False,
    data: Data = None,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,  # noqa: UP045
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = None,
    config: Annotated[Optional[Path], typer.Option(help="A TOML file of settings.", metavar="FILE")] = None,  # noqa: UP045
) -> None:
    """Start the whole system in this process: web app, API, stores. Ctrl-C or SIGTERM stops it cleanly."""
    from houseful.common.telemetry import configure_logging

    settings = settings_of(data, host=host, port=port, demo=True if demo else None, file=config)
    configure_logging(level=settings.log_level, style=settings.log_style)
    _log_settings(settings)
    from houseful.app import serve

    run(serve(settings, announce=_announce, say=_say))


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
    from houseful.adapters.uvicorn_server import PortTaken

    return PortTaken
