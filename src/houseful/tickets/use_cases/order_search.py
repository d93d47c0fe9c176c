"""The order desk's search: orders of one event by what a buyer can tell of one.

Whole texts (an order, a ticket, a seat) are looked up. Beginnings of a name or an address are searched in the
indexes of `person_keys`. No search reads more than it has found, but for orders that it has shown already.
"""

import re
from collections.abc import Sequence
from operator import attrgetter

from houseful.kernel.ports import Store
from houseful.tickets.domain.blocks import Block, SeatState, block_id
from houseful.tickets.domain.holds import Hold
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.seat_search import seats_named
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.ticket_codes import read_code, ticket_id_of
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tickets.use_cases.seats import by_block
from houseful.webapi import prefix_search
from houseful.webapi.cursors import cursor_of, moment_of

_ID = re.compile(r"(?:(ord|tkt)_)?([0-9a-f]{12,32})")
"""The beginning of an id, behind its milliseconds: what is shorter begins the ids of many."""

_MOST_BY_ID = 20


class OrderSearch:
    def __init__(self, store: Store, inventory: Inventory, keys: Sequence[bytes]) -> None:
        self._store = store
        self._inventory = inventory
        self._keys = keys

    async def page(
        self, show: Show, text: str, cursor: str | None, limit: int
    ) -> tuple[list[Order], str | None]:
        """Orders of this event and the cursor of the next page, None at the end. Without a text all of them,
        newest first. Raises `Invalid` for a cursor of another list.
        """
        if not text.strip():
            return await self._newest(show, cursor, limit)
        named = await self._named(show, text)
        ways = prefix_search.of_person(text, email="email_key")
        return await prefix_search.page(self._store, Order, {"event_id": show.id}, ways, named, cursor, limit)

    async def _newest(self, show: Show, cursor: str | None, limit: int) -> tuple[list[Order], str | None]:
        found = await self._store.find(
            Order,
            {"event_id": show.id},
            by="created_at",
            after=moment_of(cursor),
            descending=True,
            limit=limit,
        )
        last = found[-1] if len(found) == limit else None
        return found, None if last is None else cursor_of(last.created_at, last.id)

    async def _named(self, show: Show, text: str) -> list[Order]:
        """The orders of which this is an id, a ticket or a seat, by their ids."""
        layout = await self._inventory.layout_of(show)
        ids = await self._of_ticket(text) | await self._of_seats(show, layout, text)
        found = dict(await self._store.get_many(Order, sorted(ids)))
        found |= {order.id: order for order in await self._by_id(text)}
        return sorted((one for one in found.values() if one.event_id == show.id), key=attrgetter("id"))

    async def _by_id(self, text: str) -> list[Order]:
        match = _ID.fullmatch(text.strip().lower())
        if match is None or match[1] == "tkt":
            return []
        begin = f"ord_{match[2]}"
        return await self._store.find(
            Order, {}, since=begin, until=begin + prefix_search.LAST, limit=_MOST_BY_ID
        )

    async def _of_ticket(self, text: str) -> set[str]:
        reading = read_code(text, self._keys)
        ticket_id = ticket_id_of(text) if reading is None else reading.ticket_id
        match = _ID.fullmatch(text.strip().lower())
        if match is not None and match[1] != "ord":
            ticket_id = f"tkt_{match[2]}"
        if ticket_id is None:
            return set()
        tickets = await self._store.find(
            Ticket, {}, since=ticket_id, until=ticket_id + prefix_search.LAST, limit=_MOST_BY_ID
        )
        return {ticket.order_id for ticket in tickets}

    async def _of_seats(self, show: Show, layout: Layout, text: str) -> set[str]:
        """Whose the seats are now: sold, or held by an order that is not paid yet."""
        ordinals = seats_named(layout, text)
        blocks = await self._store.get_many(
            Block, [block_id(show.id, index) for index in by_block(layout, ordinals)]
        )
        orders, holds = set(), set()
        for block in blocks.values():
            for ordinal in ordinals:
                claim = block.claims.get(ordinal - block.first)
                if claim is not None and claim.state is SeatState.SOLD:
                    orders.add(claim.by)
                elif claim is not None and claim.state is SeatState.HELD:
                    holds.add(claim.by)
        found = await self._store.get_many(Hold, sorted(holds))
        return orders | {hold.order_id for hold in found.values() if hold.order_id is not None}
