"""The lock of a data folder: one server at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from houseful.kernel import private_files

_NAME = "server.lock"
_MOST_BYTES = 1000


class Holder(NamedTuple):
    """The server that holds a folder: its process id (0 if unknown), and the base of its links."""

    process: int
    links: str


class FolderInUse(Exception):
    """Another server holds the folder. The message names its process."""


@contextmanager
def hold(folder: Path, *, links: str = "") -> Iterator[None]:
    """Hold the folder until the block or the process ends.

    Raises `FolderInUse`. Tools that use the stores (accounts, checks) do not need the lock.
    """
    private_files.make_folder(folder)
    file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            number = _read(file).process or "unknown"
            raise FolderInUse(
                f"{folder} is in use by another Houseful server (process {number}). "
                "Stop it, or choose another folder with --data."
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n{links}\n".encode(), 0)
        yield
    finally:
        os.close(
            file
        )  # the lock goes with it; the file stays, since deleting it would let two hold two files of one name


def holder(folder: Path) -> Holder | None:
    """The server that holds the folder, or None."""
    try:
        file = os.open(folder / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file)
    finally:
        os.close(file)
    return None


def _read(file: int) -> Holder:
    process, _, links = os.pread(file, _MOST_BYTES, 0).decode(errors="replace").partition("\n")
    return Holder(int(process) if process.isdecimal() else 0, links.strip())
