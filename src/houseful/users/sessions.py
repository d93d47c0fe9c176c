"""Sessions: refreshed, ended, forgotten."""

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import not_found
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.kernel.telemetry import get_logger
from houseful.users import domain
from houseful.users.accounts import check_admin
from houseful.users.domain import Presented, Session, User
from houseful.users.login_attempts import REFRESHES, Attempts
from houseful.users.revocations import Endings
from houseful.users.tokens import AccessTokens, RefreshTokens
from houseful.webapi.audit import AuditLog, actor_of
from houseful.webapi.revoked_tokens import Ending

log = get_logger(__name__)

_PURGE_BATCH = 500
_ENDED_AT_ONCE = 100
_PAGE = 200


class SignedIn(NamedTuple):
    """A pair of tokens, and whose. `refresh_seconds` is how long the session still lasts."""

    user: User
    access_token: str
    access_seconds: int
    refresh_token: str
    refresh_seconds: int


class Sessions:
    def __init__(
        self,
        store: Store,
        access: AccessTokens,
        refresh: RefreshTokens,
        endings: Endings,
        attempts: Attempts,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._access = access
        self._refresh = refresh
        self._endings = endings
        self._attempts = attempts
        self._clock = clock
        self._ids = ids
        self._audit = AuditLog(clock, ids)

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
        return self.signed_in(user, session, now)

    async def logout(self, *, session_id: str | None = None, refresh_token: str | None = None) -> None:
        """Ends the session of an access token, and that of a refresh token, even an old one. Nothing to end
        is no error.

        Its access tokens end with it.
        """
        presented = self._refresh.read(refresh_token) if refresh_token else None
        ids = {session_id, presented.session_id if presented else None} - {None}
        now = self._clock.now()

        async def work(tx: Transaction) -> list[Ending]:
            return self._end(tx, (await tx.get_many(Session, sorted(id for id in ids if id))).values(), now)

        if ids:
            await self._endings.tell(*await self._store.transact(work))

    async def of_user(self, user_id: str) -> list[Session]:
        """Those that go on, the last used first."""
        user = await self._store.get(User, user_id)
        version = user.password_version if user is not None else 0
        found = [session async for session in self._not_expired(user_id)]
        going = [one for one in found if domain.goes_on(one, version, self._clock.now())]
        return sorted(going, key=lambda session: session.last_used_at, reverse=True)

    async def end(self, who: Identity, session_id: str) -> None:
        """Of one's own sessions this one, and its access tokens. Raises `NotFound`."""
        now = self._clock.now()

        async def work(tx: Transaction) -> list[Ending]:
            session = await tx.get(Session, session_id)
            if session is None or session.user_id != who.user_id:
                raise not_found("session")
            return self._end(tx, [session], now)

        await self._endings.tell(*await self._store.transact(work))

    async def end_others(self, who: Identity) -> None:
        """All of one's own but the one that asks."""
        now = self._clock.now()
        ids = [one.id async for one in self._not_expired(who.user_id) if one.id != who.session_id]

        async def work(tx: Transaction) -> list[Ending]:
            return self._end(tx, (await tx.get_many(Session, batch)).values(), now)

        for start in range(0, len(ids), _ENDED_AT_ONCE):
            batch = ids[start : start + _ENDED_AT_ONCE]
            await self._endings.tell(*await self._store.transact(work))

    async def end_all(self, user_id: str, by: Identity) -> None:
        """An admin ends all sessions of an account, in which somebody else may be. Raises `NotFound`,
        `Forbidden` where who asks is no admin any more."""
        now = self._clock.now()

        async def first(tx: Transaction) -> Ending:
            await check_admin(tx, by)
            user = await tx.get(User, user_id)
            if user is None:
                raise not_found("user")
            after = replace(user, tokens_version=user.tokens_version + 1)
            tx.put(after)
            await self._audit.record(tx, actor_of(by), "account.sessions_ended", f"account:{user_id}")
            return self._endings.of_user(tx, after)

        await self._endings.tell(await self._store.transact(first))
        ids = [one.id async for one in self._not_expired(user_id)]

        async def work(tx: Transaction) -> list[Ending]:
            return self._end(tx, (await tx.get_many(Session, batch)).values(), now)

        for start in range(0, len(ids), _ENDED_AT_ONCE):
            batch = ids[start : start + _ENDED_AT_ONCE]
            await self._endings.tell(*await self._store.transact(work))

    def _end(self, tx: Transaction, sessions: Iterable[Session], now: Millis) -> list[Ending]:
        ended = []
        for session in sessions:
            if session.ended_at is None:
                tx.put(domain.end(session, "logout", now))
                ended.append(self._endings.of_session(tx, session))
        return ended

    async def _not_expired(self, user_id: str) -> AsyncIterator[Session]:
        after: tuple[Millis, str] | None = None
        while True:
            page = await self._store.find(
                Session,
                {"user_id": user_id},
                by="expires_at",
                since=self._clock.now(),
                after=after,
                limit=_PAGE,
            )
            for session in page:
                if session.ended_at is None:
                    yield session
            if len(page) < _PAGE:
                return
            after = (page[-1].expires_at, page[-1].id)

    async def purge_expired(self) -> int:
        """Delete a batch of sessions that expired more than seven days ago; how many."""
        until = self._clock.now() - domain.KEPT_MILLIS
        old = await self._store.find(Session, {}, by="expires_at", until=until, limit=_PURGE_BATCH)

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(Session, [session.id for session in old])
            for session in found.values():
                tx.delete(session)
            return len(found)

        return await self._store.transact(work) if old else 0

    def signed_in(self, user: User, session: Session, now: Millis) -> SignedIn:
        """The session's present pair of tokens."""
        access = self._access.sign(user, session, id=self._ids.new("tok"), now=now)
        seconds = max(1, (session.expires_at - now) // 1000)
        return SignedIn(user, access, self._access.seconds, self._refresh.make(session), seconds)
