"""The order desk: what an organizer does for one buyer. Each act is in the order's history, with who did it,
in the transaction that does it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import LimitReached, StateConflict, Unavailable, not_found
from houseful.kernel.ports import Clock, Coordination, Ids, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.tickets.desk_views import DeskOrderView, desk_order_view
from houseful.tickets.domain import order_notices, refunds
from houseful.tickets.domain.emails import CONFIRMED, QueuedEmail, due_again, email_id, emails_of
from houseful.tickets.domain.erasures import is_erased
from houseful.tickets.domain.order_acts import Act, ActBy, Actor, Buyer, OrderAct, buyer_of, desk
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, refunded
from houseful.tickets.use_cases.holding import Holding
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tickets.use_cases.order_notifications import OrderNotifications
from houseful.tickets.use_cases.ordering import Ordering
from houseful.webapi import audit
from houseful.webapi.idempotency import IdempotencyContext

_MOST_TICKETS = 1000
_ACTS_SHOWN = 200
_EMAILS_PER_HOUR = 60

T = TypeVar("T")
Work = Callable[[Transaction, Order, Millis], Awaitable[Order]]


class DeskOrder(NamedTuple):
    """An order with all that the desk shows of it. `acts` are the latest ones, the oldest first."""

    order: Order
    tickets: list[Ticket]
    emails: list[QueuedEmail]
    acts: list[OrderAct]


class OrderDesk:
    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        holding: Holding,
        ordering: Ordering,
        notifications: OrderNotifications,
        coordination: Coordination,
        clock: Clock,
        ids: Ids,
        *,
        limited: bool,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._holding = holding
        self._ordering = ordering
        self._notifications = notifications
        self._coordination = coordination
        self._clock = clock
        self._ids = ids
        self._limited = limited
        self._audit = audit.AuditLog(clock, ids)

    async def order(self, show: Show, order_id: str) -> DeskOrder:
        """Raises `NotFound` for an order of another event."""
        order = _of_event(await self._store.get(Order, order_id), show)
        tickets = await self._store.find(Ticket, {"order_id": order_id}, limit=_MOST_TICKETS)
        emails = await self._store.get_many(QueuedEmail, emails_of(order))
        acts = await self.acts(order_id)
        return DeskOrder(order, tickets, list(emails.values()), acts)

    async def acts(self, order_id: str) -> list[OrderAct]:
        """The latest ones, the oldest first."""
        latest = await self._store.find(
            OrderAct, {"order_id": order_id}, by="at", descending=True, limit=_ACTS_SHOWN
        )
        return latest[::-1]

    # Acts

    async def resend(
        self, show: Show, order_id: str, by: ActBy, context: IdempotencyContext
    ) -> DeskOrderView:
        """The email with the tickets once more. Raises `StateConflict` where there are none,
        `LimitReached`.
        """
        await self._count_email(by)

        async def work(tx: Transaction, order: Order, now: Millis) -> Order:
            _check_named(order)
            if order.state is not OrderState.CONFIRMED:
                raise StateConflict(
                    "no_tickets",
                    "Only a confirmed order has tickets that can be sent.",
                    order_status=order.state,
                )
            tx.lock(order)  # as for a note
            await self._send_tickets(tx, order, now)
            self._record(tx, order, Act.RESENT, by, now, email_kind=CONFIRMED, after=buyer_of(order))
            return order

        return await self._act(show, order_id, work, by, context)

    async def correct(
        self, show: Show, order_id: str, buyer: Buyer, by: ActBy, context: IdempotencyContext, *, resend: bool
    ) -> DeskOrderView:
        """The buyer's name and address are these. What has not arrived goes to the new address; the tickets
        go there once more where `resend` is asked for. Again is once. Raises `StateConflict`, `LimitReached`.
        """
        await self._count_email(by)
        work = self._correction(show, buyer, by, resend=resend)
        return await self._act(show, order_id, work, by, context)

    async def correct_address(self, show: Show, order_id: str, address: str, by: ActBy) -> Order:
        """As `correct` of the address alone, with the tickets."""
        await self._count_email(by)

        async def work(tx: Transaction) -> Order:
            order = _of_event(await tx.get(Order, order_id), show)
            await self._know(tx, by)
            buyer = Buyer(order.buyer_name, address)
            return await self._correction(show, buyer, by, resend=True)(tx, order, self._clock.now())

        return await self._store.transact(work)

    def _correction(self, show: Show, buyer: Buyer, by: ActBy, *, resend: bool) -> Work:
        async def work(tx: Transaction, order: Order, now: Millis) -> Order:
            _check_named(order)
            before = buyer_of(order)
            changed = replace(order, buyer_name=buyer.name, buyer_email=buyer.email)
            if before != buyer:
                tx.put(changed)
                self._record(tx, order, Act.CORRECTED, by, now, before=before, after=buyer)
            if resend or before.email != buyer.email:
                for email in (await tx.get_many(QueuedEmail, emails_of(order))).values():
                    if email.state != "sent":
                        tx.put(due_again(email, show.id, now))
            if resend and order.state is OrderState.CONFIRMED:
                await self._send_tickets(tx, order, now)
                self._record(tx, order, Act.RESENT, by, now, email_kind=CONFIRMED, after=buyer)
            return changed

        return work

    async def refund(
        self,
        show: Show,
        order_id: str,
        seat_ids: Sequence[str] | None,
        reason: str,
        by: ActBy,
        context: IdempotencyContext,
    ) -> DeskOrderView:
        """These seats, or all: on sale again, their tickets void, their money on its way back, whatever the
        event's rules for buyers are. Raises `StateConflict` and `Invalid` as `refunds.seats_to_refund`.
        """

        async def work(tx: Transaction, order: Order, now: Millis) -> Order:
            tickets = await tx.find(Ticket, {"order_id": order_id}, limit=_MOST_TICKETS)
            ordinals = refunds.seats_to_refund(order, seat_ids, tickets)
            if len(ordinals) == len(order.seats):
                return await self._ordering.take_back(
                    tx, order_id, show, Reason.ORGANIZER_REFUNDED, by, reason
                )
            changed = refunds.part_refunded(order, ordinals, now)
            tx.put(changed)
            await self._holding.free(tx, order.event_id, order.user_id, ordinals, order.id, order.hold_id)
            for ticket in tickets:
                if ticket.ordinal in ordinals:
                    tx.put(refunded(ticket, now))
            tx.send(order_notices.part_notice(changed, now))
            amount_minor = changed.part_refunds[-1].amount_minor
            self._record(
                tx,
                order,
                Act.SEATS_REFUNDED,
                by,
                now,
                text=reason,
                seats=tuple(ordinals),
                amount_minor=amount_minor,
            )
            return changed

        return await self._act(show, order_id, work, by, context)

    async def send_again(
        self,
        id: str,
        who: Identity,
        request_id: str,
        outcome: Callable[[QueuedEmail, Order], T],
        context: IdempotencyContext,
    ) -> T:
        """An email of any event that has not gone, now. Raises `NotFound`, `StateConflict` where it has gone
        or its address is not proven, `LimitReached`.
        """
        await self._count_email(ActBy(Actor.ADMIN, who.user_id))

        async def work(tx: Transaction) -> T:
            email = await tx.get(QueuedEmail, id)
            order = None if email is None else await tx.get(Order, email.order_id)
            if email is None or order is None:
                raise not_found("email")
            _check_named(order)
            if email.queue is None:
                raise StateConflict("email_sent", "This email has gone.")
            if email.waits_for is not None:
                raise StateConflict(
                    "address_not_proven",
                    "This email goes when the owner of the address has followed the link in the first one.",
                )
            by = desk(await self._inventory.show(order.event_id), who, request_id)
            await self._know(tx, by)
            again = due_again(email, order.event_id, self._clock.now())
            tx.put(again)
            kind, buyer = email.kind, buyer_of(order)
            self._record(tx, order, Act.RESENT, by, self._clock.now(), email_kind=kind, after=buyer)
            told = outcome(again, order)
            context.store(tx, told)
            return told

        return await self._store.transact(work)

    async def note(
        self, show: Show, order_id: str, text: str, by: ActBy, context: IdempotencyContext
    ) -> DeskOrderView:
        """Something that the desk wants to remember; the buyer does not see it."""

        async def work(tx: Transaction, order: Order, now: Millis) -> Order:
            _check_named(order)
            tx.lock(order)  # an erasure at this moment finds the note, or the note the erasure
            self._record(tx, order, Act.NOTED, by, now, text=text)
            return order

        return await self._act(show, order_id, work, by, context)

    async def _act(
        self, show: Show, order_id: str, work: Work, by: ActBy, context: IdempotencyContext
    ) -> DeskOrderView:
        layout = await self._inventory.layout_of(show)

        async def run(tx: Transaction) -> tuple[Order, Order, DeskOrderView]:
            order = _of_event(await tx.get(Order, order_id), show)
            await self._know(tx, by)
            changed = await work(tx, order, self._clock.now())
            view = desk_order_view(changed, layout)
            context.store(tx, view)
            return order, changed, view

        order, changed, view = await self._store.transact(run)
        if changed is not order:
            await self._holding.tell(show.id, order.ordinals)
            await self._notifications.changed(order_id)
            self._notifications.expedite(changed)
        return view

    async def _send_tickets(self, tx: Transaction, order: Order, now: Millis) -> None:
        id = email_id(CONFIRMED, order.id)
        email = await tx.get(QueuedEmail, id)
        if email is not None:
            tx.put(due_again(email, order.event_id, now))
        else:  # the message that asks for it is on its way, and may come at this moment
            tx.insert_or_ignore(
                QueuedEmail(id=id, kind=CONFIRMED, order_id=order.id, event_id=order.event_id, due_at=now)
            )

    def _record(
        self,
        tx: Transaction,
        order: Order,
        act: Act,
        by: ActBy,
        now: Millis,
        *,
        text: str = "",
        email_kind: str = "",
        before: Buyer | None = None,
        after: Buyer | None = None,
        seats: tuple[int, ...] = (),
        amount_minor: int = 0,
    ) -> None:
        tx.insert(
            OrderAct(
                id=self._ids.new("act"),
                order_id=order.id,
                at=now,
                act=act,
                actor=by.actor,
                user_id=by.user_id,
                text=text,
                email_kind=email_kind,
                before=before,
                after=after,
                seats=seats,
                amount_minor=amount_minor,
                request_id=by.request_id,
            )
        )

    async def _know(self, tx: Transaction, by: ActBy) -> None:
        await self._audit.know(tx, audit.Actor(by.user_id, by.actor, by.email))

    async def _count_email(self, by: ActBy) -> None:
        """Raises `LimitReached` where an account has emails sent too often."""
        if not self._limited:
            return
        try:
            seconds = await self._coordination.take(
                f"letters:corrections:{by.user_id}",
                per_second=_EMAILS_PER_HOUR / 3600,
                burst=_EMAILS_PER_HOUR,
            )
        except Unavailable:
            return
        if seconds:
            raise LimitReached(
                "too_many_letters",
                f"At most {_EMAILS_PER_HOUR} letters an hour can be sent again. Wait a while.",
                retry_after_seconds=max(1, round(seconds)),
            )


def _of_event(order: Order | None, show: Show) -> Order:
    if order is None or order.event_id != show.id:
        raise not_found("order")
    return order


def _check_named(order: Order) -> None:
    if is_erased(order):
        raise StateConflict("account_erased", "The buyer has erased the account and gets no emails.")
