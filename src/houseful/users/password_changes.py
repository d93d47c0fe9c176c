"""Passwords, changed by who knows the old one, or by who reads the emails to the account's address."""

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.errors import DomainError, Forbidden, Unauthenticated
from houseful.kernel.network_addresses import network
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users import account_email, domain
from houseful.users.account_email import AccountEmail, Kind, Links
from houseful.users.accounts import Accounts
from houseful.users.domain import Session, User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.login_attempts import EMAILS_TO_ADDRESS, RESETS, Attempts, address_bucket
from houseful.users.passkey import take_off_passkeys
from houseful.users.passwords import Passwords
from houseful.users.revocations import Endings
from houseful.users.second_factor import take_off
from houseful.webapi.revoked_tokens import Ending


class PasswordChanges:
    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        passwords: Passwords,
        outbox: EmailOutbox,
        links: Links,
        endings: Endings,
        attempts: Attempts,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._outbox = outbox
        self._links = links
        self._endings = endings
        self._attempts = attempts
        self._clock = clock

    async def verify_current(self, who: Identity, current: str) -> User:
        """The account, as it was when this was its password. Raises `Forbidden` (`bad_credentials`) where it
        is not, `LimitReached`."""
        user = await self._store.get(User, who.user_id)
        if user is None:
            raise Unauthenticated("token_invalid", "This access token's user does not exist.")
        current = domain.typed_password(current)

        async def verify() -> bool:
            return await self._passwords.verify(current, user.password_hash, whose=who.user_id)

        if not await self._attempts.judge(who.user_id, who.user_id, verify):
            raise wrong_current()
        return user

    async def change(self, who: Identity, *, current: str, new: str) -> None:
        """Ends all other sessions of the user; this one goes on. Raises `Forbidden` where `current` is wrong,
        `Invalid`, `LimitReached`."""
        known = await self._store.get(User, who.user_id)
        new = domain.new_password(new, known.email if known else "", field="new_password")
        verified = await self.verify_current(who, current)
        hash = await self._passwords.hash(new, whose=who.user_id)

        async def work(tx: Transaction) -> Ending:
            user = await tx.get(User, who.user_id)
            session = await tx.get(Session, who.session_id)
            if user is None or user.password_version != verified.password_version:
                raise wrong_current()  # it was changed while we verified
            after = domain.with_password(user, hash, self._clock.now())
            tx.put(after)
            goes_on = session is not None and session.password_version == user.password_version
            if session is not None and goes_on:
                tx.put(replace(session, password_version=after.password_version))
            self._outbox.queue(tx, Kind.PASSWORD_CHANGED, user.email, user_id=user.id)
            return self._endings.of_user(tx, after, kept_session=who.session_id if goes_on else "")

        await self._endings.tell(await self._store.transact(work))

    async def request_reset(self, email: str, peer: str) -> None:
        """An email with a link to the account of this address. Where there is none, the answer is the same,
        after the same work. Raises `Invalid`, `LimitReached`."""
        found = email_addresses.address(email)
        await self._attempts.take(f"resets:{network(peer)}", RESETS)
        await self._attempts.take(address_bucket(found.key), EMAILS_TO_ADDRESS)

        async def work(tx: Transaction) -> None:
            self._outbox.queue(tx, Kind.RESET_PASSWORD, found.email)

        await self._store.transact(work)

    async def reset(self, token: str, new: str, peer: str) -> None:
        """Sets the password, ends all sessions of the account and removes its passkeys. Whoever followed the
        link owns the address, which is verified by it. Raises `NotFound`, `StateConflict`, `Invalid`,
        `LimitReached`."""
        id = self._links.email_id(Kind.RESET_PASSWORD, token)
        now = self._clock.now()
        email = account_email.used(await self._store.get(AccountEmail, id), now)
        known = await self._accounts.by_address(email.address)
        if known is None:
            raise account_email.expired()
        new = domain.new_password(new, known.email, field="new_password")
        hash = await self._passwords.hash(new, whose=network(peer))

        async def work(tx: Transaction) -> Ending:
            email = account_email.used(await tx.get(AccountEmail, id), now)
            user = await tx.get(User, known.id)
            if user is None or user.address != email.address or email.created_at < user.links_since:
                raise account_email.expired()
            after = domain.verified(domain.with_password(user, hash, now), now)
            if user.verified_at is None:  # a stranger may have registered it
                await take_off(tx, user.id)
            # Who sets a new password because somebody else is in the account ends all other ways in.
            if await take_off_passkeys(tx, user.id):
                self._outbox.queue(tx, Kind.PASSKEY_REMOVED, user.email, user_id=user.id)
            tx.put(email)
            tx.put(after)
            self._outbox.queue(tx, Kind.PASSWORD_CHANGED, user.email, user_id=user.id)
            return self._endings.of_user(tx, after)

        await self._endings.tell(await self._store.transact(work))


def wrong_current() -> DomainError:
    wrong = {"current_password": "is not right."}
    return Forbidden("bad_credentials", "The current password is not right.", errors=wrong)
