"""The email outbox of accounts: an email is stored with what brings it about, and sent until it has gone."""

import asyncio
from collections.abc import Callable
from typing import Literal, TypeVar

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.errors import Conflict, DomainError, StateConflict, Transient, not_found
from houseful.kernel.ports import Clock, Email, Ids, Mailer, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.messages import TurnNear
from houseful.users import email_texts
from houseful.users.account_email import LIFETIME_MILLIS, WITH_LINK, AccountEmail, Kind, Links
from houseful.users.accounts import Accounts
from houseful.users.domain import User
from houseful.webapi.audit import Actor, AuditLog
from houseful.webapi.cursors import ByMoment
from houseful.webapi.idempotency import IdempotencyContext

log = get_logger(__name__)

T = TypeVar("T")

EMAILS_AT_ONCE = 10
_FIRST_PAUSE_MILLIS = 10_000
_LONGEST_PAUSE_MILLIS = 3_600_000
_SENDING_MILLIS = 60_000
"""After so long an email whose sender has not said what became of it is taken up again."""
_PURGE_BATCH = 500


class EmailOutbox:
    """Safe to be used by several processes on one store: of them one sends an email. It may arrive twice
    after a crash, with the same Message-ID."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        mailer: Mailer,
        links: Links,
        clock: Clock,
        ids: Ids,
        *,
        base_url: str,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._mailer = mailer
        self._links = links
        self._clock = clock
        self._ids = ids
        self._base_url = base_url
        self._audit = AuditLog(clock, ids)

    def queue(
        self,
        tx: Transaction,
        kind: Kind,
        email: str,
        *,
        user_id: str = "",
        event_id: str = "",
        title: str = "",
    ) -> None:
        """To this address. Without a `user_id` the account of the address is looked up when it is sent: the
        email goes to the address as the account has it, and where there is no account nothing is sent."""
        now = self._clock.now()
        tx.insert(
            AccountEmail(
                id=self._ids.new("eml"),
                kind=kind,
                to_address=email,
                address=email_addresses.searched(email),
                user_id=user_id,
                created_at=now,
                expires_at=now + LIFETIME_MILLIS[kind],
                due_at=now,
                event_id=event_id,
                title=title,
            )
        )

    async def turn_near(self, tx: Transaction, message: TurnNear) -> None:
        """An email to who stands in a line. A message that comes too late tells nothing that is true."""
        user = await tx.get(User, message.user_id)
        too_late = self._clock.now() >= message.told_at + LIFETIME_MILLIS[Kind.TURN_NEAR]
        if user is not None and user.verified_at is not None and not too_late:
            event = {"event_id": message.event_id, "title": message.title}
            self.queue(tx, Kind.TURN_NEAR, user.email, user_id=user.id, **event)

    async def send_due(self) -> int:
        """Send what is due; how many were."""
        now = self._clock.now()
        due = await self._store.find(
            AccountEmail, {}, by="due_at", since=0, until=now + 1, limit=EMAILS_AT_ONCE
        )
        await asyncio.gather(*(self._send(email) for email in due))
        return len(due)

    async def _send(self, due: AccountEmail) -> None:
        email = await self._claim(due)
        if email is None:
            return
        now = self._clock.now()
        try:
            written = await self._written(email)
            if written is not None:
                await self._mailer.send(written)
        except Transient as error:
            pause = min(_FIRST_PAUSE_MILLIS * 2**email.tries, _LONGEST_PAUSE_MILLIS)
            await self._mark(email, due_at=now + pause, tries=email.tries + 1, error=str(error))
        except DomainError as refusal:
            log.warning("account email refused", extra={"email": email.id, "error": refusal.detail})
            await self._mark(email, due_at=None, tries=email.tries + 1, error=refusal.detail)
        else:
            await self._mark(email, due_at=None, tries=email.tries + 1, error=None)

    async def _claim(self, due: AccountEmail) -> AccountEmail | None:
        """The email, if it is ours to send: for a while nobody else takes it up."""
        now = self._clock.now()
        try:
            async with self._store.begin() as tx:
                email = await tx.get(AccountEmail, due.id)
                if email is None or email.due_at != due.due_at:
                    return None
                over = email.used_at is not None or now >= email.expires_at
                claimed = replace(email, due_at=None if over else now + _SENDING_MILLIS)
                tx.put(claimed)
        except Conflict:  # somebody else was at it; what is still due comes up again
            return None
        return None if over else claimed

    async def _written(self, email: AccountEmail) -> Email | None:
        """None where there is nobody to write to."""
        kind, to_address = email.kind, email.to_address
        if kind is not Kind.ACCOUNT_ERASED:  # then there is no account any more
            user = await self._recipient(email)
            if user is None or (kind is Kind.VERIFY and _is_settled(email, user)):
                return None
            # Two spellings may be compared as one address, and lead to two mailboxes.
            to_address = email.to_address if email.user_id else user.email
            if kind is Kind.CONFIRM_ADDRESS and await self._is_taken(email.address, user):
                kind = Kind.ADDRESS_TAKEN
        words = email_texts.compose(
            kind,
            self._base_url,
            token=self._links.token(kind, email.id) if kind in WITH_LINK else "",
            code=self._links.code(email.id) if email.kind is Kind.VERIFY else "",
            title=email.title,
            event_id=email.event_id,
        )
        return Email(
            id=email.id,
            to_name="",
            to_address=to_address,
            subject=words.subject,
            text=words.text,
            html=words.html,
        )

    async def _is_taken(self, address: str, by_others_than: User) -> bool:
        return await self._accounts.holder(address) not in (None, by_others_than.id)

    async def _recipient(self, email: AccountEmail) -> User | None:
        if email.user_id:
            return await self._store.get(User, email.user_id)
        return await self._accounts.by_address(email.address)

    async def _mark(self, claimed: AccountEmail, **changes: object) -> None:
        """Its link may have been followed already."""

        async def work(tx: Transaction) -> None:
            current = await tx.get(AccountEmail, claimed.id)
            if current is not None and current.due_at == claimed.due_at:
                tx.put(replace(current, **changes))

        await self._store.transact(work)

    async def queued(
        self, queue: Literal["waiting", "failed"], after: ByMoment | None, limit: int
    ) -> list[AccountEmail]:
        """Emails that have not gone, the oldest first."""
        return await self._store.find(
            AccountEmail, {"queue": queue}, by="created_at", after=after, limit=limit
        )

    async def send_again(
        self, id: str, by: Actor, outcome: Callable[[AccountEmail], T], context: IdempotencyContext
    ) -> T:
        """Send one now that has not gone. Raises `NotFound`, `StateConflict`."""

        async def work(tx: Transaction) -> T:
            email = await tx.get(AccountEmail, id)
            if email is None:
                raise not_found("email")
            if email.queue is None:
                raise StateConflict("email_sent", "This email has gone.")
            again = replace(email, due_at=self._clock.now(), tries=0, error=None)
            tx.put(again)
            await self._audit.record(
                tx, by, "email.sent_again", f"account:{email.user_id}", email=id, kind=str(email.kind)
            )
            told = outcome(again)
            context.store(tx, told)
            return told

        return await self._store.transact(work)

    async def purge_expired(self) -> int:
        """Delete a batch of those whose links are over; how many."""
        old = await self._store.find(
            AccountEmail, {}, by="expires_at", until=self._clock.now(), limit=_PURGE_BATCH
        )

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(AccountEmail, [email.id for email in old])
            for email in found.values():
                tx.delete(email)
            return len(found)

        return await self._store.transact(work) if old else 0


def _is_settled(email: AccountEmail, user: User) -> bool:
    return user.verified_at is not None or user.address != email.address
