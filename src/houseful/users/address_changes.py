"""An account's address changed: confirmed from the mailbox of the new one, and for some days taken back from
that of the old one."""

from houseful.kernel import email_addresses
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Duplicate, StateConflict, invalid
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users import account_email, domain
from houseful.users.account_email import UNDO_MILLIS, AccountEmail, Kind, Links
from houseful.users.domain import FormerAddress, User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.login_attempts import ADDRESS_CHANGES, EMAILS_TO_ADDRESS, Attempts, address_bucket
from houseful.users.passkey import take_off_passkeys
from houseful.users.password_changes import PasswordChanges
from houseful.users.revocations import Endings
from houseful.users.second_factor import take_off
from houseful.webapi.revoked_tokens import Ending

_AT_ONCE = 100


class AddressChanges:
    def __init__(
        self,
        store: Store,
        password_changes: PasswordChanges,
        outbox: EmailOutbox,
        links: Links,
        endings: Endings,
        attempts: Attempts,
        clock: Clock,
    ) -> None:
        self._store = store
        self._password_changes = password_changes
        self._outbox = outbox
        self._links = links
        self._endings = endings
        self._attempts = attempts
        self._clock = clock

    async def request(self, who: Identity, email: str, current_password: str) -> None:
        """An email to the new address. Nothing changes before its link is followed. Where the address has an
        account, the answer is the same. Raises `Invalid`, `Forbidden`, `LimitReached`."""
        found = email_addresses.address(email)
        user = await self._password_changes.verify_current(who, current_password)
        if found.email == user.email:
            raise invalid({"email": "is the address that the account has."})
        await self._attempts.take(f"address-changes:{user.id}", ADDRESS_CHANGES)
        await self._attempts.take(address_bucket(found.key), EMAILS_TO_ADDRESS)

        async def work(tx: Transaction) -> None:
            self._outbox.queue(tx, Kind.CONFIRM_ADDRESS, found.email, user_id=user.id)

        await self._store.transact(work)

    async def confirm(self, token: str) -> None:
        """The account has the address that the email went to; the one before is told, if it was verified.
        Raises `NotFound`, `StateConflict`."""
        id = self._links.email_id(Kind.CONFIRM_ADDRESS, token)
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            email = account_email.used(await tx.get(AccountEmail, id), now)
            user = await tx.get(User, email.user_id)
            if user is None or email.created_at < user.links_since:
                raise account_email.expired()
            former = await tx.get(FormerAddress, email.address)
            if former is not None and former.user_id != user.id and former.until > now:
                raise _taken()
            if former is not None:
                tx.delete(former)
            tx.put(email)
            tx.put(domain.with_address(user, email.to_address, now))
            # An address that was not verified may be a stranger's, who must not get the account.
            if user.verified_at is not None and user.address != email.address:
                await self._reserve(tx, user, now)
                self._outbox.queue(tx, Kind.ADDRESS_CHANGED, user.email, user_id=user.id)

        try:
            await self._store.transact(work)
        except Duplicate as error:
            raise _taken() from error

    async def _reserve(self, tx: Transaction, user: User, now: Millis) -> None:
        reserved = FormerAddress(id=user.address, user_id=user.id, changed_at=now, until=now + UNDO_MILLIS)
        if await tx.get(FormerAddress, user.address) is None:
            tx.insert(reserved)
        else:
            tx.put(reserved)

    async def undo(self, token: str) -> None:
        """The account has its former address again. Whoever changed it may know the password and have
        sessions: these are over, and an email to the address brings a link for a new password. Later changes
        can't be undone any more. Raises `NotFound`, `StateConflict`."""
        id = self._links.email_id(Kind.ADDRESS_CHANGED, token)
        now = self._clock.now()

        async def work(tx: Transaction) -> Ending:
            email = account_email.used(await tx.get(AccountEmail, id), now)
            user = await tx.get(User, email.user_id)
            former = await tx.get(FormerAddress, email.address)
            if user is None or former is None or former.user_id != user.id:
                raise account_email.expired()
            later = await tx.find(FormerAddress, {"user_id": user.id}, limit=_AT_ONCE)
            for one in (await tx.get_many(FormerAddress, [one.id for one in later])).values():
                if one.changed_at >= former.changed_at:
                    tx.delete(one)
            after = domain.without_password(domain.with_address(user, email.to_address, now), now)
            tx.put(email)
            tx.put(after)
            await take_off(tx, user.id)
            await take_off_passkeys(tx, user.id)
            self._outbox.queue(tx, Kind.RESET_PASSWORD, after.email)
            return self._endings.of_user(tx, after)

        try:
            await self._endings.tell(await self._store.transact(work))
        except Duplicate as error:
            raise _taken() from error

    async def purge_expired(self) -> int:
        """Delete a batch of former addresses that can't be had back any more; how many."""
        old = await self._store.find(FormerAddress, {}, by="until", until=self._clock.now(), limit=_AT_ONCE)

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(FormerAddress, [one.id for one in old])
            for one in found.values():
                if one.until <= self._clock.now():
                    tx.delete(one)
            return len(found)

        return await self._store.transact(work) if old else 0


def _taken() -> StateConflict:
    return StateConflict("address_taken", "This address has an account already. Use another one.")
