"""Check-in and check-out: a ticket admits once until it is checked out, and a repeated scan gets its first
response."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Conflict, Duplicate
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.kernel.telemetry import request_id
from houseful.tickets.domain import reschedules, scans, ticket_codes
from houseful.tickets.domain.gate_counts import GateCount, count_id, counted, night_of
from houseful.tickets.domain.gate_staff import GateStaff, is_supervisor, may_scan
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.order_acts import Act, OrderAct, desk
from houseful.tickets.domain.scans import Scan, ScanRequest, Verdict
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, reopened
from houseful.tickets.use_cases.inventory import Inventory

T = TypeVar("T")


class Place(NamedTuple):
    """What a gate has to know of an event. `layout` is there where a scanned ticket is for it."""

    show: Show
    layout: Layout | None
    staff: GateStaff | None


class Scanned(NamedTuple):
    """The verdict; the ticket and its event where they are known and the caller may know them."""

    scan: Scan
    ticket: Ticket | None
    place: Place | None
    trusted: bool


class NotStaff(NamedTuple):
    """Nothing was done: the caller may not scan for this event."""

    place: Place


Outcome = Scanned | NotStaff
Keep = Callable[[Transaction, list[Outcome]], T]


class CheckIn:
    def __init__(self, store: Store, inventory: Inventory, clock: Clock, keys: Sequence[bytes]) -> None:
        self._store = store
        self._inventory = inventory
        self._clock = clock
        self._keys = keys

    async def check_in(self, who: Identity, requests: Sequence[ScanRequest], keep: Keep[T]) -> T:
        """All scans in their order, in one transaction with the answer that `keep` makes of them."""
        read = [self._read(request) for request in requests]
        places = await self._places(requests, read)

        async def work(tx: Transaction) -> T:
            return keep(
                tx,
                [
                    await self._one(tx, who, request, reading, places)
                    for request, reading in zip(requests, read, strict=True)
                ],
            )

        try:
            return await self._store.transact(work)
        except Duplicate as error:
            if error.collection not in (Scan.collection, GateCount.collection, OrderAct.collection):
                raise
            # A copy of a scan arrived at once, or a gate's first scans did; they have been kept by now.
            return await self._store.transact(work)

    def _read(self, request: ScanRequest) -> ticket_codes.Reading | None:
        """The ticket that was read, or named by who may: `_one` looks at that."""
        if request.by_name:
            return ticket_codes.Reading(request.code, None)
        return ticket_codes.read_code(request.code, self._keys)

    async def _places(
        self, requests: Sequence[ScanRequest], read: Sequence[ticket_codes.Reading | None]
    ) -> dict[str, Place]:
        """The events that these scans are about, as far as they exist."""
        ids = {reading.ticket_id for reading in read if reading is not None}
        found = await self._store.get_many(Ticket, sorted(ids))
        of_tickets = {ticket.event_id for ticket in found.values()}
        events = sorted(of_tickets | {one.event_id for one in requests if one.event_id is not None})
        shows = await self._store.get_many(Show, events)
        staff = await self._store.get_many(GateStaff, events)
        return {
            id: Place(
                show, await self._inventory.layout_of(show) if id in of_tickets else None, staff.get(id)
            )
            for id, show in shows.items()
        }

    async def _one(
        self,
        tx: Transaction,
        who: Identity,
        request: ScanRequest,
        reading: ticket_codes.Reading | None,
        places: dict[str, Place],
    ) -> Outcome:
        """A scan that was seen before gets the answer that it got."""
        ticket = None if reading is None else await tx.get(Ticket, reading.ticket_id)
        if (
            reading is not None
            and ticket is not None
            and reading.event_mark is not None
            and ticket_codes.event_mark(ticket.event_id) != reading.event_mark
        ):
            ticket = None
        if ticket is not None and ticket.event_id not in places:
            raise Conflict(f"{ticket.id} was issued at this very moment")
        own = None if ticket is None else places[ticket.event_id]
        asked = own if request.event_id is None else places.get(request.event_id)
        if asked is not None and not may_scan(who, asked.show, asked.staff):
            return NotStaff(asked)
        trusted = own is not None and may_scan(who, own.show, own.staff)
        key, by_account = scans.scan_key(request), scans.key_by_account(who.user_id, request)
        known = await tx.get_many(Scan, [key, by_account])
        earlier = known.get(key)
        if earlier is None and by_account in known and scans.is_copy(known[by_account], request):
            earlier = known[by_account]
        if earlier is not None:
            if request.decided_offline and not earlier.decided_offline:
                earlier = replace(earlier, decided_offline=True)
                tx.put(earlier)
            return Scanned(earlier, ticket, own, trusted)
        scan, after = self._judged(tx, who, key, request, ticket, own)
        if asked is not None:
            await _count(tx, asked.show, scan)
        return Scanned(scan, after, own, trusted)

    def _judged(
        self,
        tx: Transaction,
        who: Identity,
        key: str,
        request: ScanRequest,
        ticket: Ticket | None,
        own: Place | None,
    ) -> tuple[Scan, Ticket | None]:
        now = self._clock.now()
        at, clock = scans.counted_at(request.scanned_at, now)
        verdict, after = scans.judge(ticket, request, scan_id=key, scanned_at=at)
        place = own if own is not None and own.show.id == (request.event_id or own.show.id) else None
        wanted = place is not None and ticket is not None and scans.may_override(verdict, request)
        overrides = wanted and place is not None and is_supervisor(who, place.show)
        if overrides and place is not None and ticket is not None:
            verdict = Verdict.ADMITTED
            tx.insert(_let_in(key, who, request, place.show, ticket, now))
        event_id = request.event_id or (None if ticket is None else ticket.event_id)
        if after is not None and after is not ticket:
            after = replace(after, changed_at=now)
            if own is not None and reschedules.is_of_another_time(own.show, at):
                after = reopened(after, now)
            tx.put(after)
        first = after if verdict is Verdict.ALREADY_USED else None
        scan = Scan(
            id=key,
            verdict=verdict,
            ticket_id=None if after is None else after.id,
            gate=request.gate,
            scanned_at=at,
            received_at=now,
            first_at=None if first is None or first.used_at is None else min(first.used_at, now),
            first_gate=None if first is None else first.gate,
            clock=clock,
            user_id=who.user_id,
            event_id=event_id,
            direction=request.direction,
            re_entry=verdict is Verdict.ADMITTED
            and not overrides
            and ticket is not None
            and ticket.out_at is not None,
            decided_offline=request.decided_offline,
            by_name=request.by_name,
            override_reason=request.override_reason if overrides else "",
            not_supervisor=wanted and not overrides,
        )
        tx.insert(scan)
        return scan, after


def _let_in(
    scan_id: str, who: Identity, request: ScanRequest, show: Show, ticket: Ticket, now: Millis
) -> OrderAct:
    by = desk(show, who, request_id.get() or "")
    return OrderAct(
        id=f"act_{scan_id}",
        order_id=ticket.order_id,
        at=now,
        act=Act.LET_IN,
        actor=by.actor,
        user_id=by.user_id,
        text=request.override_reason,
        seats=(ticket.ordinal,),
        request_id=by.request_id,
    )


async def _count(tx: Transaction, show: Show, scan: Scan) -> None:
    night = night_of(show)
    id = count_id(night, scan.gate)
    known = await tx.get(GateCount, id)
    if known is None:
        tx.insert(counted(GateCount(id=id, night=night, gate=scan.gate), scan))
    else:
        tx.put(counted(known, scan))
