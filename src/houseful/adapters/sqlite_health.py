"""What `houseful doctor` asks of SQLite and of the files that it wrote."""

from pathlib import Path

import apsw

_MOST = 5


def library_version() -> str:
    """The version that is used, which comes with the driver and not with the system."""
    return str(apsw.sqlite_lib_version())


def faults(file: Path) -> list[str]:
    """What SQLite finds wrong with a file; empty where it is sound. Reads all of it; a server may work on it
    meanwhile."""
    try:
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5_000)
            rows = connection.execute(f"PRAGMA quick_check({_MOST})").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        return [f"{type(error).__name__}: {error}"]
    return [] if rows == [("ok",)] else [str(line) for (line,) in rows]
