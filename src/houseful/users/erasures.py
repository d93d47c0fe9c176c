"""An account erased by its owner: at once where it is, and by a message in the other services."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import StateConflict, Unavailable
from houseful.kernel.ports import Clock, ServiceClient, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.messages import AccountErased
from houseful.users.account_email import AccountEmail, Kind
from houseful.users.domain import Admins, ErasedAccount, FormerAddress, Session, User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.passkey import take_off_passkeys
from houseful.users.password_changes import PasswordChanges, wrong_current
from houseful.users.revocations import Endings
from houseful.users.second_factor import take_off
from houseful.users.second_factors import SecondFactors
from houseful.webapi.account_parts import ERASURE, Obstacles
from houseful.webapi.audit import erase_actor
from houseful.webapi.revoked_tokens import Ending

D = TypeVar("D", bound=Document)

ASKED = ("tickets", "events")
"""The services that may have something that an account has to wait for."""

ERASED_AT_ONCE = 10
_AT_ONCE = 200
_AGAIN_MILLIS = 60_000
_LAST_MILLIS = 3_600_000
"""After so long no request of before the erasure is under way any more."""


class Erasures:
    def __init__(
        self,
        store: Store,
        client: ServiceClient,
        password_changes: PasswordChanges,
        second_factors: SecondFactors,
        outbox: EmailOutbox,
        endings: Endings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._client = client
        self._password_changes = password_changes
        self._second_factors = second_factors
        self._outbox = outbox
        self._endings = endings
        self._clock = clock

    async def erase(
        self, who: Identity, authorization: str, *, current_password: str, factor_code: str | None
    ) -> None:
        """The account is gone, and its sessions with it. Raises `Forbidden` where password or code are wrong,
        `LimitReached`, `StateConflict` where something has to be settled first."""
        verified = await self._password_changes.verify_current(who, current_password)
        await self._check_own(verified.id)
        for service in ASKED:
            await self._check_obstacles(service, authorization)
        await self._second_factors.check_owner(verified.id, factor_code)
        now = self._clock.now()

        async def work(tx: Transaction) -> Ending:
            user = await tx.get(User, verified.id)
            if user is None or user.password_version != verified.password_version:
                raise wrong_current()  # it was changed while we verified
            admins = await tx.get(Admins, Admins.ID)
            if admins is not None and user.id in admins.user_ids:
                raise _is_admin()  # giving the role puts the user, so that one of the two fails
            await take_off(tx, user.id)
            await take_off_passkeys(tx, user.id)
            await erase_actor(tx, user.id)
            tx.delete(user)
            tx.insert(ErasedAccount(id=user.id, erased_at=now, due_at=now))
            self._outbox.queue(tx, Kind.ACCOUNT_ERASED, user.email, user_id=user.id)
            tx.send(AccountErased(user_id=user.id, erased_at=now))
            return self._endings.of_user(tx, replace(user, tokens_version=user.tokens_version + 1))

        await self._endings.tell(await self._store.transact(work))

    async def _check_own(self, user_id: str) -> None:
        admins = await self._store.get(Admins, Admins.ID)
        if admins is not None and user_id in admins.user_ids:
            raise _is_admin()
        now = self._clock.now()
        former = await self._store.find(FormerAddress, {"user_id": user_id}, limit=_AT_ONCE)
        if any(one.until > now for one in former):
            # Whoever has taken an account must not be able to destroy it.
            raise StateConflict(
                "address_changed",
                "The address of this account was changed in the last seven days and can be changed back. "
                "The account can be erased after that.",
            )

    async def _check_obstacles(self, service: str, authorization: str) -> None:
        answer = await self._client.request(
            "GET", f"{ERASURE}/{service}", headers={"authorization": authorization}
        )
        if answer.status != 200:
            raise Unavailable(f"{service} can't be asked for obstacles: {answer.status}")
        for one in msgspec.json.decode(answer.body, type=Obstacles).obstacles:
            raise StateConflict(one.code, one.detail)

    async def erase_due(self) -> int:
        """Delete what is left of erased accounts; how many there were."""
        now = self._clock.now()
        due = await self._store.find(
            ErasedAccount, {}, by="due_at", since=0, until=now + 1, limit=ERASED_AT_ONCE
        )
        for account in due:
            await self._erase_rest(account, now)
        return len(due)

    async def _erase_rest(self, due: ErasedAccount, now: Millis) -> None:
        sessions = await self._store.find(
            Session, {"user_id": due.id}, by="expires_at", since=0, limit=_AT_ONCE
        )
        emails = await self._store.find(AccountEmail, {"user_id": due.id}, limit=_AT_ONCE)
        going = [one for one in emails if one.kind is Kind.ACCOUNT_ERASED and one.due_at is not None]
        former = await self._store.find(FormerAddress, {"user_id": due.id}, limit=_AT_ONCE)
        await self._delete(Session, sessions)
        await self._delete(AccountEmail, [one for one in emails if one not in going])
        await self._delete(FormerAddress, former)
        if max(len(sessions), len(emails), len(former)) == _AT_ONCE:
            again: Millis | None = now
        elif going:
            again = now + _AGAIN_MILLIS
        else:
            last = due.erased_at + _LAST_MILLIS
            again = last if now < last else None

        async def work(tx: Transaction) -> None:
            account = await tx.get(ErasedAccount, due.id)
            if account is not None and account.due_at == due.due_at:
                tx.put(replace(account, due_at=again))

        await self._store.transact(work)

    async def _delete(self, kind: type[D], found: Sequence[D]) -> None:
        async def work(tx: Transaction) -> None:
            for one in (await tx.get_many(kind, [one.id for one in found])).values():
                tx.delete(one)

        if found:
            await self._store.transact(work)


def _is_admin() -> StateConflict:
    return StateConflict(
        "own_admin_role",
        "Another admin has to take the role admin from this account before it can be erased.",
    )
