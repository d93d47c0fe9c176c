"""What a transaction does to documents, and the collections that they belong to."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from houseful.kernel.documents import Document

W = TypeVar("W")
"""A change as the engine writes it: SQL and its bindings, or what becomes of a document."""

Key = tuple[str, str]
"""The collection and the id of a document."""

Versioned = tuple[int, Document]
"""The version of a document, and the document."""

LOCK, DELETE, PUT, CLAIM, INSERT, IGNORE, NOTHING = range(7)
"""Actions, in the order in which they reach the engine: a lost race is found before a duplicate is, and a
unique value that is freed is free for an insert. Of several duplicates the first in this order is told.

CLAIM is an insert_or_ignore whose document this transaction has read back: if another transaction has
inserted it, that is a conflict. NOTHING is an insert that was deleted again.
"""

GONE = 0
"""The version, in the overlay, of a document that is being deleted."""

READ_SKEW = -1
"""The version, in a read set, of a document of which the transaction has read two versions. Each write that
builds on it fails."""


class Collection(ABC, Generic[W]):
    """One kind of document. An engine adds its encoding, its indexes and its searches."""

    reserved: ClassVar[str]
    """The engine keeps names with this prefix for itself."""

    def __init__(self, kind: type[Document]) -> None:
        self.name = kind.collection
        self.indexes = kind.indexes
        self.fields = tuple(
            dict.fromkeys(field for index in kind.indexes for field in index.fields if field != "id")
        )
        if self.name == "outbox" or self.name.startswith(self.reserved):
            raise ValueError(f"{kind.__name__}: a collection cannot be called {self.name}")
        unknown = {
            field
            for field in set(self.fields) - set(kind.__struct_fields__)
            if not isinstance(getattr(kind, field, None), property)
        }
        if unknown:
            raise ValueError(f"{kind.__name__}: an index names fields that do not exist: {sorted(unknown)}")

    @abstractmethod
    def change(self, action: int, document: Document, read: Versioned | None, version: int) -> W:
        """The change for the engine. `read` is what the transaction had read, None for an insert. `version`
        is the one that the document will have."""
