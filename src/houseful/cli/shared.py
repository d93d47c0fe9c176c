"""What several commands need: their common options, one console, one way to run and to fail."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from houseful.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

FOUND, UNUSABLE, BUG = 1, 2, 3

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the stores, the bus, keys and mail.", metavar="FOLDER"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())


def settings_of(data: Path | None = None, **others: Any) -> Settings:
    """Raises `SettingsError`."""
    return load_settings(data=str(data) if data is not None else None, **others)


def run(work: Coroutine[Any, Any, T]) -> T:
    """On the fast event loop, where there is one."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def fail(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)  # noqa: T201
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
