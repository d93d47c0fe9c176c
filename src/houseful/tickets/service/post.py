"""Post: the letters to buyers, written down with the message that asks for them and sent until they are
gone.
"""

from email.utils import parseaddr

import msgspec

from houseful.common import emails
from houseful.common.documents import Document, Index, Millis
from houseful.common.errors import Conflict, Refusal, Transient, Unavailable
from houseful.common.ports import Attachment, Clock, Letter, Mailer, Store, Transaction, Workers
from houseful.common.telemetry import get_logger
from houseful.messages import OrderConfirmed, OrderRefunded, PaymentReturned
from houseful.settings import Settings
from houseful.tickets import paper, views
from houseful.tickets.domain.codes import CodeSigner
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.service.inventory import Inventory

log = get_logger(__name__)

LETTERS_AT_ONCE = 20
_FIRST_PAUSE_MILLIS = 10_000
_LONGEST_PAUSE_MILLIS = 3_600_000
_SENDING_MILLIS = 60_000
"""After so long a letter whose sender has not said what became of it is taken up again."""


class QueuedLetter(Document, frozen=True, kw_only=True):
    """`id` is the letter's kind and the order's id, so that each is queued once. `due_at` is None when it is
    gone or given up.
    """

    collection = "letters"
    indexes = (Index(("due_at",)),)

    kind: str
    order_id: str
    due_at: Millis | None
    tries: int = 0
    error: str | None = None


class Post:
    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        mailer: Mailer,
        workers: Workers,
        signer: CodeSigner,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._mailer = mailer
        self._workers = workers
        self._signer = signer
        self._clock = clock
        self._base_url = settings.base_url
        self.sender = emails.parsed(parseaddr(settings.mail_from)[1]).wire

    async def on_confirmed(self, tx: Transaction, message: OrderConfirmed) -> None:
        self._queue(tx, "confirmed", message.order_id)

    async def on_refunded(self, tx: Transaction, message: OrderRefunded) -> None:
        self._queue(tx, "refunded", message.order_id)

    async def on_returned(self, tx: Transaction, message: PaymentReturned) -> None:
        self._queue(tx, "returned", message.order_id)

    def _queue(self, tx: Transaction, kind: str, order_id: str) -> None:
        tx.insert_or_ignore(
            QueuedLetter(id=f"{kind}:{order_id}", kind=kind, order_id=order_id, due_at=self._clock.now())
        )

    async def send_due(self) -> int:
        """Send what is due; how many were. Of several copies of this service one sends a letter. It may
        arrive twice after a crash, with the same Message-ID.
        """
        now = self._clock.now()
        due = await self._store.find(
            QueuedLetter, {}, by="due_at", since=0, until=now + 1, limit=LETTERS_AT_ONCE
        )
        for queued in due:
            if await self._claim(queued):
                await self._send(queued)
        return len(due)

    async def _claim(self, queued: QueuedLetter) -> bool:
        """Whether this letter is ours to send: for a while nobody else takes it up."""
        try:
            async with self._store.begin() as tx:
                current = await tx.get(QueuedLetter, queued.id)
                if current is None or current.due_at != queued.due_at:
                    return False
                tx.put(msgspec.structs.replace(current, due_at=self._clock.now() + _SENDING_MILLIS))
        except Conflict:
            return False
        return True

    async def _send(self, queued: QueuedLetter) -> None:
        now = self._clock.now()
        try:
            await self._mailer.send(await self._written(queued))
        except Transient as error:
            pause = min(_FIRST_PAUSE_MILLIS * 2**queued.tries, _LONGEST_PAUSE_MILLIS)
            await self._mark(queued, now + pause, str(error))
        except Refusal as refusal:
            log.warning("letter refused", extra={"letter": queued.id, "error": refusal.detail})
            await self._mark(queued, None, refusal.detail)
        except Exception as error:  # a bug with one letter must not keep the others from going out
            log.exception("letter can't be written", extra={"letter": queued.id})
            await self._mark(queued, now + _LONGEST_PAUSE_MILLIS, repr(error))
        else:
            await self._mark(queued, None, None)

    async def _mark(self, queued: QueuedLetter, due_at: Millis | None, error: str | None) -> None:
        async with self._store.begin() as tx:
            current = await tx.get(QueuedLetter, queued.id)
            if current is not None:
                tx.put(msgspec.structs.replace(current, due_at=due_at, tries=current.tries + 1, error=error))

    async def _written(self, queued: QueuedLetter) -> Letter:
        order = await self._store.get(Order, queued.order_id)
        assert order is not None, "orders are never deleted"
        show, layout = await self._inventory.hall(order.event_id)
        order_view = views.order_view(order, show, layout, self._clock.now())
        found = await self._store.find(Ticket, {"order_id": order.id}, limit=1000)
        tickets = [views.ticket_view(ticket, layout, self._signer) for ticket in found]
        places = [paper.place(ticket) for ticket in tickets]
        link = f"{self._base_url}/orders/{order.id}"
        subject, text = paper.letter_text(queued.kind, show, order_view, places, link)
        date = None
        attachments: tuple[Attachment, ...] = ()
        if tickets:
            date = paper.calendar_date(show, order.id, tickets, self.sender, self._clock.now())
        if date is not None and queued.kind == "confirmed":
            pdf = await self._drawn(show, order_view, tickets)
            attachments = (
                Attachment(filename="tickets.pdf", media_type="application/pdf", content=pdf),
                Attachment(filename="event.ics", media_type="text/calendar", content=date.content),
            )
        return Letter(
            id=queued.id.replace(":", "-"),
            to_name=order.buyer_name,
            to_address=order.buyer_email,
            subject=subject,
            text=text,
            date=date,
            attachments=attachments,
        )

    async def _drawn(self, show: Show, order: views.OrderView, tickets: list[views.TicketView]) -> bytes:
        """Raises `Unavailable` also where too much is asked of the workers: a letter can wait."""
        try:
            return await self._workers.run(paper.tickets_pdf, show, order, tickets, whose="post")
        except Refusal as busy:
            raise Unavailable(busy.detail) from busy
