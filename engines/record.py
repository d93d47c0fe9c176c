"""What was started and is to be found again by another process: a JSON file, and a lock on it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.packages import Missing
from engines.server import Life


@dataclass(frozen=True)
class Entry:
    port: int
    life: Life | None = None
    """None where it was stopped in order; the port stays its own."""


def read(file: Path) -> dict[str, Entry]:
    """By name; empty where nothing was ever started."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    return {
        name: Entry(entry["port"], Life(**entry["life"]) if entry["life"] else None)
        for name, entry in json.loads(text).items()
    }


def write(file: Path, entries: dict[str, Entry]) -> None:
    draft = file.with_suffix(".unfinished")
    draft.write_text(json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=2) + "\n")
    draft.replace(file)


@contextmanager
def alone(file: Path, *, wait: bool) -> Iterator[None]:
    """No other process is in here with the same file. Raises `Missing` where one is and `wait` is false."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Missing(f"another process works in {file.parent}; stop that first") from None
        yield
    finally:
        os.close(descriptor)
