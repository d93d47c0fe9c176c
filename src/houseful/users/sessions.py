"""Sessions: refreshed, ended, forgotten."""

from typing import NamedTuple

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.users import domain
from houseful.users.domain import Presented, Session, User
from houseful.users.login_attempts import REFRESHES, Attempts
from houseful.users.revocations import Endings
from houseful.users.tokens import AccessTokens, RefreshTokens
from houseful.webapi.revoked_tokens import Ending

log = get_logger(__name__)

_PURGE_BATCH = 500


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
            ended = []
            for session in (await tx.get_many(Session, sorted(id for id in ids if id))).values():
                if session.ended_at is None:
                    tx.put(domain.end(session, "logout", now))
                    ended.append(self._endings.of_session(tx, session))
            return ended

        if ids:
            await self._endings.tell(*await self._store.transact(work))

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
