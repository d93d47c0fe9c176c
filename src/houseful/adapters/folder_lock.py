"""A data folder belongs to one server at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "server.lock"


class FolderInUse(Exception):
    """Another server works on this folder; the message says which process."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """The folder is this process's until the block ends, or until the process does, however that happens.

    Raises `FolderInUse`. Tools that go through the stores (accounts, checks) work beside the holder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            number = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            raise FolderInUse(
                f"{folder} is in use by another Houseful server (process {number}). "
                "Stop it, or choose another folder with --data."
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(
            file
        )  # the lock goes with it; the file stays, since deleting it would let two hold two files of one name


def holder(folder: Path) -> int | None:
    """The process that holds the folder; None where nobody does."""
    try:
        file = os.open(folder / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.pread(file, 20, 0).decode(errors="replace").strip()
        return int(number) if number.isdigit() else 0
    finally:
        os.close(file)
    return None
