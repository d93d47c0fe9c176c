"""The command line, as an operator uses it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def clean_environment() -> dict[str, str]:
    """Without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}


def run_houseful(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "houseful", *arguments],
        env=clean_environment() | dict(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
