"""Emails that have not arrived: shown to the organizer and the buyer, and proofs of addresses."""

from typing import Literal

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import NotFound
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.tickets.domain.emails import Proofs, QueuedEmail, Recipient, due_again, emails_of
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.shows import Show

_PAGE = 100


class UndeliveredEmails:
    def __init__(self, store: Store, proofs: Proofs, clock: Clock) -> None:
        self._store = store
        self._proofs = proofs
        self._clock = clock

    async def page(
        self, show: Show, after: tuple[Millis, str] | None, limit: int
    ) -> list[tuple[QueuedEmail, Order]]:
        """Emails about orders of this event that something is in the way of, the oldest first."""
        emails = await self._store.find(
            QueuedEmail, {"event_id": show.id}, by="failed_at", since=0, after=after, limit=limit
        )
        orders = await self._store.get_many(Order, [email.order_id for email in emails])
        return [(email, orders[email.order_id]) for email in emails]

    async def queued(
        self, queue: Literal["waiting", "failed"], after: tuple[Millis, str] | None, limit: int
    ) -> list[tuple[QueuedEmail, Order]]:
        """Emails about orders of all events that have not gone, the longest waiting first."""
        emails = await self._store.find(
            QueuedEmail, {"queue": queue}, by="queued_since", since=0, after=after, limit=limit
        )
        orders = await self._store.get_many(Order, [email.order_id for email in emails])
        return [(email, orders[email.order_id]) for email in emails]

    async def of_order(self, order: Order) -> list[QueuedEmail]:
        found = await self._store.get_many(QueuedEmail, emails_of(order))
        return list(found.values())

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
                    tx.put(due_again(email, email.event_id, now))
            return len(emails)

        return await self._store.transact(work) if waiting else 0
