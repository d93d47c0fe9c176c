"""The command line, as an operator uses it."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from tests.support.fork_server import spawn
from tests.support.patience import PATIENCE_SECONDS


def clean_environment() -> dict[str, str]:
    """Without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}


def run_houseful(
    arguments: Sequence[str], environment: Mapping[str, str], *, program: str = "houseful"
) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = spawn(
            program,
            arguments,
            environment=clean_environment() | dict(environment),
            stdout=output,
            stderr=errors,
        )
        try:
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())
