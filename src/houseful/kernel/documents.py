"""Stored documents: frozen structs that declare their collection and their indexes."""

from typing import ClassVar

import msgspec

Millis = int
"""A moment: milliseconds since 1970-01-01 UTC. The HTTP surface alone uses RFC 3339."""

Scalar = str | int | bool | None


class Index(msgspec.Struct, frozen=True):
    """An index over top-level fields, or properties that are computed from them alone.

    A property is computed anew whenever its document is written. A property with another rule needs another
    name: then it is computed for all documents that are stored.

    A *unique* index skips documents in which one of its fields is `None`. "Unique among the living" is a
    field that becomes `None` when the document is retired.
    """

    fields: tuple[str, ...]
    unique: bool = False

    @property
    def name(self) -> str:
        return "_".join(self.fields)


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored document.

    Change it by putting a copy made with `msgspec.structs.replace`. Its contents are never changed in place,
    because readers may share them.
    """

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()
    read_soon: ClassVar[bool] = False
    """Whether what is inserted is usually read again within seconds: a store may keep it at hand."""

    id: str
