"""The ways to sign in: with a password, and a second factor where there is one; with a passkey."""

from typing import Any

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.errors import DomainError, Unauthenticated
from houseful.kernel.network_addresses import network
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.users import domain
from houseful.users.accounts import Accounts
from houseful.users.domain import Session, User
from houseful.users.login_attempts import Attempts, account_digest
from houseful.users.passkeys import Passkeys
from houseful.users.passwords import Passwords
from houseful.users.second_factors import SecondFactors
from houseful.users.sessions import Sessions, SignedIn


class SignIns:
    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        passwords: Passwords,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        sessions: Sessions,
        attempts: Attempts,
        clock: Clock,
        ids: Ids,
        *,
        session_days: int,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._sessions = sessions
        self._attempts = attempts
        self._clock = clock
        self._ids = ids
        self._session_days = session_days

    async def with_password(
        self,
        *,
        email: str,
        password: str,
        peer: str,
        user_agent: str = "",
        factor_code: str | None = None,
        passkey: dict[str, Any] | None = None,
    ) -> SignedIn:
        """Begins a session. Raises `Unauthenticated` `bad_credentials`, whichever of the two is wrong;
        `LimitReached`. Of an account with a second factor: `second_factor_required` or `second_factor_wrong`;
        a passkey of the account takes the place of a code, and raises as `Passkeys.owner` does.
        """
        key, password = email_addresses.searched(email), domain.typed_password(password)
        origin = network(peer)
        account = account_digest(key)
        user: User | None = None

        async def verify() -> bool:
            nonlocal user
            user = await self._accounts.by_address(key)
            return await self._passwords.verify(password, user.password_hash if user else None, whose=origin)

        if not await self._attempts.judge(account, origin, verify):
            raise _bad_credentials()
        assert user is not None, "no password verifies without an account"
        if passkey is not None:
            await self._passkeys.owner(passkey, peer, expected=user.id)
        else:
            await self._second_factors.check(user.id, factor_code)
        return await self._begin_session(user, await self._renewed_hash(user, password, origin), user_agent)

    async def with_passkey(self, credential: dict[str, Any], *, peer: str, user_agent: str = "") -> SignedIn:
        """Begins a session of whose passkey it is. The device has verified its user, so this is two factors.
        Raises as `Passkeys.owner` does."""
        user = await self._passkeys.owner(credential, peer)
        return await self._begin_session(user, user.password_hash, user_agent)

    async def _begin_session(self, verified: User, hash: str, user_agent: str) -> SignedIn:
        now = self._clock.now()
        id = self._ids.new("ses")

        async def work(tx: Transaction) -> tuple[User, Session]:
            user = await tx.get(User, verified.id)
            if user is None or user.password_version != verified.password_version:
                raise _bad_credentials()  # it was changed while we verified
            if hash != verified.password_hash == user.password_hash:
                tx.put(replace(user, password_hash=hash))
            # Not locked: a change of the password at this moment makes this session one of an earlier
            # `password_version`.
            session = domain.begin_session(id, user, now=now, days=self._session_days, user_agent=user_agent)
            tx.insert(session)
            return user, session

        return self._sessions.signed_in(*await self._store.transact(work), now)

    async def _renewed_hash(self, user: User, password: str, origin: str) -> str:
        """Today's parameters, as the password is at hand; not now where many wait, as the old hash still
        does."""
        if not self._passwords.outdated(user.password_hash):
            return user.password_hash
        try:
            return await self._passwords.hash(password, whose=origin)
        except DomainError:
            return user.password_hash


def _bad_credentials() -> DomainError:
    return Unauthenticated("bad_credentials", "The e-mail address or the password is not right.")
