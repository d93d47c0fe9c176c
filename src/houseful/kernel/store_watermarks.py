"""Watermarks of stores: each store records its own identity and age, and those of the other stores.

The records of the other stores reveal a store that is gone, was replaced, or was restored from an older copy.
A store's age is a number that grows with its changes. The others record the age of the poll before: backups
that were made one after the other are still consistent.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from houseful.kernel.documents import Document, Millis
from houseful.kernel.times import rfc3339

ITSELF = "store"
"""The id of the one `StoreIdentity` in a store."""


class StoreIdentity(Document, frozen=True, kw_only=True):
    """The identity and age of a store. The first start on a store writes it.

    `installation` is the id of the oldest store of the installation.
    """

    collection = "store_identity"

    service: str
    store_id: str
    installation: str
    created_at: Millis
    age: int = 0
    aged_at: Millis = 0


class KnownStore(Document, frozen=True, kw_only=True):
    """The identity and age of another service's store, recorded under the id of the service."""

    collection = "known_stores"

    store_id: str
    installation: str
    created_at: Millis
    age: int
    aged_at: Millis


class KnownTopic(Document, frozen=True, kw_only=True):
    """The length of the service's own topic at the poll before, recorded under the id of the topic."""

    collection = "known_topics"

    length: int


WATERMARK_DOCUMENTS: tuple[type[Document], ...] = (StoreIdentity, KnownStore, KnownTopic)


class Watermarks(NamedTuple):
    """The records of one store. `exists` is False for a store that was never written to."""

    exists: bool
    identity: StoreIdentity | None
    known: Mapping[str, KnownStore]


class Inconsistency(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why a service's store is not the store that the others have recorded."""

    service: str
    kind: Literal["missing", "another", "older"]
    detail: str

    @property
    def fix(self) -> str:
        return (
            f"Restore the newest copy of the {self.service} store, or all stores from one backup. If there "
            f"is none, `houseful accept-store {self.service}` lets the installation go on with what is "
            "there: what the store had besides is lost then, and `houseful check` names what refers to it."
        )


def known_store_of(identity: StoreIdentity) -> KnownStore:
    return KnownStore(
        id=identity.service,
        store_id=identity.store_id,
        installation=identity.installation,
        created_at=identity.created_at,
        age=identity.age,
        aged_at=identity.aged_at,
    )


def inconsistencies(watermarks: Mapping[str, Watermarks]) -> list[Inconsistency]:
    """The stores whose identity or age contradicts the records of the others."""
    found = []
    for service, own in watermarks.items():
        witnesses = {
            name: other.known[service]
            for name, other in watermarks.items()
            if name != service and service in other.known
        }
        inconsistency = _inconsistency(service, own, witnesses)
        if inconsistency is not None:
            found.append(inconsistency)
    return found


def _inconsistency(
    service: str, own: Watermarks, witnesses: Mapping[str, KnownStore]
) -> Inconsistency | None:
    identity = own.identity
    if not witnesses:
        return None
    if identity is None:
        last = max(known.aged_at for known in witnesses.values())
        state = "is empty" if own.exists else "is gone"
        detail = f"it {state}, and {_named(witnesses)} had it at {rfc3339(last)}"
        return Inconsistency(service=service, kind="missing", detail=detail)
    others = {name: known for name, known in witnesses.items() if known.store_id != identity.store_id}
    if others:
        known = next(iter(others.values()))
        whose = "" if known.installation == identity.installation else " and belongs to another installation"
        detail = (
            f"it was made at {rfc3339(identity.created_at)}{whose}; the one that {_named(others)} worked "
            f"with was made at {rfc3339(known.created_at)}"
        )
        return Inconsistency(service=service, kind="another", detail=detail)
    younger = {name: known for name, known in witnesses.items() if known.age > identity.age}
    if younger:
        last = max(known.aged_at for known in younger.values())
        detail = (
            f"it is an older copy, of {rfc3339(identity.aged_at)}; {_named(younger)} worked with it as it "
            f"was at {rfc3339(last)}"
        )
        return Inconsistency(service=service, kind="older", detail=detail)
    return None


def _named(witnesses: Mapping[str, KnownStore]) -> str:
    return " and ".join(sorted(witnesses))
