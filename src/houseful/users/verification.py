"""Whether an account's address is its owner's: shown by the link or the code of an email to it."""

import hmac

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Forbidden, StateConflict, Unauthenticated
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users import account_email, domain
from houseful.users.account_email import AccountEmail, Kind, Links
from houseful.users.domain import User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.login_attempts import EMAILS_TO_ADDRESS, VERIFICATIONS, Attempts, address_bucket


class Verification:
    def __init__(
        self, store: Store, outbox: EmailOutbox, links: Links, attempts: Attempts, clock: Clock
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._links = links
        self._attempts = attempts
        self._clock = clock

    async def send(self, who: Identity) -> None:
        """Another email to the account's address, unless it is verified. Raises `LimitReached`."""
        user = await self._store.get(User, who.user_id)
        if user is None or user.verified_at is not None:
            return
        await self._attempts.take(f"verifications:{user.id}", VERIFICATIONS)
        await self._attempts.take(address_bucket(user.address), EMAILS_TO_ADDRESS)

        async def work(tx: Transaction) -> None:
            self._outbox.queue(tx, Kind.VERIFY, user.email, user_id=user.id)

        await self._store.transact(work)

    async def by_link(self, token: str) -> None:
        """Following the link of a verified address again is no error. Raises `NotFound`, `StateConflict`."""
        id = self._links.email_id(Kind.VERIFY, token)
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            email = await tx.get(AccountEmail, id)
            user = await tx.get(User, email.user_id) if email is not None else None
            if email is None or user is None or user.address != email.address:
                raise account_email.expired()
            if user.verified_at is None:
                self._verify(tx, account_email.used(email, now), user, now)

        await self._store.transact(work)

    async def by_code(self, who: Identity, code: str) -> None:
        """Raises `Forbidden` (`code_wrong`), `StateConflict` (`code_expired`) where no code may be tried."""
        now = self._clock.now()
        newest = await self._store.find(
            AccountEmail, {"user_id": who.user_id, "kind": Kind.VERIFY}, descending=True, limit=1
        )

        async def work(tx: Transaction) -> bool:
            user = await tx.get(User, who.user_id)
            if user is None:
                raise Unauthenticated("token_invalid", "This access token's user does not exist.")
            if user.verified_at is not None:
                return True
            email = await tx.get(AccountEmail, newest[0].id) if newest else None
            if email is None or email.address != user.address or not account_email.takes_code(email, now):
                raise _no_code()
            if not hmac.compare_digest(self._links.code(email.id).encode(), code.encode()):
                tx.put(replace(email, wrong_codes=email.wrong_codes + 1))
                return False
            self._verify(tx, account_email.used(email, now), user, now)
            return True

        if not await self._store.transact(work):
            wrong = {"code": "is not the one of the newest email."}
            raise Forbidden("code_wrong", "This is not the code of the newest email.", errors=wrong)

    def _verify(self, tx: Transaction, email: AccountEmail, user: User, now: Millis) -> None:
        tx.put(email)
        tx.put(domain.verified(user, now))


def _no_code() -> StateConflict:
    return StateConflict("code_expired", "There is no code to type any more. Ask for a new email.")
