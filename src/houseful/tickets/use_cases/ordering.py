"""Ordering: from a hold to an order with a payment, its seats sold or given back."""

from collections.abc import AsyncGenerator

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import StateConflict, not_found
from houseful.kernel.ports import Clock, Ids, PaymentGateway, Store, Transaction
from houseful.tickets import schemas
from houseful.tickets.domain import blocks, holds, order_notices, orders, refunds, reschedules
from houseful.tickets.domain.blocks import Block, SeatsTaken, block_id
from houseful.tickets.domain.holds import Hold, HoldQuota, HoldState, quota_id
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.order_acts import Act, ActBy, Actor, OrderAct
from houseful.tickets.domain.ordered_seats import OrderedSeat
from houseful.tickets.domain.orders import Due, Order, OrderState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.shows import Show, check_on_sale
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.domain.tickets import Ticket, issued, refunded
from houseful.tickets.use_cases.holding import Holding, already_ordered, hold_expired
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tickets.use_cases.open_payments import PaymentsOpen, check_open_payments, lapsed_holds
from houseful.tickets.use_cases.order_notifications import OrderNotifications
from houseful.tickets.use_cases.seats import by_block, each_block
from houseful.webapi.idempotency import IdempotencyContext

_MOST_TICKETS = 1000


class Ordering:
    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        holding: Holding,
        gateway: PaymentGateway,
        notifications: OrderNotifications,
        signer: CodeSigner,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._holding = holding
        self._gateway = gateway
        self._notifications = notifications
        self._signer = signer
        self._clock = clock
        self._ids = ids

    async def order(
        self, user_id: str, hold_id: str, name: str, email: str, context: IdempotencyContext
    ) -> schemas.OrderView:
        """Freeze the prices, keep the seats until the payment's deadline, and open the payment.

        If the gateway does not answer, the order stands without a payment; the same request goes on with it.
        """
        order = await self._holding.first_or_next(
            lambda tx: self._place(tx, user_id, hold_id, name, email, context)
        )
        show, layout = await self._inventory.hall(order.event_id)
        if orders.needs_intent(order):
            intent = await self._gateway.create_intent(
                key=f"{order.id}:create",
                amount_minor=order.total_minor,
                currency=order.currency,
                reference=order.id,
            )
        else:
            intent = None

        async def work(tx: Transaction) -> tuple[Order, schemas.OrderView]:
            current = await tx.get(Order, order.id)
            assert current is not None, "orders are never deleted"
            if intent is not None and orders.needs_intent(current):
                current = orders.intent_made(current, intent.id, intent.client_secret)
                tx.put(current)
            view = schemas.order_view(current, show, layout, self._clock.now())
            context.store(tx, view)
            return current, view

        placed, view = await self._store.transact(work)
        await self._holding.tell(order.event_id, order.ordinals)
        self._notifications.expedite(placed)
        return view

    async def _place(
        self, tx: Transaction, user_id: str, hold_id: str, name: str, email: str, context: IdempotencyContext
    ) -> Order:
        await context.check(tx)
        now = self._clock.now()
        hold = await tx.get(Hold, hold_id)
        if hold is None or hold.user_id != user_id:
            raise not_found("hold")
        if hold.state is HoldState.ORDERED and hold.order_id is not None:
            earlier = await tx.get(Order, hold.order_id)
            if earlier is not None and earlier.request == context.id:
                return earlier
            raise already_ordered(hold)
        if hold.state is HoldState.RELEASED:
            raise StateConflict("hold_released", "This hold was given back. Choose seats again.")
        if hold.until <= now:
            raise hold_expired()
        show = check_on_sale(await tx.get(Show, hold.event_id), now, in_presale=hold.presale_id is not None)
        order = self._new_order(hold, show, await self._inventory.layout_of(show), name, email, context, now)
        hold = holds.transition(hold, HoldState.ORDERED, order_id=order.id, until=order.expires_at)
        await self._extend(tx, hold)
        await self._holding.count(tx, hold, now)
        tx.put(hold)
        if order.total_minor == 0:
            order = orders.confirmed_free(order, now)
            await self.sell(tx, order, now)
        tx.insert(order)
        return order

    def _new_order(
        self,
        hold: Hold,
        show: Show,
        layout: Layout,
        name: str,
        email: str,
        context: IdempotencyContext,
        now: Millis,
    ) -> Order:
        deadline = max(hold.until, now + show.hold_seconds * 1000)
        return Order(
            id=self._ids.new("ord"),
            event_id=hold.event_id,
            user_id=hold.user_id,
            hold_id=hold.id,
            request=context.id,
            seats=tuple(
                OrderedSeat(
                    ordinal,
                    layout.seat_id(ordinal),
                    layout.category_name(ordinal),
                    price,
                )
                for ordinal, price in zip(hold.seats, hold.prices_minor, strict=True)
            ),
            total_minor=hold.total_minor,
            currency=hold.currency,
            buyer_name=name,
            buyer_email=email,
            created_at=now,
            expires_at=deadline,
            due=Due.CREATE,
            look_at=now + orders.CREATE_MILLIS,
        )

    async def _extend(self, tx: Transaction, hold: Hold) -> None:
        layout = await self._inventory.layout(hold.event_id, hold.seats)
        wanted = by_block(layout, list(hold.seats))
        found = await tx.get_many(Block, [block_id(hold.event_id, index) for index in sorted(wanted)])
        try:
            for changed in each_block(
                wanted,
                found,
                hold.event_id,
                lambda block, its: blocks.extend(block, its, hold.id, hold.until),
            ):
                tx.put(changed)
        except SeatsTaken:
            raise hold_expired() from None

    async def sell(self, tx: Transaction, order: Order, now: Millis) -> None:
        """The seats become the order's, one living ticket each. Raises `SeatsTaken`, and then nothing of it
        was put.
        """
        layout = await self._inventory.layout(order.event_id, order.ordinals)
        wanted = by_block(layout, order.ordinals)
        found = await tx.get_many(Block, [block_id(order.event_id, index) for index in sorted(wanted)])
        changes = each_block(
            wanted,
            found,
            order.event_id,
            lambda block, its: blocks.sell(block, its, order.hold_id, order.id, now),
        )
        try:
            await check_open_payments(tx, lapsed_holds(order.event_id, wanted, found, now) - {order.hold_id})
        except PaymentsOpen:
            raise SeatsTaken(dict.fromkeys(order.ordinals)) from None
        for changed in changes:
            tx.put(changed)
        for ordinal in order.ordinals:
            tx.insert(issued(self._ids.new("tkt"), order.event_id, order.id, order.user_id, ordinal))
        quota = await tx.get(HoldQuota, quota_id(order.event_id, order.user_id))
        if quota is not None:
            tx.put(holds.remove_from_quota(quota, order.hold_id, bought=len(order.seats)))
        tx.send(order_notices.confirmation(order, now))

    async def own_order(self, user_id: str, order_id: str) -> Order:
        order = await self._store.get(Order, order_id)
        if order is None or order.user_id != user_id:
            raise not_found("order")
        return order

    async def order_view(self, user_id: str, order_id: str) -> schemas.OrderView:
        order = await self.own_order(user_id, order_id)
        show, layout = await self._inventory.hall(order.event_id)
        return schemas.order_view(order, show, layout, self._clock.now())

    async def orders(
        self, user_id: str, after: tuple[int, str] | None, limit: int
    ) -> list[tuple[Order, schemas.OrderView]]:
        """Newest first."""
        found = await self._store.find(
            Order, {"user_id": user_id}, by="created_at", after=after, descending=True, limit=limit
        )
        shown: list[tuple[Order, schemas.OrderView]] = []
        for order in found:
            show, layout = await self._inventory.hall(order.event_id)
            shown.append((order, schemas.order_view(order, show, layout, self._clock.now())))
        return shown

    async def watch_order(self, user_id: str, order_id: str) -> AsyncGenerator[schemas.OrderView, None]:
        """The order now and whenever it has changed."""
        before: schemas.OrderView | None = None
        async for _ in self._notifications.watch(order_id):
            view = await self.order_view(user_id, order_id)
            if before is None or msgspec.structs.replace(view, server_time=before.server_time) != before:
                before = view
                yield view

    async def cancel(self, user_id: str, order_id: str, context: IdempotencyContext) -> schemas.OrderView:
        """By the buyer. Cancelling twice is once; what was paid goes back by the event's rules."""
        order = await self.own_order(user_id, order_id)
        show, layout = await self._inventory.hall(order.event_id)

        async def work(tx: Transaction) -> tuple[Order, schemas.OrderView]:
            now = self._clock.now()
            current = await self.take_back(
                tx, order_id, show, Reason.BUYER_CANCELLED, ActBy(Actor.BUYER, user_id)
            )
            view = schemas.order_view(current, show, layout, now)
            context.store(tx, view)
            return current, view

        cancelled, view = await self._store.transact(work)
        await self._holding.tell(order.event_id, order.ordinals)
        await self._notifications.changed(order_id)
        self._notifications.expedite(cancelled)
        return view

    async def take_back(
        self, tx: Transaction, order_id: str, show: Show, why: Reason, by: ActBy, text: str = ""
    ) -> Order:
        """Cancel an order whatever its state: seats free, tickets void, money on its way back. `text` is what
        the order desk said of it.
        """
        now = self._clock.now()
        order = await tx.get(Order, order_id)
        if order is None:
            raise not_found("order")
        tickets = await tx.find(Ticket, {"order_id": order_id}, limit=_MOST_TICKETS)
        if why is Reason.BUYER_CANCELLED:
            until = show.starts_at if show.refundable_until is None else show.refundable_until
            until = max(until, reschedules.returnable_until(order, show) or 0)
            refunds.check_cancel(order, until, any(ticket.used_at is not None for ticket in tickets), now)
        changed = orders.cancelled(order, why, now)
        if changed is order:
            return order
        tx.put(changed)
        was_sold = order.state is OrderState.CONFIRMED
        tx.insert(
            OrderAct(
                id=self._ids.new("act"),
                order_id=order.id,
                at=now,
                act=Act.REFUNDED if was_sold else Act.CANCELLED,
                actor=by.actor,
                user_id=by.user_id,
                text=text,
                seats=tuple(order.ordinals),
                amount_minor=order.total_minor if was_sold else 0,
                request_id=by.request_id,
            )
        )
        if was_sold:
            await self._holding.free(
                tx, order.event_id, order.user_id, order.ordinals, order.id, order.hold_id
            )
            for ticket in tickets:
                tx.put(refunded(ticket, now))
            tx.send(order_notices.refund_notice(changed, now))
        else:
            await self._holding.free(
                tx, order.event_id, order.user_id, order.ordinals, order.hold_id, order.hold_id
            )
        return changed

    async def tickets_of(
        self, user_id: str, order_id: str
    ) -> tuple[Show, schemas.OrderView, list[schemas.TicketView]]:
        """An order of this buyer with its tickets, in the order of its seats; those that went back in part
        are the last.
        """
        order = await self.own_order(user_id, order_id)
        show, layout = await self._inventory.hall(order.event_id)
        found = await self._store.find(Ticket, {"order_id": order_id}, limit=_MOST_TICKETS)
        places = {seat.ordinal: place for place, seat in enumerate(order.all_seats)}
        found.sort(key=lambda ticket: places[ticket.ordinal])
        view = schemas.order_view(order, show, layout, self._clock.now())
        return show, view, [schemas.ticket_view(ticket, layout, self._signer) for ticket in found]

    async def own_ticket(
        self, user_id: str, ticket_id: str
    ) -> tuple[Show, schemas.OrderView, schemas.TicketView]:
        ticket = await self._store.get(Ticket, ticket_id)
        if ticket is None or ticket.user_id != user_id:
            raise not_found("ticket")
        show, order, its = await self.tickets_of(user_id, ticket.order_id)
        return show, order, next(one for one in its if one.id == ticket_id)
