"""What a start and `houseful doctor` ask of SQLite and of the files that it wrote."""

import os
import time
from pathlib import Path

import apsw

from houseful.adapters.sqlite import wal

_MOST = 5
_LOOKS = 3
_PAUSE_SECONDS = 0.05
_READ_AT_START_BYTES = 64 << 20
"""A larger file is not read whole before a start: that would take seconds."""


def library_version() -> str:
    """The version that is used, which comes with the driver and not with the system."""
    return str(apsw.sqlite_lib_version())


def faults(file: Path) -> list[str]:
    """What is wrong with a file and its log; empty where they are sound. Reads all of it; a server may work
    on it meanwhile. Where the log is damaged the database is not opened, since that forgets what it had."""
    return _in_log(file) or _in_database(file)


def faults_at_start(file: Path) -> list[str]:
    """The same as far as a start can wait for it."""
    if not file.exists():
        return []
    in_log = _in_log(file)
    if in_log or file.stat().st_size > _READ_AT_START_BYTES or not os.access(file, os.R_OK | os.W_OK):
        return in_log
    return _in_database(file)


def _in_log(file: Path) -> list[str]:
    """Only what is so each time that one looks: a server may begin the log anew while it is read."""
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
    """In words for the operator, with what to do."""
    return (
        f"{file} is damaged: {'; '.join(wrong)}. Stop the server, keep the file with its -wal and -shm, and "
        "restore the last backup."
    )


def rights(file: Path) -> str:
    """What to add to an error where it may come of that."""
    if not file.exists() or os.access(file, os.R_OK | os.W_OK):
        return ""
    return f" (this user may not read and write {file}: chown it, or chmod u+rw)"
