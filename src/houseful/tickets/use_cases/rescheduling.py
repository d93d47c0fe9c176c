"""Events that were moved: the show follows, tickets admit anew, and every buyer is told once.

Buyers are told page by page. A page's emails are queued in the transaction that stores how far the telling
has come, and each order remembers of what its buyer was told: after a crash it goes on, and nobody is told
twice. There are no more pages while emails wait to go: who buys meanwhile gets the tickets soon.
"""

from functools import partial

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Transient
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.messages import EventRescheduled, OrderConfirmed
from houseful.tickets.domain import reschedules
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, TicketState, reopened
from houseful.tickets.use_cases.order_notifications import OrderNotifications

log = get_logger(__name__)

ORDERS_AT_ONCE = 100
MOST_WAITING = 200
"""So many emails that are due keep more from being queued."""
_PAGE = 500
_SHOWS_AT_ONCE = 100


class Rescheduling:
    def __init__(self, store: Store, notifications: OrderNotifications, clock: Clock) -> None:
        self._store = store
        self._notifications = notifications
        self._clock = clock

    async def on_rescheduled(self, tx: Transaction, message: EventRescheduled) -> None:
        """A message that comes again, or after a later one, changes nothing."""
        show = await tx.get(Show, message.event_id)
        if show is None:
            return
        changed = reschedules.applied(show, message.reschedule, self._clock.now())
        if changed is not show:
            tx.put(changed)

    async def on_confirmed(self, tx: Transaction, message: OrderConfirmed) -> None:
        """Who ordered by the old date and has paid since is told too: the pages may have gone by."""
        show = await tx.get(Show, message.event_id)
        if show is None or not show.reschedules:
            return
        order = await tx.get(Order, message.order_id)
        if order is not None:
            _tell(tx, order, show, self._clock.now())

    async def buyers(self, show: Show) -> int:
        """How many orders there are whose buyers would be told now."""
        confirmed = 0
        after: tuple[Millis, str] | None = None
        while True:
            page = await self._store.find(
                Order, {"event_id": show.id}, by="created_at", after=after, limit=_PAGE
            )
            confirmed += sum(order.state is OrderState.CONFIRMED for order in page)
            if len(page) < _PAGE:
                return confirmed
            after = (page[-1].created_at, page[-1].id)

    async def tell_due(self) -> None:
        """Tell the buyers of all shows that were moved. One show's trouble is not another's."""
        now = self._clock.now()
        due = await self._store.find(Show, {}, by="look_at", since=0, until=now + 1, limit=_SHOWS_AT_ONCE)
        for show in due:
            try:
                if reschedules.is_telling(show):
                    await self._reopen_tickets(show)
                while not await self._is_behind() and await self._tell_page(show.id):
                    pass
            except Transient as error:
                log.warning("buyers wait to be told", extra={"event_id": show.id, "error": str(error)})

    async def _is_behind(self) -> bool:
        until = self._clock.now() + 1
        due = await self._store.find(QueuedEmail, {}, by="due_at", since=0, until=until, limit=MOST_WAITING)
        return len(due) == MOST_WAITING

    async def _reopen_tickets(self, show: Show) -> None:
        used = {"event_id": show.id, "state": TicketState.USED}
        after: tuple[None, str] | None = None
        while True:
            page = await self._store.find(Ticket, used, after=after, limit=_PAGE)
            if page:
                await self._store.transact(
                    partial(_reopen, show, [ticket.id for ticket in page], self._clock.now())
                )
            if len(page) < _PAGE:
                return
            after = (None, page[-1].id)

    async def _tell_page(self, event_id: str) -> bool:
        """Whether there is more to do. Another process may be at it too: each page is told by one."""
        seen = await self._store.get(Show, event_id)
        if seen is None or not reschedules.is_telling(seen):
            return False
        page = await self._store.find(
            Order, {"event_id": event_id}, by="created_at", after=seen.told_up_to, limit=ORDERS_AT_ONCE
        )

        async def work(tx: Transaction) -> list[str]:
            show = await tx.get(Show, event_id)
            if show is None or not reschedules.is_telling(show) or _progress(show) != _progress(seen):
                return []
            now = self._clock.now()
            found = await tx.get_many(Order, [order.id for order in page])
            told = [order.id for order in found.values() if _tell(tx, order, show, now)]
            tx.put(reschedules.told_page(show, page, now, is_last=len(page) < ORDERS_AT_ONCE))
            return told

        for order_id in await self._store.transact(work):
            await self._notifications.changed(order_id)
        return True


async def _reopen(show: Show, ids: list[str], now: Millis, tx: Transaction) -> None:
    for ticket in (await tx.get_many(Ticket, ids)).values():
        if ticket.used_at is not None and reschedules.is_of_another_time(show, ticket.used_at):
            tx.put(reopened(ticket, now))


def _progress(show: Show) -> tuple[int, tuple[Millis, str] | None]:
    return len(show.reschedules), show.told_up_to


def _tell(tx: Transaction, order: Order, show: Show, now: Millis) -> bool:
    if not reschedules.is_to_be_told(order, show):
        return False
    changed, email = reschedules.told(order, show, now)
    tx.put(changed)
    tx.insert_or_ignore(email)
    return True
