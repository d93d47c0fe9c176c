"""The email outbox: an email is stored with the message that asks for it, and sent until it has gone."""

from email.utils import parseaddr
from typing import NamedTuple

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Conflict, DomainError, Duplicate, Transient, Unavailable
from houseful.kernel.ports import (
    Attachment,
    Clock,
    Coordination,
    Email,
    Ids,
    Mailer,
    Store,
    Transaction,
    Workers,
)
from houseful.kernel.telemetry import get_logger
from houseful.messages import OrderConfirmed, OrderRefunded, PaymentReturned, Reschedule
from houseful.settings import Settings
from houseful.tickets import schemas
from houseful.tickets.documents import calendar_entry, event_time, order_email, ticket_pdf
from houseful.tickets.domain import reschedules
from houseful.tickets.domain.emails import (
    CONFIRMED,
    PART_REFUNDED,
    RESCHEDULED,
    Proofs,
    QueuedEmail,
    Recipient,
    costs,
    email_id,
    may_go,
    recipient_id,
    reschedule_emails,
    shown_name,
)
from houseful.tickets.domain.erasures import erased_email, is_erased
from houseful.tickets.domain.order_acts import Act, Actor, OrderAct, buyer_of
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.use_cases.inventory import Inventory

log = get_logger(__name__)

EMAILS_AT_ONCE = 20
_MOST_TICKETS = 1000
_FIRST_PAUSE_MILLIS = 10_000
_LONGEST_PAUSE_MILLIS = 3_600_000
_SENDING_MILLIS = 60_000
"""After so long an email whose sender has not said what became of it is taken up again."""

_HOUR_SECONDS = 3600
PER_ACCOUNT, PER_ADDRESS, PER_ACCOUNT_TO_STRANGERS = 60, 20, 5
"""Emails in an hour, and at once: about the orders of one account, to one address, and about an account's
orders that cost nothing to addresses that are not proven.
"""


class _Claimed(NamedTuple):
    email: QueuedEmail
    order: Order
    recipient: Recipient


class EmailOutbox:
    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        mailer: Mailer,
        workers: Workers,
        coordination: Coordination,
        signer: CodeSigner,
        proofs: Proofs,
        clock: Clock,
        ids: Ids,
        settings: Settings,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._mailer = mailer
        self._workers = workers
        self._coordination = coordination
        self._signer = signer
        self._proofs = proofs
        self._clock = clock
        self._ids = ids
        self._base_url = settings.base_url
        self._limited = settings.rate_limits == "on"
        self.sender = email_addresses.parsed(parseaddr(settings.mail_from)[1]).wire

    async def on_confirmed(self, tx: Transaction, message: OrderConfirmed) -> None:
        self._queue(tx, CONFIRMED, message.order_id, message.event_id)

    async def on_refunded(self, tx: Transaction, message: OrderRefunded) -> None:
        kind = PART_REFUNDED if message.part else "refunded"
        self._queue(tx, kind, message.order_id, message.event_id, message.part)

    async def on_returned(self, tx: Transaction, message: PaymentReturned) -> None:
        self._queue(tx, "returned", message.order_id, message.event_id)

    def _queue(self, tx: Transaction, kind: str, order_id: str, event_id: str, part: int = 0) -> None:
        tx.insert_or_ignore(
            QueuedEmail(
                id=email_id(kind, order_id, part),
                kind=kind,
                order_id=order_id,
                event_id=event_id,
                due_at=self._clock.now(),
                part=part,
            )
        )

    async def send_due(self) -> int:
        """Send what is due; how many were. Of several copies of this service one sends an email. It may
        arrive twice after a crash, with the same Message-ID.
        """
        now = self._clock.now()
        due = await self._store.find(
            QueuedEmail, {}, by="due_at", since=0, until=now + 1, limit=EMAILS_AT_ONCE
        )
        for queued in due:
            claimed = await self._claim(queued)
            if claimed is not None:
                await self._send(claimed)
        return len(due)

    async def _claim(self, queued: QueuedEmail) -> _Claimed | None:
        """The email, if it is ours to send: for a while nobody else takes it up. One that may not go yet is
        put aside until its address is proven.
        """
        now = self._clock.now()
        try:
            async with self._store.begin() as tx:
                email = await tx.get(QueuedEmail, queued.id)
                if email is None or email.due_at != queued.due_at:
                    return None
                order = await tx.get(Order, email.order_id)
                assert order is not None, "orders are never deleted"
                if is_erased(order):  # there is nobody to write to any more
                    tx.put(erased_email(email))
                    return None
                if email.kind == RESCHEDULED and await self._is_overtaken(tx, email, order):
                    tx.delete(email)
                    return None
                id = recipient_id(order.buyer_email)
                recipient = await tx.get(Recipient, id)
                if recipient is None:
                    recipient = Recipient(id=id, first_email=email.id)
                    tx.insert(recipient)
                if may_go(email, order, recipient):
                    email = replace(email, due_at=now + _SENDING_MILLIS)
                    tx.put(email)
                    return _Claimed(email, order, recipient)
                tx.lock(recipient)  # a proof at this moment finds the email, or the email the proof
                tx.put(replace(email, due_at=None, waits_for=id, failed_at=now))
        except (Conflict, Duplicate):
            pass  # somebody else was at it; what is still due comes up again
        return None

    async def _is_overtaken(self, tx: Transaction, email: QueuedEmail, order: Order) -> bool:
        show = await tx.get(Show, order.event_id)
        return show is None or reschedules.is_overtaken(email, order, show)

    async def _send(self, claimed: _Claimed) -> None:
        now, queued = self._clock.now(), claimed.email
        try:
            pause_seconds = 0.0 if queued.tries else await self._pause(claimed)
            if pause_seconds:
                await self._mark(queued, due_at=now + round(pause_seconds * 1000))
                return
            await self._mailer.send(await self._written(claimed))
        except Transient as error:
            pause = min(_FIRST_PAUSE_MILLIS * 2**queued.tries, _LONGEST_PAUSE_MILLIS)
            await self._failed(queued, now + pause, str(error))
        except DomainError as refusal:
            log.warning("email refused", extra={"email": queued.id, "error": refusal.detail})
            await self._failed(queued, None, refusal.detail)
        except Exception as error:  # a bug with one email must not keep the others from going out
            log.exception("email can't be written", extra={"email": queued.id})
            await self._failed(queued, now + _LONGEST_PAUSE_MILLIS, repr(error))
        else:
            await self._sent(claimed)

    async def _sent(self, claimed: _Claimed) -> None:
        """Sent, and in the order's history, also where it is on its way again already. The history of an
        order that was erased meanwhile names nobody.
        """
        queued = claimed.email

        async def work(tx: Transaction) -> None:
            order = await tx.get(Order, queued.order_id)
            names = order is not None and not is_erased(order)
            tx.insert(
                OrderAct(
                    id=self._ids.new("act"),
                    order_id=queued.order_id,
                    at=self._clock.now(),
                    act=Act.EMAILED,
                    actor=Actor.SYSTEM,
                    email_kind=queued.kind,
                    after=buyer_of(claimed.order) if names else None,
                )
            )
            if await tx.get(QueuedEmail, queued.id) == queued:
                tx.put(replace(queued, due_at=None, tries=queued.tries + 1, error=None, failed_at=None))

        await self._store.transact(work)

    async def _failed(self, queued: QueuedEmail, due_at: Millis | None, why: str) -> None:
        since = self._clock.now() if queued.failed_at is None else queued.failed_at
        await self._mark(queued, due_at=due_at, tries=queued.tries + 1, error=why, failed_at=since)

    async def _mark(self, claimed: QueuedEmail, **changes: object) -> None:
        """Nothing where somebody has put it on its way again in between."""

        async def work(tx: Transaction) -> None:
            current = await tx.get(QueuedEmail, claimed.id)
            if current == claimed:
                tx.put(replace(current, **changes))

        await self._store.transact(work)

    async def _pause(self, claimed: _Claimed) -> float:
        """How many seconds an email has to wait so that nobody sends, or gets, too many."""
        if not self._limited:
            return 0.0
        _, order, recipient = claimed
        buckets = [(f"account:{order.user_id}", PER_ACCOUNT), (f"address:{recipient.id}", PER_ADDRESS)]
        if not costs(order) and recipient.proven_at is None:
            buckets.insert(0, (f"strangers:{order.user_id}", PER_ACCOUNT_TO_STRANGERS))
        try:
            for bucket, most in buckets:
                seconds = await self._coordination.take(
                    f"letters:{bucket}", per_second=most / _HOUR_SECONDS, burst=most
                )
                if seconds:
                    return seconds
        except Unavailable:
            log.warning("emails go unlimited: the limits are not to be reached")
        return 0.0

    # What is written

    async def _written(self, claimed: _Claimed) -> Email:
        queued, order, recipient = claimed
        show, layout = await self._inventory.hall(order.event_id)
        order_view = schemas.order_view(order, show, layout, self._clock.now())
        seats = order.ordinals
        if queued.part:
            part = order.part_refunds[queued.part - 1]
            seats = [seat.ordinal for seat in part.seats]
            order_view = replace(order_view, total_minor=part.amount_minor)
        found = await self._store.find(Ticket, {"order_id": order.id}, limit=_MOST_TICKETS)
        found = [ticket for ticket in found if ticket.ordinal in seats]
        found.sort(key=lambda ticket: seats.index(ticket.ordinal))
        tickets = [schemas.ticket_view(ticket, layout, self._signer) for ticket in found]
        move = await self._move(queued, order, show) if queued.kind == RESCHEDULED else None
        proven = recipient.proven_at is not None
        named = proven or costs(order)
        words = order_email.compose(
            queued.kind,
            show,
            order_view,
            [ticket.seat.label for ticket in tickets],
            f"{self._base_url}/orders/{order.id}",
            named=named,
            proof=None if proven else f"{self._base_url}/letters/{self._proofs.token(recipient.id)}",
            move=move,
        )
        date = None
        attachments: tuple[Attachment, ...] = ()
        if tickets and not queued.part:  # of a part the date stays as it was told
            date = calendar_entry.calendar_entry(
                show,
                order.id,
                tickets,
                self.sender,
                self._clock.now(),
                moved=event_time.moved_words(show, order_view),
            )
        if date is not None and queued.kind in (CONFIRMED, RESCHEDULED):
            pdf = await self._drawn(show, order_view, tickets)
            attachments = (
                Attachment(filename="tickets.pdf", media_type="application/pdf", content=pdf),
                Attachment(filename="event.ics", media_type="text/calendar", content=date.content),
            )
        return Email(
            id=queued.message_id,
            to_name=shown_name(order.buyer_name) if named else "",
            to_address=order.buyer_email,
            subject=words.subject,
            text=words.text,
            html=words.html,
            date=date,
            attachments=attachments,
        )

    async def _move(self, queued: QueuedEmail, order: Order, show: Show) -> Reschedule | None:
        """From the date that the buyer was told of last."""
        ids = reschedule_emails(order.id, queued.reschedule - 1)
        earlier = await self._store.get_many(QueuedEmail, ids)
        return reschedules.since_ordered(order, show, earlier.values())

    async def _drawn(self, show: Show, order: schemas.OrderView, tickets: list[schemas.TicketView]) -> bytes:
        """Raises `Unavailable` also where too much is asked of the workers: an email can wait."""
        try:
            return await self._workers.run(ticket_pdf.tickets_pdf, show, order, tickets, whose="post")
        except DomainError as busy:
            raise Unavailable(busy.detail) from busy
