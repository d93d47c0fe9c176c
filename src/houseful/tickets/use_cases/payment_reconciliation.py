"""Payment reconciliation: reports of the payment gateway, requests to it, and every deadline.

A payment's status arrives by a webhook, in the response to a request, or by a poll. Each goes through
`apply_payment_status`: the result is the same in any order and after any repetition. Every open order has a
`look_at`; the reconciler polls it then, even after the process that changed it has died.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import Conflict, DomainError, StateConflict, Transient, Unavailable
from houseful.kernel.ports import Clock, PaymentGateway, PaymentIntent, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.tickets.domain import order_notices, orders, refunds
from houseful.tickets.domain.blocks import SeatsTaken
from houseful.tickets.domain.order_acts import BY_SYSTEM
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.shows import CANCEL_WATCH_MILLIS, Show, ShowState
from houseful.tickets.use_cases import buyer_limit
from houseful.tickets.use_cases.holding import Holding
from houseful.tickets.use_cases.order_notifications import OrderNotifications
from houseful.tickets.use_cases.ordering import Ordering

log = get_logger(__name__)

_AT_ONCE = 16
_PAGE = 200
RECONCILED_AT_ONCE = _PAGE
_RESTING_MILLIS = 60_000
_MOST_ASKED_FOR = 20

NOT_PAID = "The payment did not go through. Try again."


class WebhookReceived(Document, frozen=True, kw_only=True):
    """A webhook that has been applied, in the transaction that applied it; `id` is the gateway's own."""

    collection = "webhooks"

    type: str
    received_at: Millis


class PaymentReconciliation:
    def __init__(
        self,
        store: Store,
        holding: Holding,
        ordering: Ordering,
        gateway: PaymentGateway,
        notifications: OrderNotifications,
        clock: Clock,
    ) -> None:
        self._store = store
        self._holding = holding
        self._ordering = ordering
        self._gateway = gateway
        self._notifications = notifications
        self._clock = clock

    # News

    async def on_webhook(
        self, id: str, type: str, order_id: str, intent: PaymentIntent, error: str | None
    ) -> Order | None:
        """Applied once, whatever the gateway repeats: the order, the first time. An order that isn't ours is
        none of our business and no error.
        """

        async def work(tx: Transaction) -> Order | None:
            known = await tx.get(Order, order_id)
            if known is not None and not orders.may_change_by_news(known):
                return None  # as after a capture: nothing is written for what changes nothing
            if await tx.get(WebhookReceived, id) is not None:
                return None
            tx.insert_or_ignore(WebhookReceived(id=id, type=type, received_at=self._clock.now()))
            return await self._learn(tx, order_id, intent, error)

        order = await self._store.transact(work)
        if order is not None:
            await self._tell(order)
        return order

    async def apply_payment_status(self, order_id: str, intent: PaymentIntent) -> None:
        order = await self._store.transact(lambda tx: self._learn(tx, order_id, intent, None))
        if order is not None:
            await self._tell(order)

    async def ask_for_payments(self, user_id: str) -> bool:
        """Ask the gateway for the buyer's open payments, without waiting for its webhooks; whether there was
        any. A gateway that does not answer has nothing to tell.
        """
        latest = await self._store.find(
            Order, {"user_id": user_id}, by="created_at", descending=True, limit=_MOST_ASKED_FOR
        )
        asked = False
        for order in latest:
            if (
                order.intent_id is not None
                and order.payment is PaymentState.OPEN
                and order.look_at is not None
            ):
                with suppress(Transient):
                    await self.apply_payment_status(order.id, await self._gateway.intent(order.intent_id))
                    asked = True
        return asked

    async def _learn(
        self, tx: Transaction, order_id: str, intent: PaymentIntent, error: str | None
    ) -> Order | None:
        known = order = await tx.get(Order, order_id)
        if order is None:
            log.warning("payment for no order of ours", extra={"order_id": order_id, "intent_id": intent.id})
            return None
        if order.intent_id not in (None, intent.id):
            log.error("payment by another intent", extra={"order_id": order_id, "intent_id": intent.id})
            return None
        now = self._clock.now()
        if order.payment is PaymentState.NONE and order.due is Due.CREATE:
            order = orders.intent_made(order, intent.id, intent.client_secret)
        changed = order
        match intent.status:
            case "succeeded" if order.payment is PaymentState.OPEN:
                changed = await self._authorized(tx, order, intent, now)
            case "processing":
                changed = orders.processing(order, now)
            case "requires_payment_method" if error is not None or order.state is OrderState.PROCESSING:
                changed = orders.declined(order, error or NOT_PAID)
            case "canceled" if order.payment is PaymentState.OPEN:
                changed = orders.intent_ended(order)
        if changed is not known:
            tx.put(changed)
        return changed

    async def _authorized(self, tx: Transaction, order: Order, intent: PaymentIntent, now: Millis) -> Order:
        """The money is reserved. Sold if the seats are still ours or free; otherwise given back, saying
        why.
        """
        show = await tx.get(Show, order.event_id)
        assert show is not None, "shows are never deleted"
        why = _why_not(order, show, intent)
        is_late = order.state is OrderState.EXPIRED and not orders.is_in_time(order, intent.authorized_at)
        if why is None and is_late:  # its seats count no more
            try:
                await buyer_limit.check(tx, show, order.user_id, len(order.seats), now)
            except StateConflict:
                why = Reason.BUYER_LIMIT
        if why is None:
            confirmed = orders.confirmed(order, now)
            try:
                await self._ordering.sell(tx, confirmed, now)
            except SeatsTaken as error:
                why = Reason.OFF_SALE if error.blocked else Reason.SEATS_GONE
            else:
                return confirmed
        returned = orders.returned(order, why, now)
        tx.send(order_notices.return_notice(returned, now))
        return returned

    async def _tell(self, order: Order) -> None:
        """To whoever watches the order or the hall; what is due is done at once where there is room for
        it.
        """
        await self._holding.tell(order.event_id, order.ordinals)
        await self._notifications.changed(order.id)
        self._notifications.expedite(order)

    # What is due

    async def work_off(self) -> None:
        """The job: settle what has just become due."""
        await asyncio.gather(*(self._worker() for _ in range(_AT_ONCE)))

    async def _worker(self) -> None:
        while True:
            await self._safely(await self._notifications.next_due())

    async def reconcile_due(self) -> int:
        """Look at every order whose time has come; of how many something came. Raises `Unavailable` where not
        even that can be written down: then all wait."""
        now = self._clock.now()
        due = await self._store.find(Order, {}, by="look_at", since=0, until=now + 1, limit=_PAGE)
        good = 0
        for start in range(0, len(due), _AT_ONCE):
            good += sum(
                await asyncio.gather(*(self._safely(order.id) for order in due[start : start + _AT_ONCE]))
            )
        return good

    async def _safely(self, order_id: str) -> bool:
        """Whether it worked. One order's trouble is not another's: it is looked at again later, and later
        each time. Raises `Unavailable` where that can't be written."""
        try:
            await self.look_at(order_id)
        except Conflict:
            return False  # somebody else is at it
        except Transient as error:
            await self._look_later(order_id)
            log.warning("order waits", extra={"order_id": order_id, "error": str(error)})
            return False
        except Exception:
            log.exception("order can't be settled", extra={"order_id": order_id})
            await self._look_later(order_id)
            return False
        return True

    async def look_at(self, order_id: str) -> None:
        """Ask for what is due, or see to the deadline."""
        order = await self._store.get(Order, order_id)
        if order is None:
            return
        if order.due is not None:
            if orders.expire_unopened(order, self._clock.now()) is not order:
                await self._change(order_id, lambda order: orders.expire_unopened(order, self._clock.now()))
            await self._ask(order, order.due)
        elif order.look_at is not None and order.look_at <= self._clock.now():
            await self._deadline(order)

    async def _ask(self, order: Order, due: Due) -> None:
        if due is Due.CREATE:
            intent = await self._gateway.create_intent(
                key=f"{order.id}:create",
                amount_minor=order.total_minor,
                currency=order.currency,
                reference=order.id,
            )
            await self._change(order.id, lambda order: _made(order, intent))
            return
        assert order.intent_id is not None, "only an intent can be settled"
        key = f"{order.id}:{due}"
        part = order.open_part if due is Due.REFUND_PART else None
        try:
            match due:
                case Due.CAPTURE:
                    await self._gateway.capture(order.intent_id, key=key)
                case Due.CANCEL if order.state is OrderState.EXPIRED:
                    intent = await self._gateway.cancel_unpaid(order.intent_id, key=f"{order.id}:end")
                    await self.apply_payment_status(order.id, intent)
                    return
                case Due.VOID | Due.CANCEL:
                    await self._gateway.cancel(order.intent_id, key=key)
                case Due.REFUND_PART:
                    assert part is not None, "it is due for a part"
                    amount_minor = order.part_refunds[part].amount_minor
                    await self._gateway.refund(
                        order.intent_id, key=f"{key}:{part}", amount_minor=amount_minor
                    )
                case Due.REFUND:
                    await self._gateway.refund(order.intent_id, key=key, amount_minor=order.total_minor)
        except DomainError as refusal:
            await self._refused(order, due, part, refusal)
        else:
            await self._settled(order.id, due, part)

    async def _settled(self, order_id: str, due: Due, part: int | None) -> None:
        def change(order: Order) -> Order:
            now = self._clock.now()
            return orders.settled(order, due, now) if part is None else refunds.part_settled(order, part, now)

        await self._change(order_id, change)

    async def _refused(self, order: Order, due: Due, part: int | None, refusal: DomainError) -> None:
        """What the gateway won't do it may have done already; otherwise it is looked at again, and loudly."""
        assert order.intent_id is not None, "only an intent can be settled"
        intent = await self._gateway.intent(order.intent_id)
        if orders.is_done(
            due,
            intent.status,
            intent.captured_minor,
            intent.refunded_minor,
            paid_back_minor=order.paid_back_minor,
        ):
            await self._settled(order.id, due, part)
            return
        if due is Due.VOID and intent.captured_minor > 0:
            await self._change(order.id, lambda order: orders.found_captured(order, self._clock.now()))
            return
        log.error(
            "the gateway refuses", extra={"order_id": order.id, "due": str(due), "refusal": str(refusal)}
        )
        await self.apply_payment_status(order.id, intent)
        await self._look_later(order.id)

    async def _deadline(self, order: Order) -> None:
        """Nothing is due but the time has come: first ask whether it was paid and the webhook never came."""
        if order.intent_id is not None and order.payment is PaymentState.OPEN:
            await self.apply_payment_status(order.id, await self._gateway.intent(order.intent_id))
        await self._change(order.id, lambda order: orders.on_deadline(order, self._clock.now()))

    async def _change(self, order_id: str, change: Callable[[Order], Order]) -> None:
        async def work(tx: Transaction) -> Order | None:
            order = await tx.get(Order, order_id)
            if order is None:
                return None
            changed = change(order)
            if changed is order:
                return None
            tx.put(changed)
            return changed

        changed = await self._store.transact(work)
        if changed is not None:
            await self._tell(changed)

    async def _look_later(self, order_id: str) -> None:
        try:
            async with self._store.begin() as tx:
                order = await tx.get(Order, order_id)
                if order is not None and order.look_at is not None:
                    tx.put(orders.postpone(order, self._clock.now()))
        except Conflict:
            pass  # somebody else is at it

    # Cancelled events

    async def refund_cancelled(self) -> None:
        """Take back every order of the cancelled shows whose time has come. For an hour they are looked at
        again: an order may have been confirmed in the instant of the cancellation."""
        now = self._clock.now()
        for show in await self._store.find(Show, {}, by="look_at", since=0, until=now + 1, limit=_PAGE):
            if show.state is ShowState.CANCELLED:
                await self._refund_show(show)

    async def _refund_show(self, show: Show) -> None:
        after: tuple[int, str] | None = None
        all_done = True
        while True:
            page = await self._store.find(
                Order, {"event_id": show.id}, by="created_at", after=after, limit=_PAGE
            )
            for order in page:
                if orders.can_be_cancelled(order):
                    all_done &= await self._refund(show, order.id)
            if len(page) < _PAGE:
                break
            after = (page[-1].created_at, page[-1].id)
        await self._rest(show.id, all_done)

    async def _refund(self, show: Show, order_id: str) -> bool:
        """Whether it worked. One order's trouble must not keep the others from being taken back; a store that
        can't be written is everybody's."""
        try:
            order = await self._store.transact(
                lambda tx: self._ordering.take_back(tx, order_id, show, Reason.EVENT_CANCELLED, BY_SYSTEM)
            )
        except Unavailable:
            raise
        except Transient as error:
            log.warning("refund waits", extra={"order_id": order_id, "error": str(error)})
            return False
        except Exception:
            log.exception("order can't be taken back", extra={"order_id": order_id})
            return False
        await self._tell(order)
        return True

    async def _rest(self, event_id: str, all_done: bool) -> None:
        async def work(tx: Transaction) -> None:
            show = await tx.get(Show, event_id)
            if show is not None and show.cancelled_at is not None:
                now = self._clock.now()
                over = all_done and now > show.cancelled_at + CANCEL_WATCH_MILLIS
                tx.put(msgspec.structs.replace(show, look_at=None if over else now + _RESTING_MILLIS))

        await self._store.transact(work)


def _why_not(order: Order, show: Show, intent: PaymentIntent) -> Reason | None:
    """Why this money can't be taken, whatever the seats are. Where the intent is being ended, what is
    reserved now may be void in a moment.
    """
    if (intent.amount_minor, intent.currency) != (order.total_minor, order.currency):
        return Reason.WRONG_AMOUNT
    if show.state is ShowState.CANCELLED:
        return Reason.EVENT_CANCELLED
    if order.state is OrderState.CANCELLED:
        return Reason.ORDER_CANCELLED
    if order.due is Due.CANCEL and not orders.is_in_time(order, intent.authorized_at):
        return Reason.TOO_LATE  # it expired, and so long ago that it is payable no more
    return None


def _made(order: Order, intent: PaymentIntent) -> Order:
    if not orders.needs_intent(order):
        return order
    return orders.intent_made(order, intent.id, intent.client_secret)
