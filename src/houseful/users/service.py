"""What the users service does: one method per use case, each one transaction."""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.documents import Millis
from houseful.kernel.errors import (
    DomainError,
    Duplicate,
    Forbidden,
    Unauthenticated,
    Unavailable,
    not_found,
)
from houseful.kernel.network_addresses import network
from houseful.kernel.ports import Clock, Coordination, Ids, Store, Transaction
from houseful.kernel.roles import Identity, Role
from houseful.kernel.telemetry import get_logger
from houseful.settings import Secrets, Settings
from houseful.users import domain
from houseful.users.accounts import Accounts, keep_admins
from houseful.users.domain import Admins, Presented, Session, User
from houseful.users.login_attempts import REFRESHES, REGISTRATIONS, Attempts
from houseful.users.passwords import Passwords
from houseful.users.revocations import Endings
from houseful.users.tokens import AccessTokens, RefreshCookie, RefreshTokens
from houseful.webapi.manifest import Platform
from houseful.webapi.revoked_tokens import Ending

log = get_logger(__name__)

_DUPLICATES_AT_MOST = 5
_FORGET_BATCH = 500
_FORGET_PAUSE_SECONDS = 3600.0


class SignedIn(NamedTuple):
    """A pair of tokens, and whose. `refresh_seconds` is how long the session still lasts."""

    user: User
    access_token: str
    access_seconds: int
    refresh_token: str
    refresh_seconds: int


class Registered(NamedTuple):
    id: str
    email: str
    name: str


class Users:
    """The use cases. Safe to be called concurrently, and by several processes on one store."""

    def __init__(
        self,
        *,
        settings: Settings,
        secrets: Secrets,
        store: Store,
        coordination: Coordination,
        clock: Clock,
        ids: Ids,
        passwords: Passwords | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._session_days = settings.session_days
        self._attempts = Attempts(coordination, clock, limited=settings.rate_limits == "on")
        self._passwords = passwords or Passwords(ids)
        self._access = AccessTokens(secrets.raw("token_key"), seconds=settings.access_token_seconds)
        self._refresh = RefreshTokens(secrets.raw("session_key"))
        self._endings = Endings(store, coordination, clock)
        self._accounts = Accounts(store, clock, ids)
        self.cookie = RefreshCookie(settings.base_url)

    @classmethod
    def build(cls, platform: Platform) -> "Users":
        return cls(
            settings=platform.settings,
            secrets=platform.secrets,
            store=platform.store,
            coordination=platform.coordination,
            clock=platform.clock,
            ids=platform.ids,
        )

    @property
    def published_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) that verifies access tokens."""
        return self._access.published

    async def register(self, *, email: str, password: str, name: str, peer: str) -> Registered:
        """A new account; where the address has one already, the answer looks the same, takes as long, and
        changes nothing.

        Raises `Invalid` by field, `LimitReached`.
        """
        found, name = email_addresses.address(email), domain.person(name)
        password = domain.new_password(password, found.email)
        origin = network(peer)
        await self._attempts.take(f"register:{origin}", REGISTRATIONS)
        hash = await self._passwords.hash(password, whose=origin, new_account=True)
        user = self._accounts.new(found, name, hash)

        async def work(tx: Transaction) -> None:
            tx.insert(user)

        await self._accounts.by_address(found.key)  # an account by the first versions' key gets today's
        try:
            await self._store.transact(work)
        except Duplicate:
            log.info("registration of an address that has an account")
        return Registered(user.id, user.email, user.name)

    async def login(self, *, email: str, password: str, peer: str, user_agent: str = "") -> SignedIn:
        """Begins a session. Raises `Unauthenticated` `bad_credentials`, whichever of the two is wrong;
        `LimitReached`."""
        key, password = email_addresses.searched(email), domain.typed_password(password)
        origin = network(peer)
        account = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        user: User | None = None

        async def verify() -> bool:
            nonlocal user
            user = await self._accounts.by_address(key)
            return await self._passwords.verify(password, user.password_hash if user else None, whose=origin)

        if not await self._attempts.judge(account, origin, verify):
            raise _bad_credentials()
        assert user is not None, "no password verifies without an account"
        return await self._begin_session(user, await self._renewed_hash(user, password, origin), user_agent)

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

        return self._signed_in(*await self._store.transact(work), now)

    async def _renewed_hash(self, user: User, password: str, origin: str) -> str:
        """Today's parameters, as the password is at hand; not now where many wait, as the old hash still
        does."""
        if not self._passwords.outdated(user.password_hash):
            return user.password_hash
        try:
            return await self._passwords.hash(password, whose=origin)
        except DomainError:
            return user.password_hash

    async def refresh(self, token: str) -> SignedIn:
        """The next pair of tokens, with the roles of this moment. Parallel calls with one token get one
        successor.

        Raises `LimitReached`, or `Unauthenticated`: `refresh_invalid`, `refresh_expired`, or
        `refresh_reused`, which has ended the session.
        """
        presented = self._refresh.read(token)
        if presented is None:
            raise domain.refresh_refusal(Presented.ENDED)
        await self._attempts.take(f"refresh:{presented.session_id}", REFRESHES)
        now = self._clock.now()

        ended: list[Ending] = []

        async def work(tx: Transaction) -> tuple[Presented, User, Session]:
            ended.clear()
            session = await tx.get(Session, presented.session_id)
            user = await tx.get(User, session.user_id) if session else None
            if session is None or user is None:
                raise domain.refresh_refusal(Presented.ENDED)
            what, after = domain.present(session, presented.generation, user.password_version, now)
            if after is not session:
                tx.put(after)
            if what is Presented.REUSED:
                ended.append(self._endings.of_session(tx, after))
            return what, user, after

        what, user, session = await self._store.transact(work)
        await self._endings.tell(*ended)
        if what is Presented.REUSED:
            log.warning("refresh token reused, session ended", extra={"session": session.id, "user": user.id})
        if what not in (Presented.ROTATED, Presented.REPEATED):
            raise domain.refresh_refusal(what)
        return self._signed_in(user, session, now)

    async def logout(self, *, session_id: str | None = None, refresh_token: str | None = None) -> None:
        """Ends the session of an access token, and that of a refresh token, even an old one. Nothing to end
        is no error.

        Its access tokens end with it.
        """
        presented = self._refresh.read(refresh_token) if refresh_token else None
        ids = {session_id, presented.session_id if presented else None} - {None}
        now = self._clock.now()

        async def work(tx: Transaction) -> list[Ending]:
            ended = []
            for session in (await tx.get_many(Session, sorted(id for id in ids if id))).values():
                if session.ended_at is None:
                    tx.put(domain.end(session, "logout", now))
                    ended.append(self._endings.of_session(tx, session))
            return ended

        if ids:
            await self._endings.tell(*await self._store.transact(work))

    async def change_password(self, who: Identity, *, current: str, new: str) -> None:
        """Ends all other sessions of the user; this one goes on. Raises `Forbidden` where
        `current` is wrong, `Invalid`, `LimitReached`."""
        verified = await self.me(who)
        new = domain.new_password(new, verified.email, field="new_password")
        current = domain.typed_password(current)

        async def verify() -> bool:
            return await self._passwords.verify(current, verified.password_hash, whose=who.user_id)

        if not await self._attempts.judge(who.user_id, who.user_id, verify):
            raise _wrong_current()
        hash = await self._passwords.hash(new, whose=who.user_id)

        async def work(tx: Transaction) -> Ending:
            user = await tx.get(User, who.user_id)
            session = await tx.get(Session, who.session_id)
            if user is None or user.password_version != verified.password_version:
                raise _wrong_current()  # it was changed while we verified
            after = domain.with_password(user, hash)
            tx.put(after)
            goes_on = session is not None and session.password_version == user.password_version
            if session is not None and goes_on:
                tx.put(replace(session, password_version=after.password_version))
            return self._endings.of_user(tx, after, kept_session=who.session_id if goes_on else "")

        await self._endings.tell(await self._store.transact(work))

    async def me(self, who: Identity) -> User:
        """Raises `Unauthenticated` where the token is of another installation's user."""
        user = await self._store.get(User, who.user_id)
        if user is None:
            raise Unauthenticated("token_invalid", "This access token's user does not exist.")
        return user

    async def page(self, *, q: str, cursor: str | None, limit: int) -> tuple[list[User], str | None]:
        """See `Accounts.page`."""
        return await self._accounts.page(q=q, cursor=cursor, limit=limit)

    async def gate_account(self, email: str) -> User:
        """Raises `NotFound` where no account with the role gate has this address."""
        user = await self._accounts.by_address(email_addresses.searched(email))
        if user is None or Role.GATE not in user.roles:
            raise not_found("account")
        return user

    async def set_roles(self, user_id: str, roles: Iterable[Role], *, by: Identity) -> User:
        """The user's access tokens end; the next refresh gives one with these roles. Raises
        `NotFound`;
        `StateConflict` where an admin would lose the own role, so that there is always one left;
        `Forbidden` where who asks is no admin any more, whatever the access token still says."""
        roles = list(roles)

        async def work(tx: Transaction) -> tuple[User, list[Ending]]:
            admins = await tx.get(Admins, Admins.ID)
            if admins is None or by.user_id not in admins.user_ids:
                raise Forbidden("forbidden", "You are no admin any more.")
            user = await tx.get(User, user_id)
            if user is None:
                raise not_found("user")
            after = domain.with_roles(user, roles)
            tx.put(after)
            await keep_admins(tx, after, by=by.user_id)
            return after, self._ended_by(tx, user, after)

        after, ended = await self._store.transact(work)
        await self._endings.tell(*ended)
        return after

    def _ended_by(self, tx: Transaction, before: User, after: User) -> list[Ending]:
        same = before.tokens_version == after.tokens_version
        return [] if same else [self._endings.of_user(tx, after)]

    async def create_user(self, email: str, password: str, name: str, roles: Iterable[Role] = ()) -> User:
        """For the operator: the account with at least these roles and this password, new or not.

        An account that exists keeps its name; where its password is another one, all its sessions end. Raises
        `Invalid`.
        """
        found, roles = email_addresses.address(email), list(roles)
        password = domain.new_password(password, found.email)
        hash = await self._passwords.hash(password, whose=found.key)
        new = domain.with_roles(self._accounts.new(found, domain.person(name), hash), roles)
        for _ in range(_DUPLICATES_AT_MOST):
            known = await self._accounts.by_address(found.key)
            try:
                if known is None:
                    return await self._add(new)
                same = await self._passwords.verify(password, known.password_hash, whose=found.key)
                return await self._raise(known, roles, new.password_hash, same_password=same)
            except Duplicate:
                continue  # somebody registered the address, or became the first admin, just now
        raise Unavailable(f"accounts come and go too fast to make one for {found.email}")

    async def _add(self, new: User) -> User:
        async def work(tx: Transaction) -> User:
            tx.insert(new)
            await keep_admins(tx, new, by=None)
            return new

        return await self._store.transact(work)

    async def _raise(self, known: User, roles: Iterable[Role], hash: str, *, same_password: bool) -> User:
        async def work(tx: Transaction) -> tuple[User, list[Ending]]:
            user = await tx.get(User, known.id)
            if user is None:
                raise not_found("user")
            after = domain.with_roles(user, (*user.roles, *roles))
            if not same_password or user.password_version != known.password_version:
                after = domain.with_password(after, hash)
            tx.put(after)
            await keep_admins(tx, after, by=None)
            return after, self._ended_by(tx, user, after)

        after, ended = await self._store.transact(work)
        await self._endings.tell(*ended)
        return after

    async def ended_tokens(self, since: Millis) -> list[Ending]:
        """What ended access tokens since then, as long as it matters."""
        return await self._endings.since(since)

    async def purge_expired_sessions(self) -> int:
        """Delete a batch of sessions that expired more than seven days ago; how many."""
        until = self._clock.now() - domain.KEPT_MILLIS
        old = await self._store.find(Session, {}, by="expires_at", until=until, limit=_FORGET_BATCH)

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(Session, [session.id for session in old])
            for session in found.values():
                tx.delete(session)
            return len(found)

        return await self._store.transact(work) if old else 0

    async def purge_expired(self) -> None:
        """The job; until cancelled."""
        while True:
            while await self.purge_expired_sessions() or await self._endings.purge_expired():
                pass
            await self._clock.sleep(_FORGET_PAUSE_SECONDS)

    def _signed_in(self, user: User, session: Session, now: Millis) -> SignedIn:
        access = self._access.sign(user, session, id=self._ids.new("tok"), now=now)
        seconds = max(1, (session.expires_at - now) // 1000)
        return SignedIn(user, access, self._access.seconds, self._refresh.make(session), seconds)


def _bad_credentials() -> DomainError:
    return Unauthenticated("bad_credentials", "The e-mail address or the password is not right.")


def _wrong_current() -> DomainError:
    wrong = {"current_password": "is not right."}
    return Forbidden("bad_credentials", "The current password is not right.", errors=wrong)
