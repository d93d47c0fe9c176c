"""What a gate is told: the tickets that are not simply good, who came in, what went wrong."""

from typing import NamedTuple

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Store
from houseful.kernel.roles import Identity
from houseful.tickets.domain import gate_list
from houseful.tickets.domain.gate_counts import GateCount, night_of
from houseful.tickets.domain.gate_list import Position
from houseful.tickets.domain.gate_staff import GateStaff, may_scan
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.scans import Scan
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tickets.use_cases.inventory import Inventory
from houseful.webapi.cursors import cursor_of, refused, text_of

LISTED_AT_ONCE = 5000
NAMED_AT_ONCE = 1000
MOST_GATES = 200
MOST_CONFLICTS = 200


class GateFigures(NamedTuple):
    """`conflicts` has the newest first, `conflict_tickets` what of theirs is known, by id."""

    counts: list[GateCount]
    sold: int
    conflicts: list[Scan]
    conflict_tickets: dict[str, Ticket]
    now: Millis


class Gate:
    def __init__(self, store: Store, inventory: Inventory, clock: Clock) -> None:
        self._store = store
        self._inventory = inventory
        self._clock = clock

    async def show(self, event_id: str, who: Identity) -> tuple[Show, GateStaff | None, bool]:
        """The event, whom it names, and whether this account may scan for it."""
        show = await self._inventory.show(event_id)
        staff = await self._store.get(GateStaff, event_id)
        return show, staff, may_scan(who, show, staff)

    async def listed(self, show: Show, after: str | None) -> tuple[list[Ticket], str, bool]:
        """Tickets that are not simply good, or have changed; where to read on; whether there is more now."""
        now = self._clock.now()
        position = gate_list.begin(now) if after is None else gate_list.position_of(after)
        page = await self._page(show.id, position)
        is_last = len(page) < LISTED_AT_ONCE
        more = not (is_last and position.part == "changes")
        return page, gate_list.text_of(gate_list.following(position, page, now, is_last=is_last)), more

    async def _page(self, event_id: str, position: Position) -> list[Ticket]:
        if position.part == "changes":
            return await self._store.find(
                Ticket,
                {"event_id": event_id},
                by="changed_at",
                since=position.moment,
                after=(position.moment, position.id) if position.id else None,
                limit=LISTED_AT_ONCE,
            )
        state = TicketState.USED if position.part == "used" else TicketState.REFUNDED
        return await self._store.find(
            Ticket,
            {"event_id": event_id, "state": state},
            after=(None, position.id) if position.id else None,
            limit=LISTED_AT_ONCE,
        )

    async def named(self, show: Show, cursor: str | None) -> tuple[list[tuple[Ticket, str]], str | None]:
        """Living tickets with the names of their buyers, and the cursor of the next page, None at the end.
        An order whose buyer was erased has no name and is left out."""
        state, id = text_of(cursor) or (TicketState.VALID, "")
        if state not in (TicketState.VALID, TicketState.USED):
            raise refused()
        found = await self._store.find(
            Ticket,
            {"event_id": show.id, "state": state},
            after=(None, id) if id else None,
            limit=NAMED_AT_ONCE,
        )
        orders = await self._store.get_many(Order, sorted({one.order_id for one in found}))
        names = [(one, orders[one.order_id].buyer_name) for one in found if one.order_id in orders]
        next = None
        if len(found) == NAMED_AT_ONCE:
            next = cursor_of(state, found[-1].id)
        elif state == TicketState.VALID:
            next = cursor_of(TicketState.USED, "")
        return [(ticket, name) for ticket, name in names if name], next

    async def figures(self, show: Show) -> GateFigures:
        counts = await self._store.find(GateCount, {"night": night_of(show)}, limit=MOST_GATES)
        sales = await self._store.get(Sales, show.id)
        conflicts = await self._store.find(
            Scan, {"event_id": show.id}, by="conflict_at", since=0, descending=True, limit=MOST_CONFLICTS
        )
        ids = sorted({scan.ticket_id for scan in conflicts if scan.ticket_id is not None})
        return GateFigures(
            counts=counts,
            sold=0 if sales is None else sales.sold,
            conflicts=conflicts,
            conflict_tickets=await self._store.get_many(Ticket, ids),
            now=self._clock.now(),
        )
