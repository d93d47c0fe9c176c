"""A batch: several write sets merged into one state per document, and the commands that write it."""

from collections.abc import Iterator, Sequence
from typing import Any

from houseful.adapters.mongodb.collections import CLAIMED, MAYBE, SEEN, Change, Collection
from houseful.adapters.mongodb.connection import Row
from houseful.adapters.optimistic.changes import Key
from houseful.adapters.optimistic.write_set import Overlay, WriteSet
from houseful.kernel.errors import Conflict, Duplicate

MongoWrites = WriteSet[Collection, Change, Row]
MongoOverlay = Overlay[Collection, Change, Row]

_STATEMENTS_A_COMMAND = 5_000
_CHARACTERS_A_COMMAND = 12_000_000
"""The wire protocol takes messages of 48 MB. A character has up to four bytes."""


class Entry:
    """The merged changes of one document. Each change builds on the one before."""

    __slots__ = ("basis", "body", "collection", "fields", "id", "owners", "seen_version", "version")

    def __init__(self, change: Change, owner: MongoWrites) -> None:
        self.collection = change.collection
        self.id = change.id
        self.basis = change.basis
        self.seen_version = change.seen_version
        self.version = change.version
        self.fields = change.fields
        self.body = change.body
        self.owners = [owner]

    def takes(self, change: Change) -> bool:
        if self.body is None:
            return False
        if change.basis == MAYBE:
            return True  # by then there is one
        if change.basis != SEEN or self.basis == MAYBE or change.seen_version != self.version:
            return False
        if change.body is None and self.basis != SEEN:
            return False
        return not self._hides(change)

    def _hides(self, change: Change) -> bool:
        """Whether a violation of a unique index could be missed, because the same batch reverts it."""
        unique = self.collection.unique_fields
        if not unique or self.fields is None:
            return False
        if change.fields is None:
            return change.body is None
        return any(self.fields.get(field) != change.fields.get(field) for field in unique)

    def add(self, change: Change, owner: MongoWrites) -> None:
        if change.basis == MAYBE:
            return
        self.version = change.version
        if change.fields is not None or change.body is None:
            self.fields = change.fields
            self.body = change.body
        self.owners.append(owner)

    def refusal(self, index: str) -> Exception:
        """The error of the first write set with an entry in that unique index."""
        if self.basis == CLAIMED and index == "id":
            return Conflict("what a transaction had inserted and read back was inserted by somebody else")
        return Duplicate(self.collection.name, index)

    def delete(self) -> Row:
        return {"q": {"_id": self.id, "_version": self.seen_version}, "limit": 1}

    def update(self) -> Row:
        if self.basis == SEEN and self.fields is None:
            new: Row = {"$set": {"_version": self.version}}
        else:
            assert self.fields is not None, "only the version of what exists changes alone"
            new = {"_version": self.version, **self.fields, "_body": self.body}
        if self.basis == SEEN:
            return {"q": {"_id": self.id, "_version": self.seen_version}, "u": new}
        return {"q": {"_id": self.id}, "u": {"$setOnInsert": new}, "upsert": True}


class Command:
    """One command for one collection, and its entries in the order of the statements."""

    __slots__ = ("entries", "row")

    def __init__(self, row: Row, entries: Sequence[Entry]) -> None:
        self.row = row
        self.entries = entries

    def untrue(self, reply: Row) -> tuple[int, list[Entry]]:
        """The number of entries that did not match the document's version, and the entries whose document or
        unique value exists.
        """
        inserted = {upsert["index"] for upsert in reply.get("upserted", ())}
        inserts = [(n, entry) for n, entry in enumerate(self.entries) if entry.basis != SEEN]
        lost = len(self.entries) - reply["n"]  # an upsert always counts
        return lost, [entry for n, entry in inserts if entry.basis != MAYBE and n not in inserted]


class Batch:
    """Write sets that are written in one transaction of the server, as if one after the other."""

    def __init__(self) -> None:
        self.writes: list[MongoWrites] = []
        self.entries: dict[Key, Entry] = {}

    def add(self, writes: MongoWrites) -> bool:
        """Add a write set.

        Returns False, and adds nothing, where its changes cannot be merged with earlier ones.
        """
        keys = [(change.collection.name, change.id) for change in writes.changes]
        for key, change in zip(keys, writes.changes, strict=True):
            entry = self.entries.get(key)
            if entry is not None and not entry.takes(change):
                return False
        for key, change in zip(keys, writes.changes, strict=True):
            entry = self.entries.get(key)
            if entry is None:
                self.entries[key] = Entry(change, writes)
            else:
                entry.add(change, writes)
        self.writes.append(writes)
        return True

    def messages(self) -> list[Row]:
        return [row for writes in self.writes for row in writes.messages]

    def commands(self) -> Iterator[Command]:
        """The commands that change documents. A unique value that a document frees is free for inserts."""
        by_collection: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            by_collection.setdefault(entry.collection.name, []).append(entry)
        for name, entries in by_collection.items():
            deletes = [entry for entry in entries if entry.body is None]
            for some in _portions(deletes):
                yield Command({"delete": name, "deletes": [entry.delete() for entry in some]}, some)
            rest = [entry for entry in entries if entry.body is not None]
            rest.sort(key=lambda entry: entry.basis != SEEN)
            for some in _portions(rest):
                yield Command({"update": name, "updates": [entry.update() for entry in some]}, some)

    def relied_on(self) -> dict[str, list[Entry]]:
        """By collection, the entries whose document must have the recorded version, or must not exist."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            if entry.basis != MAYBE:
                found.setdefault(entry.collection.name, []).append(entry)
        return found

    def begun_by(self, writes: MongoWrites) -> list[Entry]:
        """The entries that this write set is the first of the batch to change, in its order."""
        entries = [self.entries[change.collection.name, change.id] for change in writes.changes]
        return [entry for entry in entries if entry.owners[0] is writes]


def _portions(entries: list[Entry]) -> Iterator[list[Entry]]:
    portion: list[Entry] = []
    characters = 0
    for entry in entries:
        characters += len(entry.body or "")
        if portion and (len(portion) == _STATEMENTS_A_COMMAND or characters > _CHARACTERS_A_COMMAND):
            yield portion
            portion, characters = [], len(entry.body or "")
        portion.append(entry)
    if portion:
        yield portion


def numbered(messages: Sequence[Row], last: dict[tuple[str, str], int]) -> list[Row]:
    """The messages with the next numbers of their aggregates.

    `last` holds the highest number of each known aggregate.
    """
    reached = dict(last)
    rows: list[dict[str, Any]] = []
    for message in messages:
        aggregate = message["aggregatetype"], message["aggregateid"]
        reached[aggregate] = reached.get(aggregate, 0) + 1
        rows.append({**message, "seq": reached[aggregate]})
    return rows
