"""Stores: their watermarks, and the references between their documents and messages.

Any of these checks detects a store restored from an older copy.
"""

from houseful.events.domain import Event
from houseful.kernel.ports import Reader
from houseful.kernel.store_watermarks import Watermarks, inconsistencies
from houseful.manifests import MANIFESTS
from houseful.messages import MESSAGES
from houseful.messaging import DeadLetter, Inbox, Parked, aggregate_id
from houseful.settings import SERVICES
from houseful.store_consistency import watermarks_of
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.shows import Show
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents
from houseful.users.domain import ErasedAccount, User

_ON_ITS_WAY_MILLIS = 30_000
_AT_ONCE = 500
_SENDERS = {message.about: message.sender for message in MESSAGES.values()}


async def known_stores(installation: Installation) -> Snapshot:
    """C13: each store is the one that the others have recorded, and no older copy."""
    watermarks = {
        service: await watermarks_of(installation.stores[service])
        if service in installation.stores
        else Watermarks(exists=False, identity=None, known={})
        for service in SERVICES
    }
    violations = [Violation("C13", f"{one.service} store", one.detail) for one in inconsistencies(watermarks)]
    ages = ", ".join(
        f"{name} {one.identity.age}" for name, one in watermarks.items() if one.identity is not None
    )
    return Snapshot(violations, f"ages: {ages or 'none yet'}")


async def applied_messages(installation: Installation) -> Snapshot:
    """C5: every sent message was applied by its receivers, and no message was applied that was not sent."""
    lags = {} if installation.bus is None else await installation.bus.lags()
    violations: list[Violation] = []
    count = 0
    for manifest in MANIFESTS:
        receiver, store = manifest.name, installation.stores.get(manifest.name)
        senders = {message.sender for message in manifest.handlers}
        if store is None or not senders:
            continue
        # inboxes before outboxes, which grow
        inbox = {one.id: one.seq async for one in all_documents(store, Inbox)}
        waiting = await _waiting(store)
        count += len(inbox)
        for sender in sorted(senders):
            idle = installation.bus is not None and not lags.get((receiver, sender))
            sent, due = await _sent(installation, sender)
            violations += _more_than_sent(receiver, sender, inbox, sent)
            if idle:
                late = {about: seq for about, seq in due.items() if about not in waiting}
                violations += _not_applied(receiver, sender, inbox, late)
    return Snapshot(violations, f"{count:,} things that messages were about")


async def _waiting(store: Reader) -> set[str]:
    """The parked keys and dead letters, which wait for an operator."""
    waiting = {one.id async for one in all_documents(store, Parked)}
    async for letter in all_documents(store, DeadLetter):
        if letter.envelope is not None:
            waiting.add(aggregate_id(letter.envelope.aggregatetype, letter.envelope.key))
    return waiting


async def _sent(installation: Installation, sender: str) -> tuple[dict[str, int], dict[str, int]]:
    """By aggregate, the last number sent, and the last number that is due to be applied."""
    sent: dict[str, int] = {}
    due: dict[str, int] = {}
    store = installation.stores.get(sender)
    if store is None:
        return sent, due
    before = installation.clock.now() - _ON_ITS_WAY_MILLIS
    async for row in store.outbox.rows():
        about = aggregate_id(row.aggregatetype, row.aggregateid)
        sent[about] = row.seq
        if row.created_at < before and (row.published_at or not installation.marks):
            due[about] = row.seq
    return sent, due


def _more_than_sent(
    receiver: str, sender: str, inbox: dict[str, int], sent: dict[str, int]
) -> list[Violation]:
    """The newest message of each aggregate stays in its outbox for ever."""
    return [
        Violation(
            "C5",
            f"{receiver} {about}",
            f"has applied {seq} messages of {sender}, which has sent {sent.get(about, 0)}: the {sender} "
            "store is older",
        )
        for about, seq in inbox.items()
        if _SENDERS.get(about.partition(":")[0]) == sender and seq > sent.get(about, 0)
    ]


def _not_applied(receiver: str, sender: str, inbox: dict[str, int], due: dict[str, int]) -> list[Violation]:
    return [
        Violation(
            "C5",
            f"{receiver} {about}",
            f"has applied {inbox.get(about, 0)} of {last} messages of {sender}, and no more are under way; "
            f"`houseful messages replay {sender}` sends them again",
        )
        for about, last in due.items()
        if inbox.get(about, 0) < last
    ]


async def published_events(installation: Installation) -> Snapshot:
    """C14: a published event has a show with seats, and the other way round."""
    events, tickets = installation.stores.get("events"), installation.stores.get("tickets")
    shows: set[str] = set()
    if tickets is not None:
        shows = {show.id async for show in all_documents(tickets, Show)}
    published: dict[str, Event] = {}
    waiting: set[str] = set()
    if events is not None:
        # After the shows: an event is published before it has one.
        published = {
            one.id: one async for one in all_documents(events, Event) if one.published_at is not None
        }
        waiting = {row.aggregateid async for row in events.outbox.rows() if row.published_at is None}
    violations = [
        Violation("C14", show_id, "has a hall and orders, and there is no such published event")
        for show_id in sorted(shows - published.keys())
    ]
    before = installation.clock.now() - _ON_ITS_WAY_MILLIS
    violations += [
        Violation("C14", event.id, "is published, and tickets has no hall of it")
        for event in published.values()
        if event.id not in shows and (event.published_at or 0) < before and event.id not in waiting
    ]
    return Snapshot(violations, f"{len(published):,} published events, {len(shows):,} halls")


async def accounts(installation: Installation) -> Snapshot:
    """C15: every organizer of an event and every buyer has an account, or had one that was erased."""
    users, events, tickets = (installation.stores.get(name) for name in ("users", "events", "tickets"))
    people: dict[str, str] = {}
    if tickets is not None:
        async for order in all_documents(tickets, Order):
            people.setdefault(order.user_id, f"order {order.id}")
    if events is not None:
        async for event in all_documents(events, Event):
            people.setdefault(event.organizer_id, f"event {event.id}")
    ids = list(people)
    known: set[str] = set()
    if users is not None:
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            known |= (await users.get_many(User, some)).keys() | (
                await users.get_many(ErasedAccount, some)
            ).keys()
    violations = [
        Violation("C15", id, f"is the account of {where}, and does not exist")
        for id, where in people.items()
        if id not in known
    ]
    return Snapshot(violations, f"{len(people):,} accounts")
