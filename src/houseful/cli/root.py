"""All commands, and what becomes of their errors."""

import os
import sys
from typing import TYPE_CHECKING

import typer

from houseful.cli import line, messages, plans, rush, server, upkeep
from houseful.cli.shared import BUG, FOUND, UNUSABLE
from houseful.settings import SettingsError

if TYPE_CHECKING:
    from houseful.kernel.ports import Clock

app = typer.Typer(
    name="houseful",
    help="Houseful sells seats. Start with: houseful up --demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(server.up)
app.command("serve")(server.serve)
app.command("demo")(server.demo)
app.command("keys")(server.keys)
app.command("config")(server.config)
app.command("doctor")(upkeep.doctor)
app.command("check")(upkeep.check)
app.command("accept-store")(upkeep.accept_store)
app.command("create-admin")(upkeep.create_admin)
app.add_typer(plans.app, name="plan")
app.add_typer(messages.app, name="messages")
app.add_typer(line.app, name="line")
app.add_typer(rush.app, name="rush")


def main(*, clock: "Clock | None" = None) -> None:
    """Run a command and end the process. `clock` is the clock of servers, the machine's by default.

    An error is printed as a sentence. A bug is printed with its trace where HOUSEFUL_LOG_LEVEL is debug.
    """
    try:
        app(obj=clock)
    except Exception as error:
        code, sentence = _explained(error)
        print(sentence, file=sys.stderr)  # noqa: T201
        if code == BUG and os.environ.get("HOUSEFUL_LOG_LEVEL", "").lower() == "debug":
            raise
        sys.exit(code)


def _explained(error: Exception) -> tuple[int, str]:
    from houseful.adapters.sqlite.folder_lock import FolderInUse
    from houseful.kernel.errors import DomainError, Unavailable
    from houseful.store_consistency import StoresDiffer

    if isinstance(error, SettingsError):
        lines = "".join(f"\n  {name}: {what}" for name, what in error.errors.items())
        return UNUSABLE, f"The configuration can't be used:{lines}"
    if isinstance(error, (FolderInUse, server.PORT_TAKEN())):
        return UNUSABLE, str(error)
    if isinstance(error, StoresDiffer):
        return UNUSABLE, f"The stores of this installation don't go together.\n{error}"
    if isinstance(error, DomainError):
        fields = "".join(f"\n  {field}: {what}" for field, what in error.errors.items())
        return FOUND, error.detail + fields
    if isinstance(error, (Unavailable, OSError)):
        return UNUSABLE, f"It can't be done: {error}"
    return BUG, (
        f"This is a fault of Houseful: {type(error).__name__}: {error}\n"
        "HOUSEFUL_LOG_LEVEL=debug shows where. Please report it with what you did."
    )
