"""The use cases of events: one transaction each."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec
from msgspec import UNSET

from houseful.events import amending, announcements, domain, line_service, plans, rescheduling, searching
from houseful.events.domain import Changes, Event, NewEvent
from houseful.events.plans import CheckedPlan, Hall, SentPlan, StoredPlan
from houseful.events.rescheduling import Move
from houseful.events.searching import Search
from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import Conflict, StateConflict, not_found
from houseful.kernel.ports import Clock, Ids, Reader, ServiceClient, Store, Transaction, Workers
from houseful.kernel.roles import Identity, Role
from houseful.messages import (
    AccountErased,
    AmendmentApplied,
    AmendmentRefused,
    AvailabilityChanged,
    EventCancelled,
    InventoryFailed,
    InventoryReady,
)
from houseful.seating.parsing import StandingArea
from houseful.webapi.audit import AUDIT_DOCUMENTS, AuditLog, Detail, actor_of, erase_actor
from houseful.webapi.cursors import ByMoment
from houseful.webapi.idempotency import IdempotencyContext, StoredResponse, purge_expired

DOCUMENTS: tuple[type[Document], ...] = (Event, StoredPlan, StoredResponse, *AUDIT_DOCUMENTS)

T = TypeVar("T")

_HOUSEKEEPING_SECONDS = 60.0
_MOST_ROUNDS = 5
_PLANS_KEPT = 4


class PlanFile(msgspec.Struct, frozen=True):
    """A seating plan's JSON. `final` where it was asked for by its hash: that never changes."""

    plan_hash: str
    content: bytes
    public: bool
    final: bool


class EventsService:
    """Events, from the draft to the day. Safe to run in any number of processes."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, workers: Workers, client: ServiceClient) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._workers = workers
        self._client = client
        self._audit = AuditLog(clock, ids)
        # A stadium's plan costs a second of processor time and tens of megabytes: one at a time.
        self._plan_work = asyncio.Semaphore(1)
        self._plan_reading = asyncio.Lock()
        self._plans_read: dict[str, bytes] = {}

    def now(self) -> Millis:
        return self._clock.now()

    def state(self, event: Event) -> domain.State:
        return domain.state(event, self.now())

    async def create(
        self,
        who: Identity,
        new: NewEvent,
        outcome: Callable[[Event], T],
        context: IdempotencyContext | None = None,
    ) -> T:
        """A draft, as `outcome` shows it, stored for a repetition where there is a context. Raises
        `Invalid` with every error of its fields and its plan."""
        if context is not None:
            await self._store.transact(context.check)
        async with self._plan_work:
            checked = await self._workers.run(
                plans.check_plan, new.plan, new.prices, new.areas, whose=who.user_id
            )
        now = self._clock.now()
        event = domain.draft(self._ids.new("evt"), who.user_id, new, checked.hall, now)
        domain.refuse(
            {**domain.errors_of(event, _zones()), **domain.start_errors(event, now), **checked.errors}
        )

        async def work(tx: Transaction) -> T:
            _store_plan(tx, checked)
            tx.insert(event)
            await self._record(tx, who, "created", event.id)
            made = outcome(event)
            if context is not None:
                context.store(tx, made)
            return made

        return await self._store.transact(work)

    async def change(self, who: Identity, event_id: str, changes: Changes) -> Event:
        """Raises `NotFound`, `StateConflict` for what may not change any more, `Invalid`. A change of
        nothing is no change.

        A plan is read outside of the transaction; if the event was changed meanwhile, it is done again.
        """
        for _ in range(_MOST_ROUNDS):
            seen = _owned(await self._store.get(Event, event_id), who)
            changed, checked = await self._changed(seen, changes)
            if changed is seen or await self._replace(seen, changed, checked, changes, who):
                return changed
        raise Conflict(f"{event_id} keeps changing")

    async def _changed(self, event: Event, changes: Changes) -> tuple[Event, CheckedPlan | None]:
        now = self._clock.now()
        domain.changed(event, changes, event.hall, now)  # refuses what can't change before any plan is read
        checked = await self._recheck(event, changes)
        changed = domain.changed(event, changes, event.hall if checked is None else checked.hall, now)
        errors = domain.errors_of(changed, _zones())
        if changes.starts_at is not UNSET:
            errors |= domain.start_errors(changed, now)
        domain.refuse(errors if checked is None else {**errors, **checked.errors})
        return changed, checked

    async def _recheck(self, event: Event, changes: Changes) -> CheckedPlan | None:
        """Plan, prices and areas belong together: whichever changes, all three are checked."""
        if changes.plan is UNSET and changes.prices is UNSET and changes.areas is UNSET:
            return None
        prices: Mapping[str, int] = event.prices if changes.prices is UNSET else changes.prices
        areas: Sequence[StandingArea] = event.areas if changes.areas is UNSET else changes.areas
        async with self._plan_work:
            if changes.plan is not UNSET:
                whose = event.organizer_id
                return await self._workers.run(plans.check_plan, changes.plan, prices, areas, whose=whose)
            packed = await self._packed(event.hall)
            return await self._workers.run(
                plans.check_packed, packed, prices, areas, whose=event.organizer_id
            )

    async def _replace(
        self, seen: Event, changed: Event, checked: CheckedPlan | None, changes: Changes, who: Identity
    ) -> bool:
        """False, and nothing done, if the event is not as it was seen any more."""

        async def work(tx: Transaction) -> bool:
            if await tx.get(Event, seen.id) != seen:
                return False
            if checked is not None:
                _store_plan(tx, checked)
            tx.put(changed)
            await self._record(tx, who, "changed", seen.id, fields=_differing(seen, changed, changes))
            if changed.status != "draft":
                tx.send(announcements.changed(seen, changed))
            return True

        return await self._store.transact(work)

    async def publish(self, who: Identity, event_id: str) -> Event:
        """Starts the making of the inventory. Publishing again changes nothing.

        Raises `NotFound`, `StateConflict` for a cancelled event and for one with a line where there is no
        line service, `Invalid` for one whose time is past.
        """
        asked = _owned(await self._store.get(Event, event_id), who)
        if asked.published_at is None and asked.line.mode != "off":
            await line_service.check_runs(self._client)

        async def work(tx: Transaction) -> Event:
            event = _owned(await tx.get(Event, event_id), who)
            published = domain.published(event, self._clock.now())
            if published is not event:
                tx.put(published)
                tx.send(announcements.published(published))
                await self._record(tx, who, "published", event_id)
            return published

        return await self._store.transact(work)

    async def cancel(self, who: Identity, event_id: str) -> Event:
        """For good: the ticket service stops sales and refunds. Cancelling again changes nothing."""

        async def work(tx: Transaction) -> Event:
            event = _owned(await tx.get(Event, event_id), who)
            cancelled = domain.cancelled(event, self._clock.now())
            if cancelled is not event:
                tx.put(cancelled)
                await self._record(tx, who, "cancelled", event_id)
                if cancelled.published_at is not None:
                    tx.send(EventCancelled(event_id=event_id))
            return cancelled

        return await self._store.transact(work)

    async def reschedule(
        self,
        who: Identity,
        event_id: str,
        move: Move,
        outcome: Callable[[Event], T],
        context: IdempotencyContext,
    ) -> T:
        """Another date or place; the ticket service tells the buyers. Raises `NotFound`, and as
        `rescheduling.rescheduled`."""

        async def work(tx: Transaction) -> T:
            event = _owned(await tx.get(Event, event_id), who)
            moved = rescheduling.rescheduled(event, move, _zones(), self._clock.now())
            tx.put(moved)
            tx.send(rescheduling.rescheduled_message(moved))
            fields = [name for name in rescheduling.MOVED if getattr(event, name) != getattr(moved, name)]
            await self._record(tx, who, "rescheduled", event_id, fields=fields)
            shown = outcome(moved)
            context.store(tx, shown)
            return shown

        return await self._store.transact(work)

    async def amend(
        self,
        who: Identity,
        event_id: str,
        plan: SentPlan,
        prices: Mapping[str, int],
        outcome: Callable[[Event], T],
        context: IdempotencyContext,
    ) -> T:
        """Another plan; the ticket service applies or refuses it. Raises `NotFound`, `Invalid` with every
        error of the plan, and as `amending.amended`."""
        await self._store.transact(context.check)
        seen = _owned(await self._store.get(Event, event_id), who)
        amending.check_amendable(seen, self._clock.now())
        async with self._plan_work:
            checked, all_prices = await self._workers.run(
                plans.check_amended, plan, seen.prices, prices, seen.areas, whose=who.user_id
            )
        domain.refuse(checked.errors)

        async def work(tx: Transaction) -> T:
            event = _owned(await tx.get(Event, event_id), who)
            if (event.prices, event.areas) != (seen.prices, seen.areas):
                raise StateConflict("busy", "The event was changed at this very moment. Try again.")
            changed = amending.amended(event, checked.hall, all_prices, self._clock.now())
            _store_plan(tx, checked)
            tx.put(changed)
            tx.send(amending.requested_message(changed))
            await self._record(tx, who, "amended", event_id)
            shown = outcome(changed)
            context.store(tx, shown)
            return shown

        return await self._store.transact(work)

    async def delete(self, who: Identity, event_id: str) -> None:
        """A draft, for good. Raises `NotFound`, `StateConflict` for what was ever published."""

        async def work(tx: Transaction) -> None:
            event = _owned(await tx.get(Event, event_id), who)
            domain.check_deletable(event)
            tx.delete(event)
            await self._record(tx, who, "deleted", event_id)

        await self._store.transact(work)

    async def _record(
        self, tx: Transaction, who: Identity, act: str, event_id: str, **details: Detail
    ) -> None:
        await self._audit.record(tx, actor_of(who), f"event.{act}", f"event:{event_id}", **details)

    async def purge_expired(self) -> None:
        """A job: forget kept answers after their 48 hours."""
        while True:
            while await purge_expired(self._store, self._clock):
                pass
            await self._clock.sleep(_HOUSEKEEPING_SECONDS)

    async def event(self, who: Identity | None, event_id: str) -> Event:
        """What was published is for anyone, also when it is cancelled; the rest is for its organizer."""
        event = await self._store.get(Event, event_id)
        if event is not None and event.published_at is not None:
            return event
        return _owned(event, who)

    async def own_event(self, who: Identity, event_id: str) -> Event:
        """Raises `NotFound` unless it is the caller's own."""
        return _owned(await self._store.get(Event, event_id), who)

    async def search(self, search: Search) -> tuple[list[Event], ByMoment | None]:
        """As `searching.search`."""
        return await searching.search(self._store, search, self._clock.now())

    async def plan(
        self, who: Identity | None, event_id: str, known: Collection[str] = (), version: str | None = None
    ) -> PlanFile:
        """The seating plan of an event that the caller may see; without content if it is a known one. Of an
        event whose plan is amended just now, `version` may name the plan to be.

        The last plan asked for is kept in memory, since on the day everybody asks for the same one.
        """
        event = await self.event(who, event_id)
        hall = event.hall
        if event.amendment is not None and version == event.amendment.hall.plan_hash:
            hall = event.amendment.hall
        plan_hash = hall.plan_hash
        public = event.published_at is not None
        final = public and version == plan_hash
        if plan_hash in known:
            return PlanFile(plan_hash, b"", public, final)
        content = self._plans_read.get(plan_hash)
        if content is None:
            async with self._plan_reading:
                content = self._plans_read.get(plan_hash) or await self._read_plan(event, hall)
        return PlanFile(plan_hash, content, public, final)

    async def _read_plan(self, event: Event, hall: Hall) -> bytes:
        packed = await self._packed(hall)
        content = await self._workers.run(plans.plan_json, packed, whose="plans")
        self._plans_read[hall.plan_hash] = content
        if len(self._plans_read) > _PLANS_KEPT:
            del self._plans_read[next(iter(self._plans_read))]
        return content

    async def _packed(self, hall: Hall) -> bytes:
        ids = plans.part_ids(hall)
        parts = await self._store.get_many(StoredPlan, ids)
        return b"".join(parts[id].data for id in ids)

    async def account_erased(self, tx: Transaction, message: AccountErased) -> None:
        await erase_actor(tx, message.user_id)

    async def inventory_ready(self, tx: Transaction, message: InventoryReady) -> None:
        event = await _known(tx, message.event_id)
        _put_if_new(tx, event, domain.with_inventory(event, message.seats_total, self._clock.now()))

    async def inventory_failed(self, tx: Transaction, message: InventoryFailed) -> None:
        event = await _known(tx, message.event_id)
        _put_if_new(tx, event, domain.without_inventory(event, message.detail, self._clock.now()))

    async def amendment_applied(self, tx: Transaction, message: AmendmentApplied) -> None:
        event = await _known(tx, message.event_id)
        amended = amending.applied(event, message, self._clock.now())
        if amended is not event:
            tx.put(amended)
            tx.send(announcements.changed(event, amended))

    async def amendment_refused(self, tx: Transaction, message: AmendmentRefused) -> None:
        event = await _known(tx, message.event_id)
        _put_if_new(tx, event, amending.refused(event, message, self._clock.now()))

    async def availability_changed(self, tx: Transaction, message: AvailabilityChanged) -> None:
        event = await _known(tx, message.event_id)
        _put_if_new(tx, event, msgspec.structs.replace(event, sold_out=message.sold_out))


def is_owned(event: Event, who: Identity | None) -> bool:
    """An administrator has them all."""
    return who is not None and (event.organizer_id == who.user_id or who.has(Role.ADMIN))


def _owned(event: Event | None, who: Identity | None) -> Event:
    """Raises `NotFound` unless it is the caller's own event."""
    if event is None or not is_owned(event, who):
        raise not_found("event")
    return event


def _differing(before: Event, after: Event, changes: Changes) -> list[str]:
    """What was said and is another now; a plan is not compared."""
    return [
        name for name in changes.given() if name == "plan" or getattr(before, name) != getattr(after, name)
    ]


async def _known(reader: Reader, event_id: str) -> Event:
    event = await reader.get(Event, event_id)
    if event is None:
        raise LookupError(f"there is no event {event_id}, but a message about it")
    return event


def _put_if_new(tx: Transaction, before: Event, after: Event) -> None:
    if after != before:
        tx.put(after)


def _store_plan(tx: Transaction, checked: CheckedPlan) -> None:
    for id, data in zip(plans.part_ids(checked.hall), checked.parts, strict=True):
        tx.insert_or_ignore(StoredPlan(id=id, data=data))


@cache
def _zones() -> frozenset[str]:
    """The zones of the IANA database that comes along, so that all machines know the same."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
