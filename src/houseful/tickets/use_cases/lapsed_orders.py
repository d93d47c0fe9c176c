"""Lapsed orders: their payments are ended at the gateway before their seats are given to another.

The gateway's answer decides. Where it has authorised the payment, the order is confirmed and the seats are
not to be had; where it has ended the payment, nobody can pay for them any more. Where it does not answer, the
seats stay with the order for a moment and it is asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from houseful.kernel.errors import DomainError, Transient, Unavailable
from houseful.kernel.ports import Clock, PaymentGateway, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.tickets.domain import orders
from houseful.tickets.domain.orders import Order
from houseful.tickets.use_cases.holding import Holding
from houseful.tickets.use_cases.open_payments import PaymentsOpen
from houseful.tickets.use_cases.payment_reconciliation import PaymentReconciliation

log = get_logger(__name__)
T = TypeVar("T")

KEPT_MILLIS = 30_000
"""For how long the seats of an order stay its own after the gateway could not be asked about its payment."""
_TRIES = 10


class LapsedOrders:
    def __init__(
        self,
        store: Store,
        holding: Holding,
        reconciliation: PaymentReconciliation,
        gateway: PaymentGateway,
        clock: Clock,
    ) -> None:
        self._store = store
        self._holding = holding
        self._reconciliation = reconciliation
        self._gateway = gateway
        self._clock = clock
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def ended_first(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, which is repeated after each `PaymentsOpen` that it raises."""
        for _ in range(_TRIES):
            try:
                return await work()
            except PaymentsOpen as error:
                await self.end(error.order_ids)
        raise Unavailable("these seats are too busy")

    async def end(self, order_ids: Sequence[str]) -> None:
        """End their payments, or learn that they are authorised. Many may want the same seats: in this
        process an order's payment is ended once.
        """
        await asyncio.gather(*(asyncio.shield(self._task(order_id)) for order_id in order_ids))

    def _task(self, order_id: str) -> "asyncio.Task[None]":
        task = self._ending.get(order_id)
        if task is None:
            task = self._ending[order_id] = asyncio.create_task(self._end(order_id))
            task.add_done_callback(lambda _: self._ending.pop(order_id))
        return task

    async def _end(self, order_id: str) -> None:
        order = await self._store.get(Order, order_id)
        if order is None or order.intent_id is None or not orders.is_payable(order):
            return
        try:
            intent = await self._gateway.cancel_unpaid(order.intent_id, key=f"{order_id}:end")
        except Transient as error:
            log.warning("payment not known", extra={"order_id": order_id, "error": str(error)})
            await self._keep_seats(order)
        except DomainError as error:
            log.error("payment can't be ended", extra={"order_id": order_id, "refusal": str(error)})
            await self._keep_seats(order)
        else:
            await self._reconciliation.apply_payment_status(order_id, intent)

    async def _keep_seats(self, order: Order) -> None:
        async def work(tx: Transaction) -> None:
            current = await tx.get(Order, order.id)
            if current is not None and orders.is_payable(current):
                until = self._clock.now() + KEPT_MILLIS
                await self._holding.keep(tx, order.event_id, order.ordinals, order.hold_id, until)

        await self._store.transact(work)
        await self._holding.tell(order.event_id, order.ordinals)
