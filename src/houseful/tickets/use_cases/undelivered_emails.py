"""Letters that have not arrived: shown to the organizer and the buyer, corrected, and proofs of addresses."""

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import LimitReached, NotFound, Unavailable, not_found
from houseful.kernel.ports import Clock, Coordination, Store, Transaction
from houseful.tickets.domain.emails import (
    KINDS,
    Proofs,
    QueuedLetter,
    Recipient,
    letter_id,
)
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show

_PAGE = 100
_CORRECTIONS_PER_HOUR = 60


class Undelivered:
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
    ) -> list[tuple[QueuedLetter, Order]]:
        """Letters about orders of this event that something is in the way of, the oldest first."""
        letters = await self._store.find(
            QueuedLetter, {"event_id": show.id}, by="failed_at", since=0, after=after, limit=limit
        )
        orders = await self._store.get_many(Order, [letter.order_id for letter in letters])
        return [(letter, orders[letter.order_id]) for letter in letters]

    async def of_order(self, order: Order) -> list[QueuedLetter]:
        found = await self._store.get_many(QueuedLetter, [letter_id(kind, order.id) for kind in KINDS])
        return list(found.values())

    async def correct(self, show: Show, order_id: str, email: str, who: str) -> list[QueuedLetter]:
        """The buyer's address is another one, and the order's letters go there: those that have not gone, and
        the one with the tickets. Raises `NotFound`, `LimitReached`.
        """
        await self._count(who)
        now = self._clock.now()

        async def work(tx: Transaction) -> list[QueuedLetter]:
            order = await tx.get(Order, order_id)
            if order is None or order.event_id != show.id:
                raise not_found("order")
            if order.buyer_email != email:
                tx.put(replace(order, buyer_email=email))
            letters = await tx.get_many(QueuedLetter, [letter_id(kind, order_id) for kind in KINDS])
            again = [one for one in letters.values() if one.state != "sent" or _has_tickets(one, order)]
            queued = [_due(one, show.id, now) for one in again]
            for letter in queued:
                tx.put(letter)
            return queued

        return await self._store.transact(work)

    async def _count(self, who: str) -> None:
        if not self._limited:
            return
        try:
            seconds = await self._coordination.take(
                f"letters:corrections:{who}",
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
        """The address that a letter with this token went to is its reader's; what waited for that goes. Again
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
        waiting = await self._store.find(QueuedLetter, {"waits_for": recipient}, limit=_PAGE)

        async def work(tx: Transaction) -> int:
            letters = await tx.get_many(QueuedLetter, [letter.id for letter in waiting])
            for letter in letters.values():
                if letter.waits_for == recipient:
                    tx.put(_due(letter, letter.event_id, now))
            return len(letters)

        return await self._store.transact(work) if waiting else 0


def _has_tickets(letter: QueuedLetter, order: Order) -> bool:
    return letter.kind == "confirmed" and order.state is OrderState.CONFIRMED


def _due(letter: QueuedLetter, event_id: str, now: Millis) -> QueuedLetter:
    return replace(letter, event_id=event_id, due_at=now, tries=0, error=None, failed_at=None, waits_for=None)
