"""The layout of documents in MongoDB, and their searches.

A stored document is `{_id, _version, (the indexed fields), _body}`. `_body` holds the document as JSON, as in
SQLite. The other fields are copies for the indexes and for inspection with a shell. A field that is None is
left out: a unique index skips such documents, and a search for null finds them.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from houseful.adapters.mongodb.connection import Row
from houseful.adapters.optimistic import changes
from houseful.adapters.optimistic.changes import Versioned
from houseful.kernel.documents import Document, Index, Scalar

OURS = "houseful:"
"""The prefix of our indexes' names. Other indexes are the operator's, and are left alone."""

_ID_INDEX = "_id_"

SEEN, ABSENT, CLAIMED, MAYBE = range(4)
"""What a change relies on. SEEN: the document has the version that was read. ABSENT: there is none, or it is
a duplicate. CLAIMED: there is none, or it is a conflict. MAYBE: nothing, and it happens only where there is
none."""

_BASES = {changes.CLAIM: CLAIMED, changes.INSERT: ABSENT, changes.IGNORE: MAYBE}

_encode = msgspec.json.Encoder().encode


class Search:
    """Filters whose results follow each other in the order of `sort`, and the index that serves them."""

    __slots__ = ("filters", "hint", "sort")

    def __init__(self, filters: list[Row], sort: list[tuple[str, int]], hint: str) -> None:
        self.filters = filters
        self.sort = sort
        self.hint = hint


class Change:
    """A change of a document.

    `body` is None for a deletion. `fields` is None and `body` empty where only the version changes.
    """

    __slots__ = ("basis", "body", "collection", "fields", "id", "seen_version", "version")

    def __init__(
        self,
        collection: "Collection",
        id: str,
        basis: int,
        *,
        seen_version: int = 0,
        version: int = 0,
        fields: Row | None = None,
        body: str | None = None,
    ) -> None:
        self.collection = collection
        self.id = id
        self.basis = basis
        self.seen_version = seen_version
        self.version = version
        self.fields = fields
        self.body = body


class Collection(changes.Collection[Change]):
    """One collection: its codecs and its indexes."""

    reserved: ClassVar[str] = "system."

    def __init__(self, kind: type[Document]) -> None:
        super().__init__(kind)
        self.unique_fields = tuple(
            dict.fromkeys(field for index in kind.indexes if index.unique for field in index.fields)
        )
        self._nullable = _nullable_fields(kind)
        self.decode: Callable[[str], Any] = msgspec.json.Decoder(kind).decode

    def change(self, action: int, document: Document, read: Versioned | None, version: int) -> Change:
        if read is None:
            return Change(
                self,
                document.id,
                _BASES[action],
                version=version,
                fields=self.indexed(document),
                body=self.body(document),
            )
        change = Change(self, document.id, SEEN, seen_version=read[0], version=version)
        if action == changes.PUT:
            change.fields, change.body = self.indexed(document), self.body(document)
        elif action == changes.LOCK:
            change.body = ""
        return change

    # Documents

    def body(self, document: Document) -> str:
        return _encode(document).decode()

    def indexed(self, document: Document) -> Row:
        """The copies of the indexed fields."""
        copies = {}
        for field in self.fields:
            value = getattr(document, field)
            if value is not None:
                copies[field] = _plain(value)
        return copies

    # Searches

    def search(
        self,
        equal: Mapping[str, Scalar],
        by: str = "id",
        since: Scalar = None,
        until: Scalar = None,
        after: tuple[Scalar, str] | None = None,
        descending: bool = False,
    ) -> Search:
        """Build a search.

        Raises `ValueError` unless an index begins with the fields of `equal` and continues with `by`.
        """
        hint = self._hint(equal, by)
        always: Row = {_name(field): _plain(value) for field, value in equal.items()}
        limits: Row = {}
        if since is not None:
            limits["$gte"] = _plain(since)
        if until is not None:
            limits["$lt"] = _plain(until)
        direction = -1 if descending else 1
        sort = [("_id", direction)] if by == "id" else [(_name(by), direction), ("_id", direction)]
        # A second condition on the same field needs a place of its own; one alone is kept readable.
        bounds = [{_name(by): limits}] if limits else []
        filters = []
        for arm in _arms(_name(by), after, descending, bounded=bool(limits)):
            conditions = [*([always] if always else []), *bounds, *([arm] if arm else [])]
            filters.append(
                conditions[0] if len(conditions) == 1 else {"$and": conditions} if conditions else {}
            )
        return Search(filters, sort, hint)

    def _hint(self, equal: Mapping[str, Scalar], by: str) -> str:
        """The name of the index to use. The planner must not guess under load."""
        if by == "id" and not equal:
            return _ID_INDEX
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
        if self._is_partial(shortest) and not all(equal.get(field) is not None for field in shortest.fields):
            return _complete_name(shortest)
        return index_name(shortest)

    # Indexes

    def _is_partial(self, index: Index) -> bool:
        return index.unique and not self._nullable.isdisjoint(index.fields)

    def index_models(self) -> dict[str, Row]:
        """The indexes for `createIndexes`, by name.

        Each index ends with the id, so that searches need no sort.

        A unique index over nullable fields skips documents with a None. A second index serves searches that
        must find those too.
        """
        models: dict[str, Row] = {}
        for index in self.indexes:
            key = {_name(field): 1 for field in index.fields}
            full = key if "_id" in key else key | {"_id": 1}
            name = index_name(index)
            if not index.unique:
                models[name] = {"name": name, "key": full}
            elif not self._is_partial(index):
                models[name] = {"name": name, "key": key, "unique": True}
            else:
                there = {field: {"$exists": True} for field in key}
                models[name] = {"name": name, "key": key, "unique": True, "partialFilterExpression": there}
                name = _complete_name(index)
                models[name] = {"name": name, "key": full}
        return models


def index_name(index: Index) -> str:
    return OURS + index.name


def _complete_name(index: Index) -> str:
    return f"{OURS}{index.name}:all"


def duplicate_index(key_pattern: Mapping[str, Any]) -> str:
    """The name that `Duplicate` gives to the index of an error's key pattern."""
    return "_".join("id" if field == "_id" else field for field in key_pattern)


def _nullable_fields(kind: type[Document]) -> frozenset[str]:
    information = msgspec.inspect.type_info(kind)
    assert isinstance(information, msgspec.inspect.StructType)
    return frozenset(field.name for field in information.fields if _may_be_none(field.type))


def _may_be_none(type: msgspec.inspect.Type) -> bool:
    if isinstance(type, msgspec.inspect.UnionType):
        return type.includes_none
    return isinstance(type, msgspec.inspect.NoneType | msgspec.inspect.AnyType)


def _arms(by: str, after: tuple[Scalar, str] | None, descending: bool, *, bounded: bool) -> list[Row]:
    """The conditions of a search that continues after a position.

    Their results follow each other, each in a single range of the index. None comes first.
    """
    if after is None:
        return [{}]
    value, id = after
    beyond = "$lt" if descending else "$gt"
    if by == "_id":
        return [{"_id": {beyond: id}}]
    same = {by: _plain(value), "_id": {beyond: id}}
    if value is None:
        return [same] if descending else [same, {by: {"$ne": None}}]
    rest = [same, {by: {beyond: _plain(value)}}]
    return [*rest, {by: None}] if descending and not bounded else rest


def _name(field: str) -> str:
    return "_id" if field == "id" else field


def _plain(value: Any) -> Any:
    """An enumeration as its value: BSON has no enumerations."""
    return value if type(value) in (str, int, bool, type(None)) else msgspec.to_builtins(value)
