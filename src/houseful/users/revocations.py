"""What ends access tokens before their time, written down with what ended them and told to every process."""

from contextlib import suppress

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Coordination, Store, Transaction
from houseful.users.domain import Session, User
from houseful.webapi.revoked_tokens import CHANNEL, KEPT_MILLIS, Ending, signal

_PAGE = 1000
_FORGET_BATCH = 500


class TokensEnded(Document, frozen=True, kw_only=True):
    """An `Ending`, by the session's id, or the user's with the version."""

    collection = "ended_tokens"
    indexes = (Index(("at",)),)

    at: Millis
    session_id: str = ""
    user_id: str = ""
    version: int = 0
    kept_session: str = ""


class Endings:
    def __init__(self, store: Store, coordination: Coordination, clock: Clock) -> None:
        self._store = store
        self._coordination = coordination
        self._clock = clock

    def of_session(self, tx: Transaction, session: Session) -> Ending:
        return self._written(tx, session.id, Ending(at=self._clock.now(), session_id=session.id))

    def of_user(self, tx: Transaction, user: User, *, kept_session: str = "") -> Ending:
        """All that were made before the user's present `tokens_version`."""
        ending = Ending(
            at=self._clock.now(),
            user_id=user.id,
            version=user.tokens_version,
            kept_session=kept_session,
        )
        return self._written(tx, f"{user.id}:{user.tokens_version}", ending)

    def _written(self, tx: Transaction, id: str, ending: Ending) -> Ending:
        tx.insert_or_ignore(
            TokensEnded(
                id=id,
                at=ending.at,
                session_id=ending.session_id,
                user_id=ending.user_id,
                version=ending.version,
                kept_session=ending.kept_session,
            )
        )
        return ending

    async def tell(self, *endings: Ending) -> None:
        """After the commit. Whoever does not hear it looks by itself."""
        with suppress(Unavailable):
            for ending in endings:
                await self._coordination.publish(CHANNEL, signal(ending))

    async def since(self, moment: Millis) -> list[Ending]:
        """Of what still matters, all that was written down since then."""
        begin = max(moment, self._clock.now() - KEPT_MILLIS)
        found: list[Ending] = []
        after: tuple[Millis, str] | None = None
        while True:
            page = await self._store.find(TokensEnded, {}, by="at", since=begin, after=after, limit=_PAGE)
            found += [
                Ending(one.at, one.session_id, one.user_id, one.version, one.kept_session) for one in page
            ]
            if len(page) < _PAGE:
                return found
            after = (page[-1].at, page[-1].id)

    async def purge_expired(self) -> int:
        """Delete a batch of those of which no token can hold any more; how many."""
        until = self._clock.now() - 2 * KEPT_MILLIS
        old = await self._store.find(TokensEnded, {}, by="at", until=until, limit=_FORGET_BATCH)

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(TokensEnded, [one.id for one in old])
            for one in found.values():
                tx.delete(one)
            return len(found)

        return await self._store.transact(work) if old else 0
