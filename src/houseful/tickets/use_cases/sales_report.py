"""SalesReport for the organizer: what is sold, per category and per minute, and every order as CSV."""

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from houseful.kernel.ports import Clock, Store, Transaction
from houseful.messages import OrderConfirmed, OrderRefunded
from houseful.tickets import schemas
from houseful.tickets.documents import orders_csv
from houseful.tickets.domain import sales
from houseful.tickets.domain.availability import Occupancy
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tickets.use_cases import sold_out
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.inventory import Inventory

_PAGE = 500
_MINUTES = 60
_LOOK_SECONDS = 1.0


class SalesReport:
    def __init__(self, store: Store, inventory: Inventory, availability: Availability, clock: Clock) -> None:
        self._store = store
        self._inventory = inventory
        self._availability = availability
        self._clock = clock

    async def on_confirmed(self, tx: Transaction, message: OrderConfirmed) -> None:
        before = await tx.get(Sales, message.event_id)
        await self._count(tx, before, sales.confirmed(before or Sales(id=message.event_id), message))

    async def on_refunded(self, tx: Transaction, message: OrderRefunded) -> None:
        before = await tx.get(Sales, message.event_id)
        await self._count(tx, before, sales.refunded(before or Sales(id=message.event_id), message))

    async def _count(self, tx: Transaction, before: Sales | None, after: Sales) -> None:
        await sold_out.keep(tx, before, after, await tx.get(Show, after.id))

    async def count_blocked(self) -> None:
        """Bring figures of an older version, which did not count blocked seats, up to date."""
        after: tuple[None, str] | None = None
        while True:
            page = await self._store.find(Sales, {}, after=after, limit=_PAGE)
            for known in page:
                if known.blocked is None:
                    await self._store.transact(partial(self._recount, known.id))
            if len(page) < _PAGE:
                return
            after = (None, page[-1].id)

    async def _recount(self, event_id: str, tx: Transaction) -> None:
        current = await tx.get(Sales, event_id)
        if current is not None and current.blocked is None:
            await self._count(tx, current, current)

    async def sales(self, show: Show) -> schemas.SalesView:
        figures = await self._store.get(Sales, show.id) or Sales(id=show.id)
        admitted = await self._store.count(Ticket, {"event_id": show.id, "state": TicketState.USED})
        occupancy = Occupancy()
        if show.generated == show.seats_total:  # else there may be no hall yet, or never
            view = await self._availability.view(show.id, await self._inventory.layout_of(show))
            occupancy = view.occupancy()
        minutes = sales.last_minutes(figures, self._clock.now(), _MINUTES)
        return schemas.sales_view(show, figures, occupancy, admitted, minutes)

    async def watch_sales(self, show: Show) -> AsyncGenerator[schemas.SalesView, None]:
        before: schemas.SalesView | None = None
        while True:
            current = await self.sales(show)
            if current != before:
                before = current
                yield current
            await self._clock.sleep(_LOOK_SECONDS)

    async def orders_csv(self, show: Show) -> AsyncIterator[bytes]:
        """A header, then the orders as they were placed; page by page, whatever the size of the sale."""
        yield orders_csv.header()
        after: tuple[int, str] | None = None
        while True:
            page = await self._store.find(
                Order, {"event_id": show.id}, by="created_at", after=after, limit=_PAGE
            )
            if page:
                seats = [ordinal for order in page for ordinal in order.ordinals]
                layout = await self._inventory.layout(show.id, seats)
                yield b"".join(orders_csv.row(order, layout) for order in page)
            if len(page) < _PAGE:
                return
            after = (page[-1].created_at, page[-1].id)
