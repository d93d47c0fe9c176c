"""Stores vouch for each other: each knows who it is and how old it has become, and what it has seen of the
others.

A store that is gone, is another one, or has become younger is recognised by what the others remember of it.
A store's age is a number that grows while there is something new in it. What others remember of it is always
what it was a round ago: copies that were made one after the other then still go together.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from houseful.kernel.documents import Document, Millis
from houseful.kernel.times import rfc3339

ITSELF = "store"
"""The id of the one `StoreIdentity` in a store."""


class StoreIdentity(Document, frozen=True, kw_only=True):
    """Made with the store, or by the first start of a version that knows of it. `installation` is the id of
    the first store that was made in the installation."""

    collection = "store_identity"

    service: str
    store_id: str
    installation: str
    created_at: Millis
    age: int = 0
    aged_at: Millis = 0


class KnownStore(Document, frozen=True, kw_only=True):
    """What a store remembers of the one of the service with this id."""

    collection = "known_stores"

    store_id: str
    installation: str
    created_at: Millis
    age: int
    aged_at: Millis


class KnownTopic(Document, frozen=True, kw_only=True):
    """How many messages the topic with this id, its own, had when a sender last looked."""

    collection = "known_topics"

    length: int


VOUCHING_DOCUMENTS: tuple[type[Document], ...] = (StoreIdentity, KnownStore, KnownTopic)


class Peek(NamedTuple):
    """What a store says of itself and of others. `exists` is False where nothing was ever stored."""

    exists: bool
    identity: StoreIdentity | None
    known: Mapping[str, KnownStore]


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """Why a service's store can't be the one that the others have worked with."""

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


def known_now(identity: StoreIdentity) -> KnownStore:
    return KnownStore(
        id=identity.service,
        store_id=identity.store_id,
        installation=identity.installation,
        created_at=identity.created_at,
        age=identity.age,
        aged_at=identity.aged_at,
    )


def doubts(seen: Mapping[str, Peek]) -> list[Doubt]:
    """By what these stores remember of each other."""
    found = []
    for service, peek in seen.items():
        witnesses = {
            name: other.known[service]
            for name, other in seen.items()
            if name != service and service in other.known
        }
        doubt = _doubt(service, peek, witnesses)
        if doubt is not None:
            found.append(doubt)
    return found


def _doubt(service: str, peek: Peek, witnesses: Mapping[str, KnownStore]) -> Doubt | None:
    identity = peek.identity
    if not witnesses:
        return None
    if identity is None:
        last = max(known.aged_at for known in witnesses.values())
        state = "is empty" if peek.exists else "is gone"
        detail = f"it {state}, and {_named(witnesses)} had it at {rfc3339(last)}"
        return Doubt(service=service, kind="missing", detail=detail)
    others = {name: known for name, known in witnesses.items() if known.store_id != identity.store_id}
    if others:
        known = next(iter(others.values()))
        whose = "" if known.installation == identity.installation else " and belongs to another installation"
        detail = (
            f"it was made at {rfc3339(identity.created_at)}{whose}; the one that {_named(others)} worked "
            f"with was made at {rfc3339(known.created_at)}"
        )
        return Doubt(service=service, kind="another", detail=detail)
    younger = {name: known for name, known in witnesses.items() if known.age > identity.age}
    if younger:
        last = max(known.aged_at for known in younger.values())
        detail = (
            f"it is an older copy, of {rfc3339(identity.aged_at)}; {_named(younger)} worked with it as it "
            f"was at {rfc3339(last)}"
        )
        return Doubt(service=service, kind="older", detail=detail)
    return None


def _named(witnesses: Mapping[str, KnownStore]) -> str:
    return " and ".join(sorted(witnesses))
