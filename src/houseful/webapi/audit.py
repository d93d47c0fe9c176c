"""The audit log: what staff did, who it was, and when. Each service writes its own, in the transaction of the
act, and never changes an entry.

An act whose object has a history of its own is in that history alone, and is read from there (`History`).
Addresses of staff are in `AuditActor`, one document an account, so that an erasure empties that and leaves
the log as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis, Scalar
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.roles import Identity, Role
from houseful.kernel.telemetry import request_id
from houseful.webapi.cursors import ByMoment

OPERATOR = "operator"
"""The role of who acts on the command line, without an account."""

_MOST_SCANNED = 2_000
_SCANNED_AT_ONCE = 200
_BY_POWER = (Role.ADMIN, Role.ORGANIZER, Role.GATE, Role.BUYER)

Detail = str | int | bool | list[str] | None


class Actor(NamedTuple):
    """Who acts. `email` is the account's address at this moment, empty where it is not known."""

    user_id: str
    role: str
    email: str = ""


COMMAND_LINE = Actor("", OPERATOR)


def actor_of(who: Identity) -> Actor:
    """The holder of an access token, with the most powerful of its roles."""
    role = next((role for role in _BY_POWER if who.has(role)), Role.BUYER)
    return Actor(who.user_id, role, who.email)


class AuditEntry(Document, frozen=True, kw_only=True):
    """One act. `object` is what it changed, as kind and id: `event:evt_…`. An entry of the command line has
    no `actor_id`."""

    collection = "audit_entries"
    indexes = (Index(("at",)), Index(("actor_id", "at")), Index(("object", "at")))

    at: Millis
    actor_id: str
    role: str
    act: str
    object: str
    details: dict[str, Detail] = {}
    request_id: str = ""


class Address(msgspec.Struct, frozen=True, array_like=True):
    since: Millis
    email: str


class AuditActor(Document, frozen=True, kw_only=True):
    """The addresses of an account that acted, each since when this service saw it. Of an erased account it
    stays, and is empty: what comes later names nobody either."""

    collection = "audit_actors"

    addresses: tuple[Address, ...] = ()
    erased: bool = False

    def email_at(self, moment: Millis) -> str | None:
        """The address at that moment; before the first that was seen, that one."""
        if not self.addresses:
            return None
        earlier = [one.email for one in self.addresses if one.since <= moment]
        return earlier[-1] if earlier else self.addresses[0].email


AUDIT_DOCUMENTS: tuple[type[Document], ...] = (AuditEntry, AuditActor)
"""Part of the documents of every service that has acts of staff."""


class AuditLog:
    """Writes a service's audit log."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    async def record(self, tx: Transaction, by: Actor, act: str, object: str, **details: Detail) -> None:
        """Write down an act in the transaction that does it."""
        await self.know(tx, by)
        entry = AuditEntry(
            id=self._ids.new("aud"),
            at=self._clock.now(),
            actor_id=by.user_id,
            role=by.role,
            act=act,
            object=object,
            details=details,
            request_id=request_id.get() or "",
        )
        tx.insert(entry)

    async def know(self, tx: Transaction, by: Actor) -> None:
        """Keep the actor's address, for an act that is written to another history."""
        if not (by.user_id and by.email):
            return
        known = await tx.get(AuditActor, by.user_id)
        address = Address(self._clock.now(), by.email)
        if known is None:
            tx.insert_or_ignore(AuditActor(id=by.user_id, addresses=(address,)))
        elif not known.erased and known.addresses[-1].email != by.email:
            tx.put(replace(known, addresses=(*known.addresses, address)))


async def erase_actor(tx: Transaction, user_id: str) -> None:
    """From here on the log knows the account by its id alone."""
    known = await tx.get(AuditActor, user_id)
    empty = AuditActor(id=user_id, erased=True)
    if known is None:
        tx.insert(empty)  # an act at this moment makes this fail, and the erasure comes again
    elif known != empty:
        tx.put(empty)


# Reading


class Lookup(NamedTuple):
    """How documents are found: their fields, and the moment that orders them."""

    equal: Mapping[str, Scalar]
    by: str = "at"


class History(NamedTuple):
    """Documents that hold acts of staff. `of_actor` and `of_object` say how those of one account or object
    are found; None where the history has none of such an object. `entry` is None for what staff did not
    do."""

    kind: type[Document]
    all: Lookup
    of_actor: Callable[[str], Lookup]
    of_object: Callable[[str], Lookup | None]
    entry: Callable[[Any], AuditEntry | None]


ENTRIES = History(
    AuditEntry,
    all=Lookup({}),
    of_actor=lambda user_id: Lookup({"actor_id": user_id}),
    of_object=lambda object: Lookup({"object": object}),
    entry=lambda entry: entry,
)


class AuditFilter(NamedTuple):
    """What is wanted of a log. `act` is an act or the beginning of several, up to a dot."""

    actor: str = ""
    object: str = ""
    act: str = ""
    since: Millis = 0
    until: Millis | None = None

    def has(self, entry: AuditEntry) -> bool:
        return (
            self.actor in ("", entry.actor_id)
            and self.object in ("", entry.object)
            and (not self.act or f"{entry.act}.".startswith(f"{self.act}."))
        )


class Part(NamedTuple):
    """Some entries of a log, newest first. Behind `last`, if there is one, it goes on."""

    entries: list[Any]
    last: ByMoment | None


async def read_log(
    store: Store, histories: Sequence[History], wanted: AuditFilter, after: ByMoment | None, limit: int
) -> Part:
    """A page of all acts, the newest first. A page may be short, even empty, and yet go on: at most 2,000
    documents of a history are read for it."""
    parts = [await _read(store, history, wanted, after, limit) for history in (ENTRIES, *histories)]
    return merged(parts, limit, lambda entry: (entry.at, entry.id))


async def _read(
    store: Store, history: History, wanted: AuditFilter, after: ByMoment | None, limit: int
) -> Part:
    lookup: Lookup | None = history.all
    if wanted.object:
        lookup = history.of_object(wanted.object)
    elif wanted.actor:
        lookup = history.of_actor(wanted.actor)
    found: list[AuditEntry] = []
    if lookup is None:
        return Part(found, None)
    for _ in range(_MOST_SCANNED // _SCANNED_AT_ONCE):
        batch = await store.find(
            history.kind,
            lookup.equal,
            by=lookup.by,
            since=wanted.since,
            until=wanted.until,
            after=after,
            descending=True,
            limit=_SCANNED_AT_ONCE,
        )
        for document in batch:
            after = (getattr(document, lookup.by), document.id)
            entry = history.entry(document)
            if entry is not None and wanted.has(entry):
                found.append(entry)
                if len(found) == limit:
                    return Part(found, after)
        if len(batch) < _SCANNED_AT_ONCE:
            return Part(found, None)
    return Part(found, after)


def merged(parts: Sequence[Part], limit: int, position: Callable[[Any], ByMoment]) -> Part:
    """One log of several. What lies behind the newest `last` is left for the next page: the part that ended
    there may have more in between."""
    goes_on = [part.last for part in parts if part.last is not None]
    last = max(goes_on, default=None)
    entries = sorted((entry for part in parts for entry in part.entries), key=position, reverse=True)
    if last is not None:
        entries = [entry for entry in entries if position(entry) >= last]
    if len(entries) > limit:
        return Part(entries[:limit], position(entries[limit - 1]))
    return Part(entries, last)


async def emails_of(store: Store, entries: Sequence[AuditEntry]) -> dict[str, str | None]:
    """The actor's address at the time of each entry, by the entry's id."""
    ids = sorted({entry.actor_id for entry in entries if entry.actor_id})
    actors = await store.get_many(AuditActor, ids)
    return {
        entry.id: None if (actor := actors.get(entry.actor_id)) is None else actor.email_at(entry.at)
        for entry in entries
    }
