"""What a store keeps: frozen documents, each declaring its collection and its indexes."""

from typing import ClassVar

import msgspec

Millis = int
"""A moment: milliseconds since 1970-01-01 UTC. Only the HTTP surface speaks RFC 3339."""

Scalar = str | int | bool | None


class Index(msgspec.Struct, frozen=True):
    """An index over top-level fields.

    A document in which one of the fields is `None` is not in a *unique* index, so that "unique among the
    living" is a field that becomes `None` when the thing dies.
    """

    fields: tuple[str, ...]
    unique: bool = False

    @property
    def name(self) -> str:
        return "_".join(self.fields)


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stored thing. Changed by putting a copy made with `msgspec.structs.replace`; what is in it is never
    changed in place either, because readers may share it."""

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()

    id: str
