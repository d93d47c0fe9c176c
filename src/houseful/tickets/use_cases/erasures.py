"""Accounts in the ticket service: what it holds of one, what keeps one from being erased, and the erasure."""

from collections.abc import AsyncIterator
from functools import partial

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.messages import AccountErased
from houseful.tickets.domain import erasures
from houseful.tickets.domain.emails import QueuedEmail, emails_of
from houseful.tickets.domain.erasures import AGAIN_MILLIS, Erasure
from houseful.tickets.domain.gate_staff import GateStaff, Member
from houseful.tickets.domain.order_acts import OrderAct, erased_act
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show
from houseful.webapi.account_parts import Obstacle, listed
from houseful.webapi.audit import erase_actor
from houseful.webapi.cursors import ByText

ERASED_AT_ONCE = 10
_PAGE = 200

_PAYMENTS_OPEN = (
    "An order of this account is not settled yet. Cancel it, or wait until its payment or refund is through; "
    "an order that ran out takes an hour."
)
_UPCOMING_TICKETS = (
    "This account has tickets for {}. Cancel the orders, or erase the account when the events are over."
)


class Erasures:
    """Safe to be used by several processes on one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def obstacles(self, user_id: str) -> list[Obstacle]:
        """Payments that are open, and tickets for events that are not over."""
        now = self._clock.now()
        has_open_payments, titles = False, dict[str, str]()
        async for order in self._orders(user_id):
            if order.look_at is not None or order.due is not None:
                has_open_payments = True
            elif order.state is OrderState.CONFIRMED and order.event_id not in titles:
                show = await self._show(order)
                if now < show.is_over_at:
                    titles[order.event_id] = show.title
        found = [Obstacle(code="payments_open", detail=_PAYMENTS_OPEN)] if has_open_payments else []
        if titles:
            detail = _UPCOMING_TICKETS.format(listed(list(titles.values())))
            found.append(Obstacle(code="upcoming_tickets", detail=detail))
        return found

    async def gate_staff(
        self, user_id: str, after: ByText | None
    ) -> tuple[list[tuple[str, Member]], str | None]:
        """A page of the events whose gate staff the account was named for, and where the next one begins."""
        page = await self._store.find(
            GateStaff, {}, after=None if after is None else (None, after[1]), limit=_PAGE
        )
        found = [(staff.id, one) for staff in page for one in staff.members if one.user_id == user_id]
        return found, page[-1].id if len(page) == _PAGE else None

    async def on_erased(self, tx: Transaction, message: AccountErased) -> None:
        await erase_actor(tx, message.user_id)
        tx.insert_or_ignore(
            Erasure(id=message.user_id, erased_at=message.erased_at, due_at=self._clock.now())
        )

    async def erase_due(self) -> int:
        """Erase what is due; how many accounts were."""
        now = self._clock.now()
        due = await self._store.find(Erasure, {}, by="due_at", since=0, until=now + 1, limit=ERASED_AT_ONCE)
        for erasure in due:
            await self._erase(erasure, now)
        return len(due)

    async def _erase(self, due: Erasure, now: Millis) -> None:
        # Nothing is ordered any more when the last access token is over.
        again = [due.erased_at + AGAIN_MILLIS] if now < due.erased_at + AGAIN_MILLIS else []
        async for order in self._orders(due.id):
            if not erasures.is_erased(order):
                until = await self._erase_order(order, due.erased_at)
                again += [] if until is None else [until]
        await self._leave_staff(due.id)

        async def work(tx: Transaction) -> None:
            erasure = await tx.get(Erasure, due.id)
            if erasure is not None and erasure.due_at == due.due_at:
                tx.put(replace(erasure, due_at=min(again, default=None)))

        await self._store.transact(work)

    async def _erase_order(self, known: Order, erased_at: Millis) -> Millis | None:
        """When it is to be looked at again, if it is."""
        show, now = await self._show(known), self._clock.now()

        async def work(tx: Transaction) -> Millis | None:
            order = await tx.get(Order, known.id)
            assert order is not None, "orders are never deleted"
            emails = (await tx.get_many(QueuedEmail, emails_of(order))).values()
            until = erasures.needed_until(order, show, emails, erased_at, now)
            if until is None:
                tx.put(erasures.erased_order(order))
                for email in emails:
                    tx.put(erasures.erased_email(email))
                async for act in _acts(tx, order.id):
                    tx.put(erased_act(act))
            return until

        return await self._store.transact(work)

    async def _leave_staff(self, user_id: str) -> None:
        after: tuple[None, str] | None = None
        while True:
            page = await self._store.find(GateStaff, {}, after=after, limit=_PAGE)
            for staff in page:
                if erasures.erased_staff(staff, user_id) is not staff:
                    await self._store.transact(partial(_leave, event_id=staff.id, user_id=user_id))
            if len(page) < _PAGE:
                return
            after = (None, page[-1].id)

    async def _orders(self, user_id: str) -> AsyncIterator[Order]:
        after: tuple[Millis, str] | None = None
        while True:
            page = await self._store.find(
                Order, {"user_id": user_id}, by="created_at", after=after, limit=_PAGE
            )
            for order in page:
                yield order
            if len(page) < _PAGE:
                return
            after = (page[-1].created_at, page[-1].id)

    async def _show(self, order: Order) -> Show:
        show = await self._store.get(Show, order.event_id)
        assert show is not None, "what is ordered is of a show"
        return show


async def _acts(tx: Transaction, order_id: str) -> AsyncIterator[OrderAct]:
    after: tuple[Millis, str] | None = None
    while True:
        page = await tx.find(OrderAct, {"order_id": order_id}, by="at", after=after, limit=_PAGE)
        for act in page:
            yield act
        if len(page) < _PAGE:
            return
        after = (page[-1].at, page[-1].id)


async def _leave(tx: Transaction, event_id: str, user_id: str) -> None:
    staff = await tx.get(GateStaff, event_id)
    if staff is not None:
        tx.put(erasures.erased_staff(staff, user_id))
