"""Health of SQLite and its files, for the start and for `houseful doctor`."""

import os
import time
from pathlib import Path

import apsw

from houseful.adapters.sqlite import wal

_MOST = 5
_LOOKS = 3
_PAUSE_SECONDS = 0.05
_READ_AT_START_BYTES = 64 << 20
"""The largest file that a start reads whole. A larger one would take seconds."""


def library_version() -> str:
    """The version of SQLite in use. It comes with the driver, not with the system."""
    return str(apsw.sqlite_lib_version())


def faults(file: Path) -> list[str]:
    """Faults of a database file and its log; empty for sound files.

    Reads both whole. A server may work on them meanwhile.

    A database with a damaged log is not opened, since opening it discards the rest of the log.
    """
    return _in_log(file) or _in_database(file)


def faults_at_start(file: Path) -> list[str]:
    """Faults as far as a start can wait for the check."""
    if not file.exists():
        return []
    in_log = _in_log(file)
    if in_log or file.stat().st_size > _READ_AT_START_BYTES or not os.access(file, os.R_OK | os.W_OK):
        return in_log
    return _in_database(file)


def _in_log(file: Path) -> list[str]:
    """Faults that every repeated read shows: a server may restart the log during a read."""
    for _ in range(_LOOKS):
        wrong = wal.faults(file)
        if not wrong:
            break
        time.sleep(_PAUSE_SECONDS)
    return wrong


def _in_database(file: Path) -> list[str]:
    try:
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5_000)
            rows = connection.execute(f"PRAGMA quick_check({_MOST})").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        return [f"{type(error).__name__}: {error}{rights(file)}"]
    return [] if rows == [("ok",)] else [str(line) for (line,) in rows]


def damaged(file: Path, wrong: list[str]) -> str:
    """A message for the operator about a damaged file, with the steps to take."""
    return (
        f"{file} is damaged: {'; '.join(wrong)}. Stop the server, keep the file with its -wal and -shm, and "
        "restore the last backup."
    )


def rights(file: Path) -> str:
    """An addition to an error that missing permissions may cause."""
    if not file.exists() or os.access(file, os.R_OK | os.W_OK):
        return ""
    return f" (this user may not read and write {file}: chown it, or chmod u+rw)"
