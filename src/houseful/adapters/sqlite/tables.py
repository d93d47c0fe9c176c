"""The layout of documents in SQLite: a table per collection, a column per indexed field, and the SQL.

`_body` holds the document as JSON. The other columns are copies for the indexes. Names with an underscore are
reserved for the store, so that documents may name their fields freely.
"""
# ruff: noqa: S608 - SQL is put together from names that documents declare; values are always bound

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, cast

import apsw
import msgspec

from houseful.adapters.optimistic.changes import CLAIM, INSERT, LOCK, PUT, Collection, Versioned
from houseful.adapters.sqlite.cache import DocumentCache
from houseful.adapters.sqlite.tuning import SqliteTuning
from houseful.kernel.documents import Document, Index, Scalar
from houseful.kernel.errors import Unavailable

Binding = str | int | bytes | None
Row = tuple[Any, ...]

Statement = tuple[str, tuple[Binding, ...], bool, str | None]
"""SQL, its bindings, whether it must change a row (otherwise it is a conflict), and SQL that finds the
document if it still has its version. That SQL takes the last two bindings.
"""

OUTBOX = (
    """CREATE TABLE outbox (
        id TEXT PRIMARY KEY, aggregatetype TEXT NOT NULL, aggregateid TEXT NOT NULL, type TEXT NOT NULL,
        payload BLOB NOT NULL, seq INTEGER NOT NULL, traceparent TEXT, created_at INTEGER NOT NULL,
        published_at INTEGER)""",
    "CREATE UNIQUE INDEX outbox_aggregate ON outbox (aggregatetype, aggregateid, seq)",
    """CREATE INDEX outbox_unpublished ON outbox (aggregateid, seq, aggregatetype, created_at)
        WHERE published_at IS NULL""",
)


_encode = msgspec.json.Encoder().encode


class Table(Collection[Statement]):
    """One collection: its SQL, its codecs, and its document cache."""

    reserved: ClassVar[str] = "sqlite_"

    def __init__(self, kind: type[Document], tuning: SqliteTuning) -> None:
        super().__init__(kind)
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        self.cache = DocumentCache(tuning)
        self.read_soon = kind.read_soon
        self._indexed = _reader_of(self.fields)

        table = self.quoted = _quote(self.name)
        self.select = f"SELECT _version, _body FROM {table} WHERE id = ?"
        self.exists = f"SELECT 1 FROM {table} WHERE id = ?"
        self.select_many = f"SELECT id, _body FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
        self._verify = f"SELECT 1 FROM {table} WHERE id = ? AND _version = ?"
        self._delete = f"DELETE FROM {table} WHERE id = ? AND _version = ?"
        self._lock = f"UPDATE {table} SET _version = _version + 1 WHERE id = ? AND _version = ?"
        self._puts: dict[tuple[int, ...], str] = {}
        columns = ", ".join(("id", "_version", *map(_quote, self.fields), "_body"))
        marks = ", ".join("?" * (3 + len(self.fields)))
        self._insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        self._insert_if_absent = f"{self._insert} ON CONFLICT (id) DO NOTHING"
        self._searches: dict[Row, str] = {}

    # Changes

    def change(self, action: int, document: Document, read: Versioned | None, version: int) -> Statement:
        if read is None:
            bindings = (document.id, version, *self._indexed(document), _encode(document))
            if action == INSERT:
                return self._insert, bindings, False, None
            return self._insert_if_absent, bindings, action == CLAIM, None
        if action == PUT:
            return self._put_change(document, read)
        return self._lock if action == LOCK else self._delete, (document.id, read[0]), True, self._verify

    def _put_change(self, document: Document, read: Versioned) -> Statement:
        """The update of changed columns only: SQLite rewrites the index entry of every column that is set."""
        body = _encode(document)
        new = self._indexed(document)
        old = self._indexed(read[1])
        if new == old:
            return self._put(()), (body, document.id, read[0]), True, self._verify
        changed = tuple([i for i, value in enumerate(new) if value != old[i]])
        bindings = (body, *[new[i] for i in changed], document.id, read[0])
        return self._put(changed), bindings, True, self._verify

    def _put(self, changed: tuple[int, ...]) -> str:
        sql = self._puts.get(changed)
        if sql is None:
            columns = "".join(f", {_quote(self.fields[i])} = ?" for i in changed)
            assignments = f"_version = _version + 1, _body = ?{columns}"
            sql = f"UPDATE {self.quoted} SET {assignments} WHERE id = ? AND _version = ?"
            self._puts[changed] = sql
        return sql

    # Searches

    def search(
        self,
        equal: Mapping[str, Scalar],
        by: str,
        since: Scalar,
        until: Scalar,
        after: tuple[Scalar, str] | None,
        descending: bool,
    ) -> tuple[str, list[Scalar]]:
        """SQL for `Reader.find` and its bindings without the limit, which comes last."""
        values = [value for value in equal.values() if value is not None]
        values += [value for value in (since, until) if value is not None]
        bindings: list[Scalar] = []
        arms = _arms(by, after, descending, bounded=since is not None or until is not None)
        for _, positions in arms:
            bindings += [*values, *positions]
        shape = (
            *((field, value is None) for field, value in equal.items()),
            (by, since is None, until is None, descending),
            *(condition for condition, _ in arms),
        )
        sql = self._searches.get(shape)
        if sql is None:
            sql = self._searches[shape] = self._search_sql(
                equal, by, since, until, descending, [arm for arm, _ in arms]
            )
        return sql, bindings

    def _search_sql(
        self,
        equal: Mapping[str, Scalar],
        by: str,
        since: Scalar,
        until: Scalar,
        descending: bool,
        arms: Sequence[str],
    ) -> str:
        conditions = self._equal_conditions(equal)
        if since is not None:
            conditions.append(f"{_quote(by)} >= ?")
        if until is not None:
            conditions.append(f"{_quote(by)} < ?")
        columns = f"_version, _body, {_quote(by)}, id"
        source = f"SELECT {columns} FROM {self.quoted}{self._indexed_by(equal, by)}"
        selects = [source + _where([*conditions, arm] if arm else conditions) for arm in arms]
        direction = " DESC" if descending else ""
        return f"{' UNION ALL '.join(selects)} ORDER BY 3{direction}, 4{direction} LIMIT ?"

    def count_search(self, equal: Mapping[str, Scalar]) -> tuple[str, list[Scalar]]:
        where = _where(self._equal_conditions(equal))
        sql = f"SELECT count(*) FROM {self.quoted}{self._indexed_by(equal, 'id')}{where}"
        return sql, [value for value in equal.values() if value is not None]

    def _equal_conditions(self, equal: Mapping[str, Scalar]) -> list[str]:
        return [f"{_quote(field)} {'IS NULL' if value is None else '= ?'}" for field, value in equal.items()]

    def _indexed_by(self, equal: Mapping[str, Scalar], by: str) -> str:
        """The INDEXED BY clause. The planner has no statistics and must not guess."""
        if by == "id" and not equal:
            return ""
        order = () if by == "id" else (by,)
        length = len(equal) + len(order)
        usable = [
            index
            for index in self.indexes
            if set(index.fields[: len(equal)]) == set(equal) and index.fields[len(equal) : length] == order
        ]
        if not usable:
            raise ValueError(f"{self.name} has no index for a search by {sorted(equal)} in the order of {by}")
        shortest = min(usable, key=lambda index: len(index.fields))
        return f" INDEXED BY {_quote(self.index_name(shortest))}"

    # Schema

    def index_name(self, index: Index) -> str:
        return f"{self.name}:{index.name}"

    def index_sql(self) -> dict[str, str]:
        """The CREATE INDEX statements by name. Each index ends with the id, so that searches need no sort."""
        statements = {}
        for index in self.indexes:
            columns = index.fields if index.unique or "id" in index.fields else (*index.fields, "id")
            name = self.index_name(index)
            statements[name] = (
                f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {_quote(name)} ON {self.quoted} "
                f"({', '.join(map(_quote, columns))})"
            )
        return statements


def _arms(
    by: str, after: tuple[Scalar, str] | None, descending: bool, *, bounded: bool
) -> list[tuple[str, tuple[Scalar, ...]]]:
    """Where a search goes on after a position: conditions whose results follow each other. None comes
    first."""
    if after is None:
        return [("", ())]
    value, id = after
    column, sign = _quote(by), "<" if descending else ">"
    if by == "id":
        return [(f"id {sign} ?", (id,))]
    if value is None:
        same = (f"{column} IS NULL AND id {sign} ?", (id,))
        return [same] if descending else [same, (f"{column} IS NOT NULL", ())]
    rest = (f"({column}, id) {sign} (?, ?)", (value, id))
    return [rest, (f"{column} IS NULL", ())] if descending and not bounded else [rest]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def evolve(connection: apsw.Connection, tables: Sequence[Table]) -> None:
    """Evolve a file of any version to these tables, in one transaction.

    Raises `Unavailable` if its content forbids it.
    """
    if not differences(connection, tables):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _stored_sql(connection, "outbox"):
            for statement in OUTBOX:
                connection.execute(statement)
        for table in tables:
            _evolve_table(connection, table)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def differences(connection: apsw.Connection, tables: Sequence[Table]) -> list[str]:
    """The collections whose tables or indexes differ from the declared ones."""
    different = [] if _stored_sql(connection, "outbox") else ["outbox"]
    for table in tables:
        columns = set(_columns(connection, table))
        as_declared = columns == {"id", "_version", "_body", *table.fields}
        if not as_declared or _stored_sql(connection, table.name) != table.index_sql():
            different.append(table.name)
    return different


def _columns(connection: apsw.Connection, table: Table) -> list[str]:
    return [
        str(row[0])
        for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table.name,)).fetchall()
    ]


def _stored_sql(connection: apsw.Connection, table: str) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
        (table,),
    )
    return {str(name): str(sql) for name, sql in rows.fetchall()}


def _evolve_table(connection: apsw.Connection, table: Table) -> None:
    columns = _columns(connection, table)
    if not columns:
        fields = "".join(f", {_quote(field)}" for field in table.fields)
        connection.execute(
            f"CREATE TABLE {table.quoted} "
            f"(id TEXT PRIMARY KEY NOT NULL, _version INTEGER NOT NULL{fields}, _body BLOB NOT NULL)"
        )
    wanted = table.index_sql()
    for name, sql in _stored_sql(connection, table.name).items():
        if wanted.get(name) != sql:
            connection.execute(f"DROP INDEX {_quote(name)}")
    if columns:
        _evolve_columns(connection, table, columns)
    for name in wanted.keys() - _stored_sql(connection, table.name).keys():
        try:
            connection.execute(wanted[name])
        except apsw.ConstraintError as error:
            raise Unavailable(
                f"{table.name} holds documents that the unique index {name} forbids: {error}"
            ) from error


def _reader_of(fields: Sequence[str]) -> Callable[[Document], tuple[Binding, ...]]:
    """Reads the indexed fields of a document."""
    if not fields:
        return lambda document: ()
    read: Callable[[Document], Any] = attrgetter(*fields)
    return read if len(fields) > 1 else lambda document: (read(document),)


def _evolve_columns(connection: apsw.Connection, table: Table, columns: Sequence[str]) -> None:
    """Add and drop columns.

    A column without an index is dropped, because its values would be stale if it came back.
    """
    for column in columns:
        if column not in ("id", "_version", "_body", *table.fields):
            connection.execute(f"ALTER TABLE {table.quoted} DROP COLUMN {_quote(column)}")
    missing = [field for field in table.fields if field not in columns]
    for field in missing:
        connection.execute(f"ALTER TABLE {table.quoted} ADD COLUMN {_quote(field)}")
    if missing:
        _fill(connection, table, missing)


def _fill(connection: apsw.Connection, table: Table, fields: Sequence[str]) -> None:
    assignments = ", ".join(f"{_quote(field)} = ?" for field in fields)
    last = ""
    while True:
        rows = connection.execute(
            f"SELECT id, _body FROM {table.quoted} WHERE id > ? ORDER BY id LIMIT 1000", (last,)
        ).fetchall()
        if not rows:
            return
        for id, body in rows:
            document = table.decode(cast(bytes, body))
            values = [getattr(document, field) for field in fields]
            connection.execute(f"UPDATE {table.quoted} SET {assignments} WHERE id = ?", (*values, id))
        last = str(rows[-1][0])
