"""Connections to a database file, and the meaning of their errors."""

from pathlib import Path

import apsw

from houseful.adapters.sqlite.tuning import SqliteTuning
from houseful.kernel.errors import Unavailable

ENGINE_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)
"""The file's trouble, not one write set's."""

READ_ERRORS = (*ENGINE_ERRORS, apsw.ConnectionClosedError)


def connect(path: Path, flags: int, tuning: SqliteTuning) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(tuning.busy_timeout_ms)
    # Without this a misspelt column would be taken for a string.
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    connection.execute(f"PRAGMA cache_size = -{tuning.connection_kib}")
    return connection


def unreadable(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the store could not read: {type(error).__name__}: {error}")
