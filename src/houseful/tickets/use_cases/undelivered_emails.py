"""Emails that have not arrived: shown to the organizer and the buyer, corrected, and proofs of addresses."""

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import LimitReached, NotFound, StateConflict, Unavailable, not_found
from houseful.kernel.ports import Clock, Coordination, Store, Transaction
from houseful.tickets.domain.emails import (
    KINDS,
    Proofs,
    QueuedEmail,
    Recipient,
    email_id,
)
from houseful.tickets.domain.erasures import is_erased
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show

_PAGE = 100
_CORRECTIONS_PER_HOUR = 60


class UndeliveredEmails:
    def __init__(
        self, store: Store, coordination: Coordination, proofs: Proofs, clock: Clock, *, limited: bool
    ) -> None:
        self._store = store
        self._coordination = coordination
        self._proofs = proofs
        self._clock = clock
        self._limited = limited

    async def page(
        self, show: Show, after: tuple[Millis, str] | None, limit: int
    ) -> list[tuple[QueuedEmail, Order]]:
        """Emails about orders of this event that something is in the way of, the oldest first."""
        emails = await self._store.find(
            QueuedEmail, {"event_id": show.id}, by="failed_at", since=0, after=after, limit=limit
        )
        orders = await self._store.get_many(Order, [email.order_id for email in emails])
        return [(email, orders[email.order_id]) for email in emails]

    async def of_order(self, order: Order) -> list[QueuedEmail]:
        found = await self._store.get_many(QueuedEmail, [email_id(kind, order.id) for kind in KINDS])
        return list(found.values())

    async def correct(self, show: Show, order_id: str, address: str, user_id: str) -> list[QueuedEmail]:
        """The buyer's address is another one, and the order's emails go there: those that have not gone, and
        the one with the tickets. Raises `NotFound`, `StateConflict`, `LimitReached`.
        """
        await self._count(user_id)
        now = self._clock.now()

        async def work(tx: Transaction) -> list[QueuedEmail]:
            order = await tx.get(Order, order_id)
            if order is None or order.event_id != show.id:
                raise not_found("order")
            if is_erased(order):
                raise StateConflict("account_erased", "The buyer has erased the account and gets no emails.")
            if order.buyer_email != address:
                tx.put(replace(order, buyer_email=address))
            emails = await tx.get_many(QueuedEmail, [email_id(kind, order_id) for kind in KINDS])
            again = [one for one in emails.values() if one.state != "sent" or _has_tickets(one, order)]
            queued = [_due(one, show.id, now) for one in again]
            for email in queued:
                tx.put(email)
            return queued

        return await self._store.transact(work)

    async def _count(self, user_id: str) -> None:
        if not self._limited:
            return
        try:
            seconds = await self._coordination.take(
                f"letters:corrections:{user_id}",
                per_second=_CORRECTIONS_PER_HOUR / 3600,
                burst=_CORRECTIONS_PER_HOUR,
            )
        except Unavailable:
            return
        if seconds:
            raise LimitReached(
                "too_many_letters",
                f"At most {_CORRECTIONS_PER_HOUR} letters an hour can be sent again. Wait a while.",
                retry_after_seconds=max(1, round(seconds)),
            )

    async def prove(self, token: str) -> None:
        """The address that an email with this token went to is its reader's; what waited for that goes. Again
        is once. Raises `NotFound`.
        """
        id = self._proofs.recipient(token)
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            recipient = None if id is None else await tx.get(Recipient, id)
            if recipient is None:
                raise NotFound(
                    "proof_unknown", "This link is none of ours. Copy the whole of it from the letter."
                )
            if recipient.proven_at is None:
                tx.put(replace(recipient, proven_at=now))

        await self._store.transact(work)
        assert id is not None, "else there is no recipient"
        while await self._release(id, now):
            pass

    async def _release(self, recipient: str, now: Millis) -> int:
        waiting = await self._store.find(QueuedEmail, {"waits_for": recipient}, limit=_PAGE)

        async def work(tx: Transaction) -> int:
            emails = await tx.get_many(QueuedEmail, [email.id for email in waiting])
            for email in emails.values():
                if email.waits_for == recipient:
                    tx.put(_due(email, email.event_id, now))
            return len(emails)

        return await self._store.transact(work) if waiting else 0


def _has_tickets(email: QueuedEmail, order: Order) -> bool:
    return email.kind == "confirmed" and order.state is OrderState.CONFIRMED


def _due(email: QueuedEmail, event_id: str, now: Millis) -> QueuedEmail:
    return replace(email, event_id=event_id, due_at=now, tries=0, error=None, failed_at=None, waits_for=None)
